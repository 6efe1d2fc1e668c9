"""Signs of the Review tab, painted with the pen of `napari_vlseg.ui.views.icons`."""

from __future__ import annotations

from qtpy.QtCore import QPointF, QRectF
from qtpy.QtGui import QPainter, QPolygonF


def _flag(painter: QPainter) -> None:
    painter.drawLine(QPointF(16, 8), QPointF(16, 58))
    painter.drawPolyline(QPolygonF([QPointF(16, 10), QPointF(52, 20), QPointF(16, 34)]))


def _up(painter: QPainter) -> None:
    painter.drawPolyline(QPolygonF([QPointF(12, 42), QPointF(32, 20), QPointF(52, 42)]))


def _down(painter: QPainter) -> None:
    painter.drawPolyline(QPolygonF([QPointF(12, 22), QPointF(32, 44), QPointF(52, 22)]))


def _brush(painter: QPainter) -> None:
    painter.drawLine(QPointF(56, 8), QPointF(30, 34))
    painter.setBrush(painter.pen().color())
    painter.drawEllipse(QPointF(20, 44), 10, 10)


def _merge(painter: QPainter) -> None:
    painter.drawArc(QRectF(6, 14, 36, 36), 60 * 16, 240 * 16)
    painter.drawArc(QRectF(22, 14, 36, 36), 240 * 16, 240 * 16)


def _split(painter: QPainter) -> None:
    painter.drawArc(QRectF(4, 14, 36, 36), 90 * 16, 180 * 16)
    painter.drawArc(QRectF(24, 14, 36, 36), 270 * 16, 180 * 16)
    painter.drawLine(QPointF(32, 6), QPointF(32, 58))


def _trash(painter: QPainter) -> None:
    painter.drawLine(QPointF(10, 16), QPointF(54, 16))
    painter.drawLine(QPointF(26, 8), QPointF(38, 8))
    painter.drawPolyline(
        QPolygonF([QPointF(16, 18), QPointF(20, 56), QPointF(44, 56), QPointF(48, 18)])
    )


def _restore(painter: QPainter) -> None:
    painter.drawPolyline(
        QPolygonF([QPointF(8, 40), QPointF(8, 56), QPointF(56, 56), QPointF(56, 40)])
    )
    painter.drawLine(QPointF(32, 44), QPointF(32, 8))
    painter.drawPolyline(QPolygonF([QPointF(18, 22), QPointF(32, 8), QPointF(46, 22)]))


def _back(painter: QPainter) -> None:
    painter.drawArc(QRectF(10, 10, 44, 44), 60 * 16, 270 * 16)
    painter.drawPolyline(QPolygonF([QPointF(26, 4), QPointF(42, 12), QPointF(30, 26)]))


REVIEW_SIGNS = {
    "flag": _flag,
    "up": _up,
    "down": _down,
    "brush": _brush,
    "merge": _merge,
    "split": _split,
    "trash": _trash,
    "restore": _restore,
    "back": _back,
}
