"""A session in which the bundled model learns, quickly."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from napari.components import ViewerModel

from napari_vlseg.samples import load_sample
from napari_vlseg.training.finetune.settings import FinetuneSettings
from napari_vlseg.ui.controller import Controller
from napari_vlseg.ui.runner import SyncRunner
from tests.gui.fakes import Loader

QUICK = FinetuneSettings(epochs=2, steps=3, batch=4, replay_scenes=2)


def nuclei() -> np.ndarray:
    """A dozen real nuclei, uint8 (160, 160)."""
    return load_sample("fluorescence")[0][:160, :160]


class Learner:
    """A controller with a project, nuclei that were found, and what it told the person."""

    def __init__(self, model: Any, folder: Path | None, runner: Any = None) -> None:
        self.viewer = ViewerModel()
        self.runner = runner or SyncRunner()
        self.controller = Controller(self.viewer, self.runner, Loader(model))
        self.desk = self.controller.training
        self.desk.set_settings(QUICK)
        self.messages: list[str] = []
        self.controller.message.connect(lambda text, severity: self.messages.append(text))
        if folder is not None:
            self.controller.desk.create(folder)

    def propose(self) -> None:
        """Open an image and segment it."""
        self.viewer.add_image(nuclei(), name="nuclei")
        self.controller.prompts.set_phrases(0, "nuclei")
        self.controller.segmenter.start()

    def correct(self, n_accepted: int = 8, n_rejected: int = 1) -> None:
        """Decide about some of the objects that nobody decided about."""
        open_ones = self.uids("proposed")
        if n_accepted:
            self.controller.editing.accept(open_ones[:n_accepted])
        if n_rejected:
            self.controller.editing.reject(open_ones[n_accepted : n_accepted + n_rejected])

    def uids(self, *statuses: str) -> list[str]:
        """Objects of some statuses."""
        table = self.controller.editing.table(self.controller.labels)
        return [uid for uid in table if table.get(uid, "status") in statuses]

    def pixels(self, uids: list[str]) -> dict[str, int]:
        """Hash of the pixels of objects."""
        table, data = self.controller.editing.table(self.controller.labels), self.labels
        return {uid: hash((data == table.get(uid, "label")).tobytes()) for uid in uids}

    @property
    def labels(self) -> np.ndarray:
        """What is on the labels layer."""
        return np.array(self.controller.labels.data)

    @property
    def probabilities(self) -> np.ndarray:
        """What the model said last about the plane in view."""
        return self.controller.record.proposals.probabilities.copy()

    @property
    def adapter(self) -> str:
        """Hash of the training that made the proposals of the plane in view."""
        return str(self.controller.record.proposals.model.adapter_sha256)


class Steps:
    """A runner whose jobs go on event by event; those of other lanes run at once."""

    def __init__(self, lane: str) -> None:
        self._lane = lane
        self._sync = SyncRunner()
        self.job: tuple[Any, Any] | None = None
        self.cancelled: list[str] = []

    def start(self, lane: str, work: Any, handlers: Any) -> None:
        if lane == self._lane:
            self.job = (work, handlers)
        else:
            self._sync.start(lane, work, handlers)

    def cancel(self, lane: str) -> None:
        self.cancelled.append(lane)
        if lane == self._lane and self.job is not None:
            (work, handlers), self.job = self.job, None
            work.close()
            handlers.cancelled()

    def busy(self, lane: str) -> bool:
        return lane == self._lane and self.job is not None

    def close(self) -> None:
        self.job = None

    def step_until(self, done: Callable[[], bool]) -> None:
        """Go on until something is so, or the job has ended."""
        while self.job is not None and not done():
            work, handlers = self.job
            try:
                event = next(work)
            except StopIteration as stop:
                self.job = None
                handlers.done(stop.value)
            else:
                handlers.event(event)
