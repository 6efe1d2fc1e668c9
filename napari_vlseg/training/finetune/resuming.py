"""How far a fine-tuning has come, in memory and on the disk."""

from __future__ import annotations

import copy
import io
import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from napari_vlseg.errors import ModelError
from napari_vlseg.files import atomic_write_bytes
from napari_vlseg.training.finetune.learner import Learner, Length

STATE_NAME = "training.pt"


@dataclass(frozen=True)
class Curve:
    """What an epoch ended with, see `Epoch`."""

    loss: float
    held_out_loss: float
    dice: float

    @property
    def values(self) -> tuple[float, float, float]:
        """Loss, held-out loss, Dice."""
        return self.loss, self.held_out_loss, self.dice

    @property
    def judged_by(self) -> float:
        """What the best epoch has the least of: the held-out loss; the last, without one."""
        return self.held_out_loss if math.isfinite(self.held_out_loss) else -math.inf


@dataclass(eq=False)
class TuningState:
    """Finished epochs, and the best of them.

    Attributes
    ----------
    key : dict
        Settings and corrections that the epochs belong to.
    curves : list of Curve
        One for each epoch.
    best : int
        Index of the best epoch, -1 before the first.
    best_state : dict or None
        See `Learner.state_dict`.
    """

    key: dict[str, Any]
    curves: list[Curve] = field(default_factory=list)
    best: int = -1
    best_state: dict[str, Any] | None = field(default=None, repr=False)

    @property
    def epoch(self) -> int:
        """Number of finished epochs."""
        return len(self.curves)

    @classmethod
    def load(cls, folder: Path | None, tuner: Learner, settings: Any, sha256: str) -> TuningState:
        """Go on where a training of the same key stopped, or begin."""
        key = {"settings": asdict(settings), "corrections": sha256, "base": tuner.base}
        path = None if folder is None else folder / STATE_NAME
        if path is None or not path.is_file():
            return cls(key)
        try:
            kept = torch.load(path, map_location="cpu", weights_only=True)
            if kept["key"] != key:
                return cls(key)
            curves = [Curve(**curve) for curve in kept["curves"]]
            tuner.load_state_dict(kept["tuner"])
            return cls(key, curves, int(kept["best"]), kept["best_state"])
        except Exception as error:  # a damaged file makes torch fail in any way
            raise ModelError(
                f"“{path}” is damaged ({type(error).__name__}): delete it to train from the start."
            ) from error

    def ended(self, settings: Length) -> bool:
        """Whether all epochs are done, or the last ones brought nothing."""
        waited = self.epoch - 1 - self.best
        return self.epoch >= settings.epochs or (self.best >= 0 and waited >= settings.patience)

    def add(self, curve: Curve, tuner: Learner) -> None:
        """Note an epoch."""
        self.curves.append(curve)
        if self.best < 0 or curve.judged_by <= self.curves[self.best].judged_by:
            self.best = self.epoch - 1
            self.best_state = copy.deepcopy(tuner.state_dict())

    def restore_best(self, tuner: Learner) -> None:
        """Give the tuner the weights of the best epoch.

        Raises
        ------
        ModelError
            If no epoch has ended.
        """
        if self.best_state is None:
            raise ModelError(
                "Training gave no number from its first epoch on: choose a lower learning rate."
            )
        tuner.load_state_dict(self.best_state)

    def save(self, folder: Path | None, tuner: Learner) -> None:
        """Write everything at once, so that a killed training loses no finished epoch.

        Raises
        ------
        ModelError
            If the folder can't be written.
        """
        if folder is None:
            return
        content = io.BytesIO()
        state = {
            "key": self.key,
            "curves": [asdict(curve) for curve in self.curves],
            "best": self.best,
            "best_state": self.best_state,
            "tuner": tuner.state_dict(),
        }
        torch.save(state, content)
        atomic_write_bytes(folder / STATE_NAME, content.getvalue(), error=ModelError)
