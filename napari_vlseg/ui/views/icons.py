"""Small icons, painted, so that no font or theme has to have them."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QIcon, QPainter, QPainterPath, QPen, QPixmap

from napari_vlseg.ui.views.review_signs import REVIEW_SIGNS

_SIDE = 64
LINE_COLOR = "#9aa5b1"  # readable on napari's dark and light themes

Painting = Callable[[QPainter], None]


def icon(name: str, color: str = LINE_COLOR) -> QIcon:
    """An icon by name, see the table at the end of this file."""
    pixmap = QPixmap(_SIDE, _SIDE)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    pen = QPen(QColor(color), 6)
    pen.setCapStyle(Qt.PenCapStyle.RoundCap)
    painter.setPen(pen)
    _PAINTINGS[name](painter)
    painter.end()
    return QIcon(pixmap)


def swatch(color: str) -> QIcon:
    """A square of one colour."""
    pixmap = QPixmap(_SIDE, _SIDE)
    pixmap.fill(QColor(color))
    return QIcon(pixmap)


def _eye(painter: QPainter) -> None:
    path = QPainterPath(QPointF(6, 32))
    path.quadTo(32, 2, 58, 32)
    path.quadTo(32, 62, 6, 32)
    painter.drawPath(path)
    painter.setBrush(QColor(LINE_COLOR))
    painter.drawEllipse(QPointF(32, 32), 7, 7)


def _eye_off(painter: QPainter) -> None:
    painter.setOpacity(0.45)
    _eye(painter)
    painter.setOpacity(1)
    painter.drawLine(QPointF(10, 54), QPointF(54, 10))


def _cross(painter: QPainter) -> None:
    painter.drawLine(QPointF(16, 16), QPointF(48, 48))
    painter.drawLine(QPointF(48, 16), QPointF(16, 48))


def _plus(painter: QPainter) -> None:
    painter.drawLine(QPointF(32, 12), QPointF(32, 52))
    painter.drawLine(QPointF(12, 32), QPointF(52, 32))


def _dots(painter: QPainter) -> None:
    painter.setBrush(QColor(LINE_COLOR))
    for row in (14, 32, 50):
        painter.drawEllipse(QPointF(32, row), 3, 3)


def _gear(painter: QPainter) -> None:
    painter.drawEllipse(QPointF(32, 32), 14, 14)
    painter.translate(32, 32)
    for _ in range(8):
        painter.drawLine(QPointF(0, 19), QPointF(0, 26))
        painter.rotate(45)


def _channels(painter: QPainter) -> None:
    for number in range(3):
        painter.drawRect(QRectF(8 + 10 * number, 28 - 10 * number, 28, 28))


def _help(painter: QPainter) -> None:
    font = painter.font()
    font.setPixelSize(48)
    font.setBold(True)
    painter.setFont(font)
    painter.drawText(QRectF(0, 0, _SIDE, _SIDE), Qt.AlignmentFlag.AlignCenter, "?")


def _heat(painter: QPainter) -> None:
    painter.setPen(Qt.PenStyle.NoPen)
    for number, color in enumerate(("#3b0f70", "#b73779", "#fc8961", "#fcfdbf")):
        painter.setBrush(QColor(color))
        painter.drawEllipse(QPointF(32, 32), 30 - 8 * number, 30 - 8 * number)


def _point(painter: QPainter) -> None:
    painter.setBrush(QColor(LINE_COLOR))
    painter.drawEllipse(QPointF(32, 32), 10, 10)
    for dx, dy in ((0, -1), (0, 1), (-1, 0), (1, 0)):
        painter.drawLine(QPointF(32 + 19 * dx, 32 + 19 * dy), QPointF(32 + 27 * dx, 32 + 27 * dy))


def _box(painter: QPainter) -> None:
    pen = painter.pen()
    pen.setDashPattern([2.0, 1.6])
    painter.setPen(pen)
    painter.drawRect(QRectF(8, 14, 48, 36))


def _scribble(painter: QPainter) -> None:
    path = QPainterPath(QPointF(6, 44))
    path.cubicTo(18, 4, 24, 8, 28, 32)
    path.cubicTo(32, 60, 40, 60, 58, 16)
    painter.drawPath(path)


def _lasso(painter: QPainter) -> None:
    painter.drawEllipse(QRectF(8, 8, 48, 34))
    path = QPainterPath(QPointF(20, 40))
    path.quadTo(14, 52, 26, 58)
    painter.drawPath(path)


def _minus(painter: QPainter) -> None:
    painter.drawLine(QPointF(12, 32), QPointF(52, 32))


def _check(painter: QPainter) -> None:
    painter.drawLine(QPointF(10, 34), QPointF(26, 50))
    painter.drawLine(QPointF(26, 50), QPointF(54, 14))


def _swap(painter: QPainter) -> None:
    painter.drawRect(QRectF(8, 8, 30, 30))
    painter.setBrush(QColor(LINE_COLOR))
    painter.drawRect(QRectF(28, 28, 28, 28))


def _next(painter: QPainter) -> None:
    for left in (10, 32):
        painter.drawLine(QPointF(left, 14), QPointF(left + 18, 32))
        painter.drawLine(QPointF(left + 18, 32), QPointF(left, 50))


def _undo(painter: QPainter) -> None:
    painter.drawArc(QRectF(14, 16, 40, 36), -100 * 16, 250 * 16)
    painter.drawLine(QPointF(14, 10), QPointF(17, 27))
    painter.drawLine(QPointF(17, 27), QPointF(34, 24))


def _redo(painter: QPainter) -> None:
    painter.translate(_SIDE, 0)
    painter.scale(-1, 1)
    _undo(painter)


def _pencil(painter: QPainter) -> None:
    painter.drawLine(QPointF(14, 50), QPointF(44, 20))
    painter.drawLine(QPointF(44, 20), QPointF(54, 10))
    painter.drawLine(QPointF(10, 54), QPointF(14, 44))
    painter.drawLine(QPointF(10, 54), QPointF(20, 50))


def _alike(painter: QPainter) -> None:
    painter.setBrush(QColor(LINE_COLOR))
    painter.drawEllipse(QPointF(18, 18), 9, 9)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for col, row in ((46, 18), (18, 46), (46, 46)):
        painter.drawEllipse(QPointF(col, row), 9, 9)


def _ring(painter: QPainter) -> None:
    painter.drawEllipse(QPointF(32, 32), 20, 20)


def _half(painter: QPainter) -> None:
    _ring(painter)
    painter.setBrush(QColor(LINE_COLOR))
    painter.drawChord(QRectF(12, 12, 40, 40), 90 * 16, 180 * 16)


def _skipped(painter: QPainter) -> None:
    _ring(painter)
    painter.drawLine(QPointF(18, 46), QPointF(46, 18))


def _next_image(painter: QPainter) -> None:
    painter.setBrush(QColor(LINE_COLOR))
    path = QPainterPath(QPointF(22, 12))
    path.lineTo(48, 32)
    path.lineTo(22, 52)
    path.closeSubpath()
    painter.drawPath(path)


def _previous_image(painter: QPainter) -> None:
    painter.translate(_SIDE, 0)
    painter.scale(-1, 1)
    _next_image(painter)


def _blank(painter: QPainter) -> None:
    """Room where others have a mark."""


def _open_list(painter: QPainter) -> None:
    for row in (16, 32, 48):
        painter.drawLine(QPointF(12, row), QPointF(14, row))
        painter.drawLine(QPointF(26, row), QPointF(52, row))


_PAINTINGS: dict[str, Painting] = {
    **REVIEW_SIGNS,
    "blank": _blank,
    "ring": _ring,
    "half": _half,
    "skipped": _skipped,
    "next_image": _next_image,
    "previous_image": _previous_image,
    "eye": _eye,
    "eye_off": _eye_off,
    "cross": _cross,
    "plus": _plus,
    "dots": _dots,
    "open_list": _open_list,
    "gear": _gear,
    "channels": _channels,
    "help": _help,
    "heat": _heat,
    "point": _point,
    "box": _box,
    "scribble": _scribble,
    "lasso": _lasso,
    "minus": _minus,
    "check": _check,
    "swap": _swap,
    "next": _next,
    "undo": _undo,
    "redo": _redo,
    "pencil": _pencil,
    "alike": _alike,
}
