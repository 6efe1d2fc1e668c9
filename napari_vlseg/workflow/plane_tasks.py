"""A whole plane as a task: pixels and a question become proposals, here or on another machine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from napari_vlseg.errors import VlsegError
from napari_vlseg.events import Event, Progress, Work
from napari_vlseg.images import ImageView, extract_plane, leading_axes
from napari_vlseg.models.base import DenseSegmenter
from napari_vlseg.models.registry import require_dense, require_promptable
from napari_vlseg.prompts import PromptTable
from napari_vlseg.proposals import ModelInfo, PostProcess, Proposals
from napari_vlseg.workflow.blocks import BlockResult, BlockRunner, BlockSource, segment_blocks
from napari_vlseg.workflow.cache import EmbeddingCache
from napari_vlseg.workflow.everything import EverythingSettings, segment_everything
from napari_vlseg.workflow.refine import propose_refined

if TYPE_CHECKING:
    from napari_vlseg.models.spec import AnyModel

READING = "reading images"
"""Stage of the sign that a task is waited for."""

_POLL_S = 0.1


@dataclass(frozen=True, eq=False)
class PlaneTask:
    """The pixels of a plane.

    Attributes
    ----------
    number : int
        Chosen by whoever asks; the answer has the same.
    pixels : numpy.ndarray
        As the image holds them, leading axes of length 1, channels and RGB included.
    view : ImageView
        Of the pixels.
    """

    number: int
    pixels: np.ndarray
    view: ImageView

    def plane(self) -> np.ndarray:
        """The pixels as a model sees them, float32 (H, W, 3) in [0, 1]."""
        return extract_plane(
            self.pixels, (0,) * len(leading_axes(self.pixels, self.view)), self.view
        )


@dataclass(frozen=True, eq=False)
class PlaneAnswer:
    """What became of a plane.

    Attributes
    ----------
    number : int
    proposals : Proposals or None
        None where there is an error. The probabilities are there if they were asked for.
    error : str
        One sentence.
    """

    number: int
    proposals: Proposals | None = None
    error: str = ""


class PlaneQuestion(Protocol):
    """What all planes of a run are asked."""

    def facts(self) -> dict[str, Any]:
        """JSON values that decide the answers beside pixels and models."""
        ...

    def steps(
        self, models: Sequence[AnyModel], plane: np.ndarray, cache: EmbeddingCache | None
    ) -> Work[Proposals]:
        """The work that answers, of a plane float32 (H, W, 3) in [0, 1]."""
        ...


@dataclass(frozen=True, eq=False)
class TextQuestion:
    """Text and references: asked of a `DenseSegmenter`, and of a click model where there is one.

    Attributes
    ----------
    prompts, postprocess, working_scale, edges
        See `napari_vlseg.workflow.refine.propose_refined`.
    """

    prompts: PromptTable
    postprocess: PostProcess = field(default_factory=PostProcess)
    working_scale: float | None = None
    edges: bool | None = None

    def facts(self) -> dict[str, Any]:
        """See `PlaneQuestion.facts`."""
        return {
            "prompts": self.prompts.to_json(),
            "postprocess": asdict(self.postprocess),
            "working_scale": self.working_scale,
            "edges": self.edges,
        }

    def steps(
        self, models: Sequence[AnyModel], plane: np.ndarray, cache: EmbeddingCache | None
    ) -> Work[Proposals]:
        """See `PlaneQuestion.steps`."""
        dense, *clicking = models
        return propose_refined(
            require_dense(dense),
            plane,
            self.prompts,
            outliner=require_promptable(clicking[0]) if clicking else None,
            postprocess=self.postprocess,
            working_scale=self.working_scale,
            edges=self.edges,
            cache=cache,
        )

    def segment_blocks(
        self,
        model: DenseSegmenter,
        source: BlockSource,
        folder: Path,
        planes: Sequence[tuple[int, ...]],
        runner: BlockRunner | None = None,
    ) -> Work[BlockResult]:
        """The work that answers of an image of any size; a click model has no part in it.

        Parameters
        ----------
        model, source, folder, planes, runner
            See `napari_vlseg.workflow.blocks.segment_blocks`.
        """
        return segment_blocks(
            source,
            model,
            self.prompts,
            folder=folder,
            planes=planes,
            postprocess=self.postprocess,
            working_scale=self.working_scale,
            edges=self.edges,
            runner=runner,
        )


@dataclass(frozen=True)
class EverythingQuestion:
    """All objects, without a prompt: asked of a click model.

    Attributes
    ----------
    settings : EverythingSettings
    """

    settings: EverythingSettings = field(default_factory=EverythingSettings)

    def facts(self) -> dict[str, Any]:
        """See `PlaneQuestion.facts`."""
        return {"everything": asdict(self.settings)}

    def steps(
        self, models: Sequence[AnyModel], plane: np.ndarray, cache: EmbeddingCache | None
    ) -> Work[Proposals]:
        """See `PlaneQuestion.steps`."""
        (model,) = models
        return segment_everything(
            require_promptable(model), plane, cache=cache, settings=self.settings
        )


class PlaneRunner(Protocol):
    """Answers tasks, on this machine or on others."""

    @property
    def models(self) -> tuple[ModelInfo, ...]:
        """What answers."""
        ...

    def answers(
        self, question: PlaneQuestion, tasks: Iterator[PlaneTask], maps: bool
    ) -> Iterator[Event | PlaneAnswer]:
        """Answer tasks, in any order, with the probabilities where `maps`.

        Only a few tasks are taken ahead, by another thread. While they are waited for, there is
        a sign of it at least every 0.2 s. Closing the iterator cancels what is left.
        """
        ...

    def blocks(
        self,
        question: TextQuestion,
        source: BlockSource,
        folder: Path,
        planes: Sequence[tuple[int, ...]],
    ) -> Work[BlockResult]:
        """The work of `TextQuestion.segment_blocks`, where the models are."""
        ...


class LocalPlanes:
    """Answers tasks one after another in this process; the next one is read meanwhile.

    Parameters
    ----------
    models : sequence of DenseSegmenter or PromptableSegmenter
        Those that the question is for.
    cache : EmbeddingCache, optional
    """

    def __init__(self, models: Sequence[AnyModel], cache: EmbeddingCache | None = None) -> None:
        self._models = tuple(models)
        self._cache = cache

    @property
    def models(self) -> tuple[ModelInfo, ...]:
        """See `PlaneRunner.models`."""
        return tuple(model.info for model in self._models)

    def answers(
        self, question: PlaneQuestion, tasks: Iterator[PlaneTask], maps: bool
    ) -> Iterator[Event | PlaneAnswer]:
        """See `PlaneRunner.answers`; the probabilities are always there."""
        with ThreadPoolExecutor(1, "read-images") as reading:
            ahead = reading.submit(next, tasks, None)
            while True:
                while not wait([ahead], _POLL_S).done:
                    yield Progress(READING, 0, 1)
                task = ahead.result()
                if task is None:
                    return
                ahead = reading.submit(next, tasks, None)
                yield (yield from answer_plane(question, self._models, task, self._cache))

    def blocks(
        self,
        question: TextQuestion,
        source: BlockSource,
        folder: Path,
        planes: Sequence[tuple[int, ...]],
    ) -> Work[BlockResult]:
        """See `PlaneRunner.blocks`; encoded blocks are not kept, as they are too many."""
        return question.segment_blocks(require_dense(self._models[0]), source, folder, planes)


def answer_plane(
    question: PlaneQuestion,
    models: Sequence[AnyModel],
    task: PlaneTask,
    cache: EmbeddingCache | None = None,
) -> Work[PlaneAnswer]:
    """Answer one task; what is wrong with the image becomes part of the answer.

    Yields
    ------
    Progress or Notice

    Returns
    -------
    PlaneAnswer
    """
    try:
        return PlaneAnswer(task.number, (yield from question.steps(models, task.plane(), cache)))
    except VlsegError as error:
        return PlaneAnswer(task.number, error=str(error))
