"""Everything that the fine-tuning of a click model needs before its first step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from napari_vlseg.errors import PromptError
from napari_vlseg.events import Notice, Progress, Work
from napari_vlseg.models.base import PromptableEmbedding
from napari_vlseg.models.sam import SamSegmenter
from napari_vlseg.training.finetune.clicks.assessing import Measured, to_measure
from napari_vlseg.training.finetune.clicks.replay import ClickBank, click_bank
from napari_vlseg.training.finetune.clicks.settings import ClickSettings
from napari_vlseg.training.finetune.clicks.sights import Learned, learned_objects
from napari_vlseg.training.finetune.corrected import CorrectedPlane
from napari_vlseg.training.finetune.preparing import corrections_sha256
from napari_vlseg.training.finetune.splitting import split_corrections
from napari_vlseg.workflow.cache import EmbeddingCache, encode

_Encoded = tuple[CorrectedPlane, PromptableEmbedding]


@dataclass(frozen=True, eq=False)
class ClickCourse:
    """What is learned, and what it is measured on.

    Attributes
    ----------
    training, held_out : tuple of Learned
        `held_out` may be empty.
    measured : tuple of Measured
        Held-out objects, or without any the training objects.
    bank : ClickBank
    n_objects, n_held_out : dict of str to int
        Objects of each class on either side.
    sha256 : str
        Hash of all planes and corrections.
    """

    training: tuple[Learned, ...] = field(repr=False)
    held_out: tuple[Learned, ...] = field(repr=False)
    measured: tuple[Measured, ...] = field(repr=False)
    bank: ClickBank = field(repr=False)
    n_objects: dict[str, int]
    n_held_out: dict[str, int]
    sha256: str

    @property
    def is_held_out(self) -> bool:
        """Whether anything was held out to measure on."""
        return len(self.held_out) > 0


def prepare_clicks(
    model: SamSegmenter,
    planes: Sequence[CorrectedPlane],
    settings: ClickSettings,
    *,
    cache: EmbeddingCache | None = None,
    bank: ClickBank | None = None,
) -> Work[ClickCourse]:
    """Encode what was not encoded before, and set apart what is measured on.

    Yields
    ------
    Progress or Notice

    Raises
    ------
    PromptError
        If nothing was corrected, or nothing that the model can draw.
    """
    sides = split_corrections(planes, settings.held_out_share, settings.seed)
    objects: list[list[Learned]] = [[], []]
    encoded: list[list[_Encoded]] = [[], []]
    jobs = [(side, plane) for side, part in enumerate(sides) for plane in part if plane.objects]
    for done, (side, plane) in enumerate(jobs):
        embedding = yield from encode(model, plane.plane, cache=cache)
        size, seed, is_trained_on = embedding.content.nbytes, settings.seed + done, side == 0
        objects[side] += yield from learned_objects(
            model, embedding, plane, seed=seed, mirrored=is_trained_on
        )
        if cache is not None and embedding.content.nbytes > size:
            yield from cache.store(model, embedding)  # it holds more windows than before
        encoded[side].append((plane, embedding))
        yield Progress("preparing", done + 1, len(jobs))
    training, held_out = (tuple(part) for part in objects)
    n_left_out = sum(len(plane.objects) for _, plane in jobs) - len(training) - len(held_out)
    if n_left_out:
        yield Notice(
            f"{n_left_out} corrected objects are too small for {model.info.name} to outline, and "
            "teach it nothing."
        )
    if not training:
        raise PromptError(
            "There is nothing to learn from yet: accept, correct or draw objects that are "
            "large enough to outline."
        )
    if bank is None and settings.replay_weight:
        bank = yield from click_bank(model, settings.replay_objects, settings.seed, cache=cache)
    names = list(dict.fromkeys(name for plane in planes for name in plane.objects.values()))
    return ClickCourse(
        training,
        held_out,
        to_measure(encoded[1] if held_out else encoded[0], settings.seed),
        bank or ClickBank(),
        _count(training, names),
        _count(held_out, names),
        corrections_sha256(planes),
    )


def _count(objects: Sequence[Learned], names: Sequence[str]) -> dict[str, int]:
    own = [thing.class_name for thing in objects]
    return {name: own.count(name) for name in names}
