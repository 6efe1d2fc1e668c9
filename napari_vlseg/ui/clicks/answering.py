"""Has the click model answer, one job at a time, in a lane of its own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from napari_vlseg.events import Event, Notice, Progress
from napari_vlseg.ui.clicks.jobs import Answer, Latest, Prepared, answer_job, prepare_job
from napari_vlseg.ui.clicks.spots import Spot
from napari_vlseg.ui.jobs import LoadedModel
from napari_vlseg.ui.progress import Clock, ProgressState
from napari_vlseg.ui.runner import Handlers
from napari_vlseg.ui.segmenter import MODEL_LANE

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_vlseg.ui.controller import Controller

CLICK_LANE = "clicks"
_NOTHING = ProgressState(0.0, "")


@dataclass(eq=False)
class _Running:
    kind: Literal["encode", "answer"]
    spot: Spot
    ahead: bool = False


class Answerer:
    """Encodes planes and answers prompts.

    Several questions that come while one is answered are answered as one: the last. A plane
    that is encoded ahead gives way to what a person asks, unless it is the plane asked for.

    Parameters
    ----------
    controller : Controller
    models : LoadedModel
    latest : callable
        Number and prompt of the question that is open, or None.
    on_answer : callable
        Called with every answer.
    """

    def __init__(
        self,
        controller: Controller,
        models: LoadedModel[Any],
        latest: Latest,
        on_answer: Callable[[Answer], object],
    ) -> None:
        self._controller = controller
        self._models = models
        self._latest = latest
        self._on_answer = on_answer
        self._clock = Clock()
        self._running: _Running | None = None
        self._prepared: tuple[Spot, Prepared] | None = None
        self._wanted: Spot | None = None
        self._ahead: list[Spot] = []
        self._encoded: list[Spot] = []

    @property
    def is_encoding(self) -> bool:
        """Whether a person waits for a plane to be encoded."""
        running = self._running
        return running is not None and running.kind == "encode" and not running.ahead

    def is_ready(self, spot: Spot) -> bool:
        """Whether clicks on a plane are answered without encoding."""
        return self._prepared is not None and spot.is_like(self._prepared[0])

    def ask(self, spot: Spot) -> None:
        """Have the question that is open answered, on a plane."""
        self._wanted = spot
        self._go_on()

    def prepare(self, spots: Iterable[Spot]) -> None:
        """Encode planes ahead while there is nothing else to do; the first is in view."""
        known = [*self._encoded, *([] if self._running is None else [self._running.spot])]
        self._ahead = [spot for spot in spots if not any(spot.is_like(one) for one in known)]
        if self._wanted is None:
            self._go_on()

    def stop(self) -> None:
        """Ask for nothing any more."""
        self._wanted, self._ahead = None, []
        if self._running is not None:
            self._controller.runner.cancel(CLICK_LANE)

    def forget(self) -> None:
        """Let go of what was prepared: the image is gone, or another model was chosen."""
        self.stop()
        self._prepared, self._encoded = None, []

    def _go_on(self) -> None:
        running, wanted = self._running, self._wanted
        if running is not None and (wanted is None or running.kind == "answer"):
            return
        if running is not None and running.spot.is_like(wanted):
            running.ahead = False
            return
        if wanted is not None and self.is_ready(wanted):
            self._answer()
        elif wanted is not None:
            self._encode(wanted, ahead=False)
        elif self._ahead and not self._controller.runner.busy(MODEL_LANE):
            self._encode(self._ahead.pop(0), ahead=True)

    def _answer(self) -> None:
        assert self._prepared is not None
        spot, prepared = self._prepared
        self._running = _Running("answer", spot)
        self._start(answer_job(prepared, self._latest), self._on_answered)

    def _encode(self, spot: Spot, *, ahead: bool) -> None:
        controller = self._controller
        self._running = _Running("encode", spot, ahead)
        if not ahead:
            controller.say(f"preparing the image for clicks with {spot.settings.name} …")
        snapshot = controller.images.snapshot(spot.image, spot.index)
        work = prepare_job(self._models, spot.settings, snapshot, controller.embeddings)
        self._start(work, self._on_encoded)

    def _start(self, work: Any, done: Callable[[Any], None]) -> None:
        running = self._running

        def failed(text: str) -> None:
            self._running, self._wanted, self._ahead = None, None, []
            self._show(_NOTHING)
            self._controller.tell(text, "error")

        def cancelled() -> None:
            if self._running is running:
                self._running = None
                self._show(_NOTHING)
                self._go_on()

        handlers = Handlers(self._on_event, done, failed, cancelled)
        self._controller.runner.start(CLICK_LANE, work, handlers)

    def _on_event(self, event: Event) -> None:
        if isinstance(event, Notice):
            self._controller.tell(event.message, "warning")
        elif self.is_encoding and isinstance(event, Progress):
            state = self._clock.update(event)
            self._controller.say(f"{state.text} for clicks")
            self._show(state)

    def _show(self, state: ProgressState) -> None:
        if not self._controller.runner.busy(MODEL_LANE):
            self._controller.progress_changed.emit(state)

    def _on_encoded(self, prepared: Prepared) -> None:
        running, self._running = self._running, None
        assert running is not None
        self._encoded.append(running.spot)
        if not running.ahead or self._prepared is None or self._is_in_view(running.spot):
            self._prepared = running.spot, prepared
        self._show(_NOTHING)
        self._go_on()

    def _on_answered(self, answer: Answer | None) -> None:
        self._running = None
        if answer is not None:
            self._on_answer(answer)
        if self._latest() is None:
            self._wanted = None
        self._go_on()

    def _is_in_view(self, spot: Spot) -> bool:
        images = self._controller.images
        return spot.image is images.layer and spot.index == images.index(spot.image)
