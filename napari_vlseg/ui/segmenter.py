"""The part of the controller that runs the model, one segmentation at a time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from napari.layers import Image

from napari_vlseg.events import Event, Notice, Progress
from napari_vlseg.ui.editing.composed import Written
from napari_vlseg.ui.geometry import plane_index
from napari_vlseg.ui.jobs import Outliner, compose_job, segment_job
from napari_vlseg.ui.progress import Clock
from napari_vlseg.ui.prompt_editor import Question, question
from napari_vlseg.ui.relabel import found
from napari_vlseg.ui.results import Place
from napari_vlseg.ui.runner import Handlers

if TYPE_CHECKING:
    from napari_vlseg.ui.controller import Controller

MODEL_LANE = "model"

_MOST_TRIES = 4


@dataclass(frozen=True, eq=False)
class Asked:
    """A request on its way: what it is about, and what its answer is compared with."""

    place: Place
    data: Any
    question: Question
    tries: int = 0


class Segmenter:
    """Asks the model, and uses the answer only if the question still stands."""

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        self._clock = Clock()
        self._asked: Asked | None = None
        self._why_stopped = "cancelled"

    @property
    def busy(self) -> bool:
        """Whether a segmentation runs."""
        return self._controller.runner.busy(MODEL_LANE)

    def start(self) -> None:
        """Segment the plane in view, in the background."""
        if self.busy:
            return
        controller = self._controller
        with controller.told():
            image = controller.images.require()
            prompts = controller.prompts.table
            prompts.active  # noqa: B018 - raises for an empty question
            asked = self._ask(image)
            work = segment_job(
                controller.models,
                controller.settings,
                controller.images.snapshot(image),
                prompts,
                controller.relabel.postprocess,
                controller.embeddings,
                controller.results.aim(asked.place, "propose"),
                Outliner(controller.clicks.models, controller.clicks.settings)
                if controller.outlines
                else None,
            )
            self._asked, self._why_stopped = asked, "cancelled"
            controller.say("starting …")
            controller.runner.start(MODEL_LANE, work, self._handlers(asked))
            controller.busy_changed.emit(self.busy)

    def cancel(self) -> None:
        """Stop at the next event."""
        if self.busy:
            self._controller.say("cancelling …")
            self._controller.runner.cancel(MODEL_LANE)

    def stop_if_stale(self) -> None:
        """Stop where the answer could not be used any more."""
        reason = self._why_stale(self._asked) if self._asked is not None else ""
        if reason and self.busy:
            self._why_stopped = reason
            self._controller.say(reason)
            self._controller.runner.cancel(MODEL_LANE)

    def _ask(self, image: Image) -> Asked:
        controller = self._controller
        return Asked(controller.place(image), image.data, question(controller.prompts.table))

    def _handlers(self, asked: Asked) -> Handlers:
        return Handlers(
            event=self._on_event,
            done=lambda made: self._on_done(asked, made),
            failed=self._on_failed,
            cancelled=lambda: self._end(self._why_stopped),
        )

    def _on_event(self, event: Event) -> None:
        controller = self._controller
        if isinstance(event, Progress):
            state = self._clock.update(event)
            controller.progress_changed.emit(state)
            controller.say(state.text)
            return
        if not isinstance(event, Notice):
            return
        controller.check_words()
        if any(event.message in text for text in controller.warnings.values()):
            controller.say(event.message)  # it is under its row already
        else:
            controller.tell(event.message, "warning")

    def _on_done(self, asked: Asked, written: Written) -> None:
        controller = self._controller
        stale = self._why_stale(asked)
        if stale:
            self._end(stale)
            return
        with controller.told():
            if controller.results.write(asked.place, written) is None:
                self._compose_anew(asked, written)
                return
            controller.mark_unsaved()
            if asked.place.on is not None:
                index = plane_index(asked.place.image, asked.place.view, asked.place.key)
                controller.blockwise.supersede(asked.place.on, index)
            controller.say(found(written.made.proposals))
            controller.relabel.refresh_heatmaps()
        self._end(controller.activity)
        controller.asking.consider(written.made.overlap)
        controller.relabel.settle_if_changed()

    def _compose_anew(self, asked: Asked, written: Written) -> None:
        """Put the answer on the labels as they are by now: a person drew in the meantime."""
        controller = self._controller
        place = replace(asked.place, on=controller.results.target(asked.place.image))
        again = replace(asked, place=place, tries=asked.tries + 1)
        target = controller.results.aim(place, "propose")
        self._asked = again
        if again.tries < _MOST_TRIES:
            work = compose_job(written.made.proposals, target)
            controller.runner.start(MODEL_LANE, work, self._handlers(again))
        else:  # who never puts the brush down waits for it once
            self._on_done(again, target.compose(written.made.proposals))

    def _why_stale(self, asked: Asked) -> str:
        """Why an answer can't be used any more, or nothing."""
        controller, image = self._controller, asked.place.image
        if asked is not self._asked or question(controller.prompts.table) != asked.question:
            return "the prompt changed, so the result was dropped: press Segment again"
        if image not in controller.viewer.layers:
            return "the image was removed, so the result was dropped"
        if image.data is not asked.data or controller.images.view(image) != asked.place.view:
            return "the image changed, so the result was dropped: press Segment again"
        return ""

    def _on_failed(self, text: str) -> None:
        self._end(text)
        self._controller.message.emit(text, "error")

    def _end(self, activity: str) -> None:
        controller = self._controller
        self._asked = None
        controller.say(activity)
        controller.check_words()
        controller.busy_changed.emit(self.busy)
        controller.facts_changed.emit()
