"""The trainings of the project: which one is in use, and the way back."""

from __future__ import annotations

import math
from datetime import datetime

from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtWidgets import QGroupBox, QListWidget, QListWidgetItem

from napari_vlseg.training.finetune.shelf import ShelfContent, ShelvedAdapter
from napari_vlseg.ui.views.icons import icon
from napari_vlseg.ui.views.parts import column, hint, push, row

_BASE = "base model"


class ShelfBox(QGroupBox):
    """A list, the newest training first, and three buttons."""

    use_wanted = Signal(object)
    """Number of a training; None is the base model."""
    roll_back_wanted = Signal()

    def __init__(self) -> None:
        super().__init__("Trainings")
        self.list = QListWidget()
        self.list.setIconSize(QSize(12, 12))
        self.list.setMinimumHeight(58)
        self.list.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setToolTip("Trainings of this project; the one with the mark is in use")
        self.list.itemActivated.connect(lambda _: self.report_use())
        self.activate = push(
            "Activate", "Use the training that is selected (Alt+Shift+C)", self.report_use
        )
        self.roll_back = push(
            "Roll back", "Use the training before the one in use (Alt+Shift+U)", self.report_back
        )
        self.base = push(
            "Base model", "Use the model without any training (Alt+Shift+M)", self.report_base
        )
        self._damaged = hint()
        layout = column(self)
        layout.addWidget(self.list, 1)
        layout.addWidget(self._damaged)
        layout.addLayout(row(self.activate, self.roll_back, self.base))
        self.show_content(ShelfContent(), False)

    def show_content(self, content: ShelfContent, busy: bool) -> None:
        """List the trainings; hidden where there is none."""
        self.setVisible(bool(content.adapters or content.damaged))
        chosen = self.selected
        self.list.clear()
        for shelved in (*reversed(content.adapters), None):
            self._add(shelved, content.active)
        numbers = [None, *(one.number for one in content.adapters)]
        self._select(chosen if chosen in numbers and chosen is not None else content.active)
        is_base = content.active is None
        self.activate.setEnabled(not busy)
        self.roll_back.setEnabled(not busy and not is_base)
        self.base.setEnabled(not busy and not is_base)
        self._damaged.setVisible(bool(content.damaged))
        self._damaged.setText("⚠ " + " ".join(content.damaged))

    @property
    def selected(self) -> int | None:
        """Number of the training that is selected; None is the base model."""
        item = self.list.currentItem()
        number = None if item is None else item.data(Qt.ItemDataRole.UserRole)
        return None if number is None else int(number)

    def report_use(self) -> None:
        """Report that the selected training is to be used."""
        if self.activate.isEnabled():
            self.use_wanted.emit(self.selected)

    def report_back(self) -> None:
        """Report that the training before is to be used."""
        self.roll_back_wanted.emit()

    def report_base(self) -> None:
        """Report that the base model is to be used."""
        self.use_wanted.emit(None)

    def _add(self, shelved: ShelvedAdapter | None, active: int | None) -> None:
        number = None if shelved is None else shelved.number
        item = QListWidgetItem(_BASE if shelved is None else _text(shelved))
        item.setData(Qt.ItemDataRole.UserRole, number)
        item.setToolTip(_BASE if shelved is None else _tip(shelved))
        item.setIcon(icon("check" if number == active else "blank"))
        font = item.font()
        font.setBold(number == active)
        item.setFont(font)
        self.list.addItem(item)

    def _select(self, number: int | None) -> None:
        for place in range(self.list.count()):
            item = self.list.item(place)
            if item is not None and item.data(Qt.ItemDataRole.UserRole) == number:
                self.list.setCurrentItem(item)


def _text(shelved: ShelvedAdapter) -> str:
    parts = [shelved.title, _when(shelved.made), f"{shelved.n_objects} objects"]
    if not math.isnan(shelved.dice):
        parts.append(f"Dice {shelved.dice:.2f}")
    return " · ".join(filter(None, parts))


def _tip(shelved: ShelvedAdapter) -> str:
    method = shelved.card.get("settings", {}).get("method", "unknown")
    return f"{shelved.path.name}\nmade {shelved.made}, method {method}, of {shelved.base.name}"


def _when(made: str) -> str:
    """Local time of a time in UTC; the day where it was another one."""
    try:
        time = datetime.fromisoformat(made).astimezone()
    except ValueError:
        return ""
    is_today = time.date() == datetime.now().astimezone().date()
    return f"{time:%H:%M}" if is_today else f"{time:%m-%d}"
