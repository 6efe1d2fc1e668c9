"""Before and after: scores by class, and the same region as both models propose it."""

from __future__ import annotations

import math

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtGui import QImage, QPixmap
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QLabel,
    QSizePolicy,
    QTableWidget,
    QTableWidgetItem,
    QWidget,
)

from napari_vlseg.ui.training.outcome import Outcome, Pictures
from napari_vlseg.ui.views.parts import column, hint, row

_ROW_PX = 20
_MOST_ROWS = 5
_SIDE = 130
_COLUMNS = (
    ("class", "The class; Dice is asked for by its phrases", 0),
    ("n", "Objects that were measured on", 30),
    ("base", "Dice of the base model, without any training", 42),
    ("in use", "Dice of the training that was in use before", 46),
    ("after", "Dice of this training, on the same objects", 42),
    ("auto", "What “auto” stands for with this training: the threshold with the best Dice", 42),
)
_IN_USE = 3


class TrainResult(QWidget):
    """Shows an outcome; hidden where there is none."""

    def __init__(self) -> None:
        super().__init__()
        self.table = QTableWidget(0, len(_COLUMNS))
        self.where = hint(
            "Measured on the training objects: correct more, and some are held out to measure on."
        )
        self.pictures = BeforeAfter()
        self._set_up()
        layout = column(self, margin=0)
        layout.addWidget(self.table)
        layout.addWidget(self.where)
        layout.addWidget(self.pictures)
        self.show_outcome(None)

    def show_outcome(self, outcome: Outcome | None) -> None:
        """Show what a training brought."""
        self.setVisible(outcome is not None)
        if outcome is None:
            return
        self.table.setRowCount(len(outcome.rows))
        for number, scores in enumerate(outcome.rows):
            values = (scores.base, scores.in_use, scores.after, scores.threshold)
            texts = (scores.name, str(scores.n_objects), *map(_two_digits, values))
            for place, text in enumerate(texts):
                item = QTableWidgetItem(text)
                item.setToolTip(f"{scores.name}: {_COLUMNS[place][1]}")
                if place:
                    item.setTextAlignment(Qt.AlignmentFlag.AlignCenter)
                self.table.setItem(number, place, item)
        is_known = any(not math.isnan(scores.in_use) for scores in outcome.rows)
        self.table.setColumnHidden(_IN_USE, not is_known)
        shown = min(len(outcome.rows), _MOST_ROWS)
        self.table.setFixedHeight((shown + 1) * _ROW_PX + 4)
        self.where.setVisible(not outcome.is_held_out)
        self.pictures.show_pictures(outcome.pictures)

    def _set_up(self) -> None:
        self.table.setHorizontalHeaderLabels([title for title, _, _ in _COLUMNS])
        self.table.setToolTip("How well the classes are found, before and after")
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.table.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.table.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.table.setCornerButtonEnabled(False)
        heads, rows = self.table.horizontalHeader(), self.table.verticalHeader()
        if heads is None or rows is None:
            return
        rows.hide()
        rows.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        rows.setDefaultSectionSize(_ROW_PX)
        heads.setFixedHeight(_ROW_PX)
        heads.setMinimumSectionSize(20)
        heads.setHighlightSections(False)
        for place, (_, tip, width) in enumerate(_COLUMNS):
            head = self.table.horizontalHeaderItem(place)
            if head is not None:
                head.setToolTip(tip)
            fixed = QHeaderView.ResizeMode.Fixed if width else QHeaderView.ResizeMode.Stretch
            heads.setSectionResizeMode(place, fixed)
            if width:
                self.table.setColumnWidth(place, width)


class BeforeAfter(QWidget):
    """Two pictures side by side, each with its title."""

    def __init__(self) -> None:
        super().__init__()
        self.shown: list[QLabel] = []
        self._titles: list[QLabel] = []
        sides = []
        for tip in ("What was proposed before", "What is proposed after"):
            picture, title, side = QLabel(), QLabel(), QWidget()
            picture.setFixedSize(_SIDE, _SIDE)
            picture.setScaledContents(True)
            picture.setToolTip(f"{tip}: where the plane in view changed most")
            title.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
            inside = column(side, margin=0, spacing=1)
            inside.addWidget(picture)
            inside.addWidget(title)
            self.shown.append(picture)
            self._titles.append(title)
            sides.append(side)
        self.setLayout(row(*sides, 1))

    def show_pictures(self, pictures: Pictures | None) -> None:
        """Show them; nothing where there are none."""
        self.setVisible(pictures is not None)
        if pictures is None:
            return
        said = ((pictures.before, pictures.before_title), (pictures.after, pictures.after_title))
        for place, (pixels, title) in enumerate(said):
            self.shown[place].setPixmap(_pixmap(pixels))
            self._titles[place].setText(f"{('before', 'after')[place]}: {title}")


def _pixmap(pixels: np.ndarray) -> QPixmap:
    height, width = pixels.shape[:2]
    content = np.ascontiguousarray(pixels).tobytes()
    image = QImage(content, width, height, 3 * width, QImage.Format.Format_RGB888)
    return QPixmap.fromImage(image.copy())


def _two_digits(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.2f}"
