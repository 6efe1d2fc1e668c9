"""The objects of a layer in its features, where napari and other plugins look for them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import pandas as pd
from napari.layers import Labels

from napari_vlseg.events import Progress, Work
from napari_vlseg.object_table import ObjectTable
from napari_vlseg.ui.layers import set_objects
from napari_vlseg.ui.runner import Handlers

if TYPE_CHECKING:
    from napari_vlseg.ui.controller import Controller

_FEW = 2000
"""Objects that are shown at once; more of them are made ready beside the window."""

_PAUSE_S = 1.0
"""Between two times that many objects are shown."""


class Mirror:
    """Keeps the features of layers up with their objects.

    Parameters
    ----------
    controller : Controller
    now : callable
        Seconds on a clock that never goes back.
    """

    def __init__(self, controller: Controller, now: Callable[[], float] = time.monotonic) -> None:
        self._controller = controller
        self._now = now
        self._shown: WeakKeyDictionary[Labels, tuple[ObjectTable, int]] = WeakKeyDictionary()
        self._next: WeakKeyDictionary[Labels, float] = WeakKeyDictionary()

    def show(self, layer: Labels, table: ObjectTable) -> bool:
        """Show the objects of a layer; False where that has to wait."""
        if self._shown.get(layer) == (table, table.version):
            return True
        if len(table) <= _FEW:
            self._set(layer, table, table.version, shown_objects(table))
            return True
        lane = f"features {id(layer)}"
        runner = self._controller.runner
        if runner.busy(lane) or self._now() < self._next.get(layer, 0.0):
            return False
        self._next[layer] = self._now() + _PAUSE_S
        version = table.version

        def done(frame: pd.DataFrame) -> None:
            self._set(layer, table, version, frame)

        say = self._controller.say
        runner.start(lane, _frame(table.copy()), Handlers(_ignore, done, say, _ignore))
        return True

    def _set(self, layer: Labels, table: ObjectTable, version: int, frame: pd.DataFrame) -> None:
        self._shown[layer] = table, version
        set_objects(layer, frame)


def shown_objects(table: ObjectTable) -> pd.DataFrame:
    """The rows of objects that have pixels."""
    frame = table.to_frame()
    return frame[frame["status"] != "rejected"]


def _frame(table: ObjectTable) -> Work[pd.DataFrame]:
    yield Progress("listing objects", 0, 0)
    return shown_objects(table)


def _ignore(*_: object) -> None:
    """What a job says that nobody waits for."""
