"""The part of the controller that teaches the model what was corrected. No Qt in here."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_vlseg.errors import ProjectError
from napari_vlseg.events import Event, Notice, Progress
from napari_vlseg.images import ImageView
from napari_vlseg.training.finetune.epochs import Epoch
from napari_vlseg.training.finetune.replay import replay_bank
from napari_vlseg.training.finetune.settings import FinetuneSettings
from napari_vlseg.training.finetune.shelf import ShelfContent
from napari_vlseg.ui.progress import Clock, ProgressState
from napari_vlseg.ui.runner import Handlers
from napari_vlseg.ui.segmenter import MODEL_LANE
from napari_vlseg.ui.training.bank import Banks, giving_way
from napari_vlseg.ui.training.counting import Counting
from napari_vlseg.ui.training.jobs import (
    PAUSE_S,
    InView,
    Trained,
    TrainRequest,
    Used,
    open_shelf_job,
    train_job,
    use_job,
)
from napari_vlseg.ui.training.lessons import Lessons
from napari_vlseg.ui.training.live import LiveMode
from napari_vlseg.ui.training.outcome import EpochPoint, Outcome

if TYPE_CHECKING:
    from napari_vlseg.ui.controller import Controller

TRAIN_LANE, SHELF_LANE, BANK_LANE = "train", "shelf", "bank"
_BUSY_LANES = (MODEL_LANE, "clicks", "settle")


class TrainDesk:
    """Trains beside the window, and knows which training is in use.

    Parameters
    ----------
    controller : Controller

    Attributes
    ----------
    settings : FinetuneSettings
    content : ShelfContent
        Trainings of the project.
    curve : tuple of EpochPoint
        Epochs of the training that runs or ran last, or of the one that was chosen.
    outcome : Outcome or None
        What it brought.
    line : str
        What happened last, in one sentence.
    live : LiveMode
    changed : Signal
    progress_changed : Signal
    """

    changed = Signal()
    progress_changed = Signal(ProgressState)

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        self._clock = Clock()
        self._stop = threading.Event()
        self._banks = Banks(replay_bank)
        self._folder: Path | None = None
        self._views: dict[str, ImageView] = {}
        self._is_live_run = self._ask_again = self._bank_begun = False
        self._why_stopped = ""
        self.settings = FinetuneSettings()
        self.content = ShelfContent()
        self.curve: tuple[EpochPoint, ...] = ()
        self.outcome: Outcome | None = None
        self.line = ""
        self.counting = Counting(controller, self)
        self.live = LiveMode(controller)
        self.live.wanted.connect(self._learn_by_the_way)
        self.live.changed.connect(self.changed.emit)
        controller.desk.changed.connect(self.follow)
        controller.desk.keeper.changed.connect(self.follow)
        controller.busy_changed.connect(self._on_model)

    # ---- what views may ask

    @property
    def busy(self) -> bool:
        """Whether a training runs."""
        return self._controller.runner.busy(TRAIN_LANE)

    @property
    def lessons(self) -> Lessons:
        """What there is to learn from."""
        return self.counting.lessons()

    @property
    def folder(self) -> Path | None:
        """The project that corrections are in, the person's or that of unsaved work."""
        keeper = self._controller.desk.keeper
        project = keeper.project or keeper.unsaved.project
        return None if project is None else project.folder

    def views(self) -> dict[str, ImageView]:
        """How images of the project are looked at, by their id; those seen before included."""
        controller = self._controller
        for layer in controller.images.layers:
            entry = controller.desk.keeper.entry(layer)
            if entry is not None:
                self._views[entry.id] = controller.images.view(layer)
        return dict(self._views)

    # ---- what a person may do

    def set_settings(self, settings: FinetuneSettings) -> None:
        """Choose how the next training is done."""
        self.settings = settings
        self.changed.emit()

    def start(self) -> None:
        """Learn what was corrected, in the background."""
        if not self.busy:
            with self._controller.told():
                self._start(is_live=False)

    def stop(self) -> None:
        """End the training: the best epoch is kept, where one has ended."""
        if not self.busy:
            return
        if self.curve:
            self._stop.set()
            self._say("stopping: the best epoch so far is kept …")
        else:
            self._cancel("stopped before an epoch had ended: nothing was learned")

    def use(self, number: int | None) -> None:
        """Use a training of the shelf; None is the base model."""
        controller, folder = self._controller, self.folder
        if folder is None or controller.runner.busy(SHELF_LANE):
            return

        def done(used: Used) -> None:
            self._take(used)
            shelved = used.content.get(number)
            self.outcome = None if shelved is None else Outcome.of_shelved(shelved)
            self.curve = () if self.outcome is None else self.outcome.curve
            name = "the base model" if shelved is None else f"training {shelved.title}"
            self._say(f"using {name}")
            self.ask_again()

        work = use_job(controller.models, controller.settings, folder, number)
        controller.runner.start(SHELF_LANE, work, self._handlers(done))

    def roll_back(self) -> None:
        """Use the training before the one in use, or the base model before the first."""
        if self.content.active is None:
            self._say("the base model is in use: there is nothing to roll back")
        else:
            self.use(self.content.before(self.content.active))

    # ---- what happens around

    def follow(self) -> None:
        """See which project is in use."""
        folder = self.folder
        if folder == self._folder:
            self.prepare()
            return
        self._folder = folder
        if self.busy:
            self._cancel("another project is in use, so training was stopped")
        self.content, self.outcome, self.curve = ShelfContent(), None, ()
        self._controller.models.wear(None)
        if folder is not None:
            controller = self._controller
            work = open_shelf_job(controller.models, controller.settings, folder)
            controller.runner.start(SHELF_LANE, work, self._handlers(self._take))
        self.changed.emit()

    def ask_again(self) -> None:
        """Have the model in use propose the plane in view anew, where one proposed it before."""
        controller = self._controller
        record = controller.record
        self._ask_again = False
        if record is None or not record.has_proposals or not _asks(controller):
            return
        if controller.segmenter.busy:
            self._ask_again = True  # once it has answered
        else:
            controller.segmenter.start()

    # ---- inside

    def _start(self, *, is_live: bool) -> None:
        controller, folder = self._controller, self.folder
        controller.look_at_edits()
        if folder is None:
            raise ProjectError(
                "There is nothing to learn from yet: accept, correct or draw objects of a class "
                "first, in a project."
            )
        self._stop = threading.Event()
        self._is_live_run, self._why_stopped = is_live, ""
        work = train_job(self._request(folder, must_be_better=is_live))
        if is_live:
            work = giving_way(work, self._person_waits, lambda: time.sleep(PAUSE_S))
        self.live.begin()
        self.curve, self.outcome = (), None
        self._say("learning from what you corrected …")
        handlers = Handlers(self._on_event, self._on_done, self._on_failed, self._on_cancelled)
        controller.runner.start(TRAIN_LANE, work, handlers)
        self.changed.emit()

    def _request(self, folder: Path, *, must_be_better: bool) -> TrainRequest:
        controller = self._controller
        images, keeper, image = controller.images, controller.desk.keeper, controller.images.layer
        record = controller.record
        is_asked = record is not None and record.has_proposals
        in_view = (
            InView(images.snapshot(image), controller.relabel.postprocess)
            if image is not None and is_asked
            else None
        )
        return TrainRequest(
            controller.models,
            controller.settings,
            folder,
            controller.prompts.table,
            self.settings,
            self.views(),
            controller.embeddings,
            self._banks,
            in_view,
            must_be_better,
            self._stop.is_set,
            lambda: not keeper.queue.busy,
        )

    def _learn_by_the_way(self) -> None:
        if not self.busy and self.folder is not None:
            with self._controller.told():
                self._start(is_live=True)

    def _person_waits(self) -> bool:
        return any(map(self._controller.runner.busy, _BUSY_LANES))

    def _on_model(self, busy: bool) -> None:
        """A model has answered: ask it again where that was wanted, and use the time."""
        if not busy and self._ask_again:
            self.ask_again()
        self.prepare()

    def prepare(self) -> None:
        """While there is nothing else to do, compute what the first training would wait for."""
        controller, settings = self._controller, self.settings
        base: Any = controller.models.base.peek(controller.settings)
        if self.busy or controller.runner.busy(BANK_LANE) or not hasattr(base, "with_adapter"):
            return
        if base.info.adapter_sha256 or not settings.replay_share or not self.lessons.total:
            return
        bank = self._banks.of(base, settings.replay_scenes, settings.seed)
        if not bank.is_done:
            work = giving_way(bank.steps(), self._person_waits, lambda: time.sleep(PAUSE_S))
            controller.runner.start(
                BANK_LANE, work, Handlers(_unheard, _unheard, _unheard, _unheard)
            )

    def _on_event(self, event: Event) -> None:
        if isinstance(event, Notice):
            self._controller.tell(event.message, "warning")
            return
        if isinstance(event, Epoch):
            self.curve += (EpochPoint(event.loss, event.held_out_loss, event.dice),)
            self.changed.emit()
        if isinstance(event, Progress) and not self._stop.is_set():
            self.progress_changed.emit(self._clock.update(event))

    def _on_done(self, trained: Trained) -> None:
        self.outcome, self.curve = trained.outcome, trained.outcome.curve
        if trained.used is not None:
            self._take(trained.used)
        self._say(trained.line)
        if trained.used is not None:
            self.ask_again()
        self.live.look()

    def _on_failed(self, text: str) -> None:
        self._say(text)
        if not self._is_live_run:
            self._controller.message.emit(text, "error")

    def _on_cancelled(self) -> None:
        self._say(self._why_stopped)

    def _cancel(self, reason: str) -> None:
        self._why_stopped = reason
        self._controller.runner.cancel(TRAIN_LANE)
        self._say(reason)

    def _take(self, used: Used) -> None:
        """Use what a job says is used."""
        self.content = used.content
        self._controller.models.wear(used.training, used.made)
        self._controller.check_words()
        self._controller.warnings_changed.emit()
        self._controller.facts_changed.emit()
        self.changed.emit()

    def _handlers(self, done: Any) -> Handlers:
        return Handlers(self._on_event, done, self._on_shelf_failed, lambda: None)

    def _on_shelf_failed(self, text: str) -> None:
        self._say(text)
        self._controller.message.emit(text, "error")

    def _say(self, text: str) -> None:
        self.line = text
        self._controller.say(text)
        self.changed.emit()


def _asks(controller: Controller) -> bool:
    """Whether the table asks for anything."""
    return any(row.visible and not row.is_empty for row in controller.prompts.table.rows)


def _unheard(*_: Any) -> None:
    """What is computed ahead shows in that the next training begins at once."""
