"""How the rows of the list are painted: thumbnails, two lines of text, signs of the status."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from qtpy.QtCore import QModelIndex, QRect, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QIcon, QImage, QPainter, QPalette
from qtpy.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from napari_vlseg.ui.views.icons import icon
from napari_vlseg.ui.views.review_model import (
    NAME,
    NOTE_ROLE,
    PICTURE,
    STATUS,
    STATUS_ROLE,
    UID_ROLE,
)

ROW_HEIGHT = 50
_EDGE = 3
_SIGN = 18
_FAINT = 0.6
_SIGNS = {
    "proposed": "ring",
    "flagged": "flag",
    "edited": "pencil",
    "accepted": "check",
    "rejected": "cross",
}
_COLORS = {
    "proposed": "#9aa5b1",
    "flagged": "#f0a030",
    "edited": "#6ea8ff",
    "accepted": "#46c46e",
    "rejected": "#f06a5f",
}


class ReviewDelegate(QStyledItemDelegate):
    """Paints a row.

    Parameters
    ----------
    picture : callable
        Gives the thumbnail (side, side, 3) uint8 of an object, None where there is none yet.
    """

    def __init__(self, picture: Callable[[str], np.ndarray | None]) -> None:
        super().__init__()
        self._picture = picture
        self._signs: dict[str, QIcon] = {
            status: icon(name, _COLORS[status]) for status, name in _SIGNS.items()
        }

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex) -> QSize:  # noqa: N802
        """Rows are as high as a thumbnail."""
        return QSize(ROW_HEIGHT, ROW_HEIGHT)

    def paint(
        self, painter: QPainter | None, option: QStyleOptionViewItem, index: QModelIndex
    ) -> None:
        """Paint a cell."""
        super().paint(painter, self._bare(option, index), index)
        if painter is None:
            return
        painter.save()
        if index.column() == PICTURE:
            self._paint_picture(painter, option.rect, str(index.data(UID_ROLE)))
        elif index.column() == STATUS:
            self._paint_sign(painter, option.rect, str(index.data(STATUS_ROLE)))
        elif index.column() == NAME:
            _paint_lines(painter, option, index.data(), index.data(NOTE_ROLE))
        painter.restore()

    def initStyleOption(  # noqa: N802 - Qt's name
        self, option: QStyleOptionViewItem | None, index: QModelIndex
    ) -> None:
        """Leave the text of a cell out that is painted in two lines."""
        super().initStyleOption(option, index)
        if option is not None and index.column() == NAME:
            option.text = ""

    def _bare(self, option: QStyleOptionViewItem, index: QModelIndex) -> QStyleOptionViewItem:
        """Without a frame around the cell in focus: the whole row is chosen."""
        bare = QStyleOptionViewItem(option)
        bare.state &= ~QStyle.StateFlag.State_HasFocus
        return bare

    def _paint_picture(self, painter: QPainter, rect: QRect, uid: str) -> None:
        side = min(rect.width(), rect.height()) - 2 * _EDGE
        place = QRectF(0, 0, side, side)
        place.moveCenter(QRectF(rect).center())
        pixels = self._picture(uid)
        if pixels is None:
            painter.fillRect(place, QColor(128, 128, 128, 40))
            return
        height, width = pixels.shape[:2]
        held = pixels.tobytes()  # Qt draws from this memory and keeps no copy
        image = QImage(held, width, height, 3 * width, QImage.Format.Format_RGB888)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawImage(place, image)

    def _paint_sign(self, painter: QPainter, rect: QRect, status: str) -> None:
        place = QRect(0, 0, _SIGN, _SIGN)
        place.moveCenter(rect.center())
        if status in self._signs:
            self._signs[status].paint(painter, place)


def _paint_lines(painter: QPainter, option: QStyleOptionViewItem, first: str, second: str) -> None:
    chosen = bool(option.state & QStyle.StateFlag.State_Selected)
    role = QPalette.ColorRole.HighlightedText if chosen else QPalette.ColorRole.Text
    rect = option.rect.adjusted(4, 6, -2, -6)
    half = rect.height() // 2
    lines = (
        (first, rect.adjusted(0, 0, 0, -half), 1.0),
        (second, rect.adjusted(0, half, 0, 0), _FAINT),
    )
    painter.setPen(option.palette.color(role))
    for text, place, opacity in lines:
        painter.setOpacity(opacity)
        fitting = option.fontMetrics.elidedText(text, Qt.TextElideMode.ElideRight, place.width())
        painter.drawText(QRectF(place), Qt.AlignmentFlag.AlignVCenter, fitting)
