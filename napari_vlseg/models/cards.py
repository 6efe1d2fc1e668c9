"""What a model says of itself: its card and its vocabulary, read without loading it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from napari_vlseg.models.spec import ModelSpec, bundled_folder
from napari_vlseg.models.vocabulary import Vocabulary

CARD_FILE = "README.md"


@dataclass(frozen=True)
class ModelCard:
    """The card of a model.

    Attributes
    ----------
    place : str
        Path of its file, or its address where the model is not on this machine; "" if unknown.
    text : str
        Markdown; "" where the model is not on this machine.
    words : tuple of str
        The vocabulary in alphabetical order; empty where the model can't tell.
    """

    place: str = ""
    text: str = ""
    words: tuple[str, ...] = ()

    @property
    def summary(self) -> str:
        """The first paragraph, in one line."""
        body = self.text
        if body.startswith("---\n"):  # settings of the hub
            body = body.partition("\n---\n")[2]
        paragraphs = (part.strip() for part in body.split("\n\n"))
        return next((" ".join(part.split()) for part in paragraphs if part[:1].isalnum()), "")


def read_card(spec: ModelSpec) -> ModelCard:
    """Read what lies beside a model's weights.

    Parameters
    ----------
    spec : ModelSpec

    Returns
    -------
    ModelCard
        For a model of the hub that is not on this machine, its address alone; empty for a
        plugin's model.

    Raises
    ------
    ModelError
        If the vocabulary is not of its format.
    """
    folder = _folder(spec)
    address = f"https://huggingface.co/{spec.repo_id}" if spec.source == "hub" else ""
    if folder is None:
        return ModelCard(address)
    words = Vocabulary.from_folder(folder).words
    card = folder / CARD_FILE
    if not card.is_file():
        return ModelCard(address, "", words)
    return ModelCard(str(card), card.read_text("utf-8"), words)


def _folder(spec: ModelSpec) -> Path | None:
    if spec.source == "bundled":
        return bundled_folder(spec.name)
    if spec.source == "hub":
        from napari_vlseg.models.hub import HubRepository, cached_folder

        return cached_folder(HubRepository(spec.repo_id))
    return None
