"""What to look at next, and how good the rest is: asked of the model beside the window."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_vlseg.corrections.store import Project
from napari_vlseg.errors import ProjectError
from napari_vlseg.events import Event, Notice, Progress, Work
from napari_vlseg.prompts import PromptTable
from napari_vlseg.ui.jobs import ModelSettings
from napari_vlseg.ui.progress import Clock, ProgressState
from napari_vlseg.ui.runner import Handlers
from napari_vlseg.ui.training.adapted import AdaptedModel
from napari_vlseg.workflow.cache import EmbeddingCache
from napari_vlseg.workflow.looks import LookBook, look_at_images
from napari_vlseg.workflow.next_images import Suggestion, suggest_images
from napari_vlseg.workflow.ordering import Order
from napari_vlseg.workflow.project_quality import unseen_quality
from napari_vlseg.workflow.worklist import worklist_of

if TYPE_CHECKING:
    from napari_vlseg.ui.controller import Controller

GUIDE_LANE = "guide"


class Guide:
    """Asks the model in use about the images that nobody has looked at.

    Parameters
    ----------
    controller : Controller

    Attributes
    ----------
    text : str
        What was found out last.
    changed : Signal
    progress_changed : Signal
    """

    changed = Signal()
    progress_changed = Signal(ProgressState)

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        self._clock = Clock()
        self.text = ""

    @property
    def busy(self) -> bool:
        """Whether the model is being asked."""
        return self._controller.runner.busy(GUIDE_LANE)

    def go_to_next(self, order: Order | None = None) -> None:
        """Show the image that is most worth looking at, and say why.

        Parameters
        ----------
        order : {"typical", "uncertain", "random"}, optional
            What makes it so; None takes typical ones first and uncertain ones later.
        """

        def done(suggested: tuple[Suggestion, ...]) -> None:
            worklist = self._controller.desk.worklist
            others = [one for one in suggested if one.position != worklist.position]
            if not others:
                self._say("there is no other image left to look at")
                return
            self._say(f"look at {others[0].name}: {others[0].reason}")
            worklist.go(others[0].position)

        self._ask(lambda folder: next_job(folder, *self._asked(), order), done)

    def estimate(self) -> None:
        """Say how good proposals are on the images that nobody has looked at."""
        self._ask(lambda folder: quality_job(folder, *self._asked()), self._say)

    def stop(self) -> None:
        """Ask no more; what was looked at is kept."""
        self._controller.runner.cancel(GUIDE_LANE)

    def _ask(self, work: Callable[[Path], Work[Any]], done: Callable[[Any], None]) -> None:
        controller = self._controller
        project = controller.desk.project
        if self.busy:
            return
        with controller.told():
            if project is None:
                raise ProjectError("There is no project yet: create or open one first.")
            self._say("asking the model about the other images …")
            handlers = Handlers(self._on_event, done, self._on_failed, lambda: self._say(""))
            controller.runner.start(GUIDE_LANE, work(project.folder), handlers)
            self.changed.emit()

    def _asked(self) -> tuple[AdaptedModel, ModelSettings, PromptTable, EmbeddingCache]:
        controller = self._controller
        return (
            controller.models,
            controller.settings,
            controller.prompts.table,
            controller.embeddings,
        )

    def _on_event(self, event: Event) -> None:
        if isinstance(event, Notice):
            self._controller.say(event.message)
        elif isinstance(event, Progress):
            self.progress_changed.emit(self._clock.update(event))

    def _on_failed(self, text: str) -> None:
        self._say(text)
        self._controller.message.emit(text, "error")

    def _say(self, text: str) -> None:
        self.text = text
        self._controller.say(text)
        self.changed.emit()


def next_job(
    folder: Path,
    models: AdaptedModel,
    settings: ModelSettings,
    prompts: PromptTable,
    cache: EmbeddingCache,
    order: Order | None,
) -> Work[tuple[Suggestion, ...]]:
    """The images of a project in the order in which to look at them.

    Raises
    ------
    PromptError
        If nothing is asked for.
    """
    project = Project.open(folder)
    model = yield from models.get(settings)
    book = LookBook(project, model, prompts, cache.disk)
    suggesting = suggest_images(
        project, worklist_of(project), model, prompts, order=order, book=book, cache=cache
    )
    return (yield from suggesting)


def quality_job(
    folder: Path,
    models: AdaptedModel,
    settings: ModelSettings,
    prompts: PromptTable,
    cache: EmbeddingCache,
) -> Work[str]:
    """How good proposals are on the images that nobody has looked at, in words.

    Raises
    ------
    SettingsError
        If too few images are done, or none is left.
    """
    project = Project.open(folder)
    worklist = worklist_of(project)
    model = yield from models.get(settings)
    left = [
        place for place, item in enumerate(worklist.items) if item.status in ("new", "in progress")
    ]
    book = LookBook(project, model, prompts, cache.disk)
    looks = yield from look_at_images(
        project, worklist, left, model, prompts, book=book, cache=cache
    )
    return str((yield from unseen_quality(project, worklist, looks)))
