"""What clicking has done beside the window: a plane encoded, a prompt answered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from napari_vlseg.errors import ModelError
from napari_vlseg.events import Work
from napari_vlseg.models.base import PromptableEmbedding, PromptableSegmenter
from napari_vlseg.models.registry import DEFAULT_CLICK_MODEL
from napari_vlseg.object_prompts import ObjectPrompt
from napari_vlseg.ui.image_choice import Snapshot
from napari_vlseg.ui.jobs import LoadedModel, ModelSettings
from napari_vlseg.workflow.cache import EmbeddingCache, encode
from napari_vlseg.workflow.outlines import Outline

Latest = Callable[[], tuple[int, ObjectPrompt] | None]


@dataclass(frozen=True, eq=False)
class Prepared:
    """A plane that clicks are answered from.

    Attributes
    ----------
    model : PromptableSegmenter
    embedding : PromptableEmbedding
    """

    model: PromptableSegmenter
    embedding: PromptableEmbedding


@dataclass(frozen=True, eq=False)
class Answer:
    """Candidates for the question of a number, best first."""

    number: int
    candidates: tuple[Outline, ...]
    model: str


def prepare_job(
    models: LoadedModel[Any],
    settings: ModelSettings,
    snapshot: Snapshot,
    cache: EmbeddingCache,
) -> Work[Prepared]:
    """Load the click model and encode a plane, where this was not done before."""
    model = yield from models.get(settings)
    if not isinstance(model, PromptableSegmenter):
        raise ModelError(
            f"The model “{settings.name}” takes no clicks: choose {DEFAULT_CLICK_MODEL} beside "
            "the click tools."
        )
    plane = snapshot.plane()
    return Prepared(model, (yield from encode(model, plane, cache=cache)))


def answer_job(prepared: Prepared, latest: Latest) -> Work[Answer | None]:
    """Answer the question that is open when the job comes to it; None if there is none."""
    asked = latest()
    if asked is None:
        return None
    number, prompt = asked
    (found,) = yield from prepared.model.predict_objects_steps(
        prepared.embedding, [prompt], multimask=True
    )
    outlines = tuple(map(Outline.of_proposal, found))
    return Answer(number, outlines, str(prepared.model.info))
