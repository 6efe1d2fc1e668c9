"""The image after this one encoded while a person works on this one."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_vlseg.corrections.worklist import Worklist
from napari_vlseg.errors import VlsegError
from napari_vlseg.events import Progress, Work
from napari_vlseg.images import (
    ImageView,
    extract_plane,
    lasting_view,
    leading_axes,
    read_image,
)
from napari_vlseg.ui.clicks.answering import CLICK_LANE
from napari_vlseg.ui.opening import carried_view
from napari_vlseg.ui.runner import Handlers
from napari_vlseg.ui.segmenter import MODEL_LANE
from napari_vlseg.workflow.cache import EmbeddingCache, encode

if TYPE_CHECKING:
    from napari_vlseg.models.spec import AnyModel
    from napari_vlseg.ui.controller import Controller

AHEAD_LANE = "ahead"
_PAUSE_S = 0.02


@dataclass(frozen=True, eq=False)
class Encoding:
    """What encodes ahead: a model that is loaded, and its working scale."""

    model: AnyModel
    working_scale: float | None = None


class EncodeAhead:
    """Encodes one image of a list in a lane of its own, with the models that are in use.

    Parameters
    ----------
    controller : Controller
    """

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        self._planned: tuple[Worklist, int] | None = None
        self._encoded: tuple[object, ...] | None = None

    def plan(self, worklist: Worklist, position: int | None) -> None:
        """Encode an image of the list when there is nothing else to do; None is none."""
        self._planned = None if position is None else (worklist, position)
        self.look()

    def look(self) -> None:
        """Begin, where an image is planned and a model is loaded: after each answer of one."""
        if self._planned is None:
            return
        worklist, position = self._planned
        file, models = worklist.file(position), self._models()
        asked = (file, *(id(encoding.model) for encoding in models))
        if file is None or not models or asked == self._encoded:
            return
        self._encoded = asked
        image = self._controller.images.layer
        view = None if image is None else self._controller.images.view(image)
        work = ahead_job(
            lambda: read_image(file),
            view,
            models,
            self._controller.embeddings,
            self._person_waits,
        )
        ignored = Handlers(*(lambda *_: None for _ in range(4)))
        self._controller.runner.start(AHEAD_LANE, work, ignored)

    def stop(self) -> None:
        """Encode nothing any more."""
        self._planned = self._encoded = None
        self._controller.runner.cancel(AHEAD_LANE)

    def _models(self) -> list[Encoding]:
        """The models that the person has loaded: none is loaded for what may not be asked."""
        controller = self._controller
        dense = controller.models.peek(controller.settings)
        clicks = controller.clicks.models.peek(controller.clicks.settings)
        found = [] if dense is None else [Encoding(dense, controller.settings.working_scale)]
        if clicks is not None and (controller.clicks.tool is not None or controller.outlines):
            found.append(Encoding(clicks))
        return found

    def _person_waits(self) -> bool:
        runner = self._controller.runner
        return runner.busy(MODEL_LANE) or runner.busy(CLICK_LANE)


def ahead_job(
    read: Callable[[], Any],
    view: ImageView | None,
    models: Sequence[Encoding],
    cache: EmbeddingCache,
    person_waits: Callable[[], bool],
) -> Work[None]:
    """Encode the plane of an image that is shown first, and rest while a person waits.

    An image that can't be read is passed over: the person is told when it is its turn.

    Parameters
    ----------
    read : callable
        Gives the image.
    view : ImageView or None
        How the image before it is looked at; the next one is likely looked at alike.
    models : sequence of Encoding
    cache : EmbeddingCache
    person_waits : callable
        Whether the processor is wanted for what somebody asked.

    Yields
    ------
    Progress
    """
    try:
        source = read()
        shown = source.view if view is None else carried_view(view, source.data, source.view)
        axes = leading_axes(source.data, shown)
        shown = lasting_view(source.data, shown, source.levels)
        plane = extract_plane(source.data, first_index(source.data.shape, axes), shown)
        for encoding in models:
            scale = encoding.working_scale
            for _ in encode(encoding.model, plane, working_scale=scale, cache=cache):
                while person_waits():
                    time.sleep(_PAUSE_S)
                    yield Progress("encoding the next image", 0, 1)
                yield Progress("encoding the next image", 0, 1)
    except VlsegError:
        return


def first_index(shape: Sequence[int], axes: Sequence[int]) -> tuple[int, ...]:
    """The plane that the viewer shows first: the middle one."""
    return tuple((shape[axis] - 1) // 2 for axis in axes)
