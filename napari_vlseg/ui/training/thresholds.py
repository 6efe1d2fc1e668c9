"""The thresholds that a person's own masks ask for, worked out beside the window."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_vlseg.corrections.store import Project
from napari_vlseg.errors import ProjectError
from napari_vlseg.events import Event, Notice, Work
from napari_vlseg.images import ImageView
from napari_vlseg.prompts import PromptTable
from napari_vlseg.training.finetune.calibrating import calibrate, unlearned, with_thresholds
from napari_vlseg.training.finetune.from_project import project_corrections
from napari_vlseg.ui.jobs import ModelSettings
from napari_vlseg.ui.runner import Handlers
from napari_vlseg.ui.training.adapted import AdaptedModel
from napari_vlseg.workflow.cache import EmbeddingCache
from napari_vlseg.workflow.calibration import Calibration

if TYPE_CHECKING:
    from napari_vlseg.ui.controller import Controller

THRESHOLD_LANE = "thresholds"


class ThresholdDesk:
    """Puts the thresholds of best Dice into the prompt table.

    Parameters
    ----------
    controller : Controller

    Attributes
    ----------
    text : str
        What was found last: each class with its threshold, its Dice, and what that rests on.
    changed : Signal
    """

    changed = Signal()

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        self.text = ""

    @property
    def busy(self) -> bool:
        """Whether thresholds are being worked out."""
        return self._controller.runner.busy(THRESHOLD_LANE)

    def fit(self) -> None:
        """Find the thresholds that suit the corrected objects best, in the background."""
        controller, folder = self._controller, self._controller.training.folder
        if self.busy:
            return
        with controller.told():
            controller.look_at_edits()
            if folder is None:
                raise ProjectError(
                    "There are no masks to go by yet: accept, correct or draw objects of a class "
                    "first."
                )
            work = threshold_job(
                folder,
                controller.training.views(),
                controller.models,
                controller.settings,
                controller.prompts.table,
                controller.embeddings,
            )
            self._say("comparing thresholds with your masks …")
            handlers = Handlers(self._on_event, self._on_done, self._on_failed, lambda: None)
            controller.runner.start(THRESHOLD_LANE, work, handlers)

    def _on_event(self, event: Event) -> None:
        if isinstance(event, Notice):
            self._controller.tell(event.message, "warning")

    def _on_done(self, found: Sequence[Calibration]) -> None:
        self._say(" ".join(map(told, found)))
        prompts = self._controller.prompts
        prompts.set_table(with_thresholds(prompts.table, found))

    def _on_failed(self, text: str) -> None:
        self._say("")
        self._controller.tell(text, "error")

    def _say(self, text: str) -> None:
        self.text = text
        self._controller.say(text)
        self.changed.emit()


def threshold_job(
    folder: Path,
    views: Mapping[str, ImageView],
    models: AdaptedModel,
    settings: ModelSettings,
    prompts: PromptTable,
    cache: EmbeddingCache,
) -> Work[tuple[Calibration, ...]]:
    """The thresholds of best Dice, on objects that the model in use did not learn from.

    Raises
    ------
    PromptError
        If nothing was corrected.
    """
    model = yield from models.get(settings)
    planes = yield from project_corrections(Project.open(folder), views)
    training = models.training
    if training is not None and model.info.adapter_sha256:
        planes = yield from unlearned(planes, training.adapter)
    return (yield from calibrate(model, prompts, planes, cache=cache))


def told(one: Calibration) -> str:
    """A threshold in words, with what it is worth and what it rests on."""
    if one.threshold is None:
        return f"{one.class_name}: {one.note}"
    text = f"{one.class_name}: {one.threshold:.2f}"
    if one.estimate is not None:
        text += f", Dice {one.estimate:.2f}"
        if one.interval is not None:
            text += f" ({one.interval[0]:.2f} to {one.interval[1]:.2f})"
    objects = f"{one.n_objects} object{'s'[: one.n_objects != 1]}"
    images = f"{one.n_images} image{'s'[: one.n_images != 1]}"
    return f"{text}, from {objects} in {images}."
