"""Loss and Dice by epoch, painted as they come."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QFontMetricsF, QPainter, QPaintEvent, QPen
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_vlseg.ui.training.outcome import EpochPoint
from napari_vlseg.ui.views.icons import LINE_COLOR

TRAINING_COLOR = "#e8923d"
HELD_OUT_COLOR = "#4f9de8"
DICE_COLOR = "#3fb27f"

_HEIGHT = 100
_FONT_PX = 10
_DOT = 2.5
_TIP = (
    "How the training goes, epoch by epoch: Dice of the corrected objects (1 is perfect), and the "
    "loss, which falls. What was held out is what counts"
)


@dataclass(frozen=True)
class Line:
    """One line of a chart: a value for each epoch, nan where there is none."""

    name: str
    color: str
    values: tuple[float, ...]

    @property
    def known(self) -> list[tuple[int, float]]:
        """Epoch, from 1, and value where there is one."""
        return [(n, v) for n, v in enumerate(self.values, start=1) if math.isfinite(v)]


class TrainPlot(QWidget):
    """Two charts side by side."""

    def __init__(self) -> None:
        super().__init__()
        self.curve: tuple[EpochPoint, ...] = ()
        self._n_epochs = 1
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setToolTip(_TIP)
        self.setAccessibleName(_TIP)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """As wide as the tab, and low."""
        return QSize(280, _HEIGHT)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Narrower than the tab."""
        return QSize(200, _HEIGHT)

    def show_curve(self, curve: Sequence[EpochPoint], n_epochs: int) -> None:
        """Show the epochs there were, of how many there may be."""
        self.curve, self._n_epochs = tuple(curve), max(n_epochs, len(curve), 2)
        if self.curve:
            last = self.curve[-1]
            told = [f"{name} {value:.3f}" for name, value in _values(last) if math.isfinite(value)]
            self.setToolTip(f"{_TIP}.\nEpoch {len(self.curve)}: {', '.join(told)}")
        self.update()

    def charts(self) -> tuple[tuple[str, float, tuple[Line, ...]], ...]:
        """Title, highest value and lines of each chart."""
        loss = Line("training", TRAINING_COLOR, tuple(p.loss for p in self.curve))
        held = Line("held out", HELD_OUT_COLOR, tuple(p.held_out_loss for p in self.curve))
        dice = Line("Dice", DICE_COLOR, tuple(p.dice for p in self.curve))
        losses = [value for line in (loss, held) for _, value in line.known]
        return ("Dice", 1.0, (dice,)), ("loss", _round_up(max(losses, default=1.0)), (loss, held))

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802 - Qt's name
        """Paint both charts."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        font = painter.font()
        font.setPixelSize(_FONT_PX)
        painter.setFont(font)
        half = self.width() / 2
        for number, (title, highest, lines) in enumerate(self.charts()):
            box = QRectF(number * half, 0, half, self.height())
            self._paint_chart(painter, box, title, highest, lines)
        painter.end()

    def _paint_chart(
        self,
        painter: QPainter,
        box: QRectF,
        title: str,
        highest: float,
        lines: tuple[Line, ...],
    ) -> None:
        metrics = QFontMetricsF(painter.font())
        line_height = metrics.height()
        ticks = [f"{value:g}" for value in (0, highest / 2, highest)]
        left = box.left() + max(map(metrics.horizontalAdvance, ticks)) + 6
        area = QRectF(
            left,
            box.top() + line_height + 4,
            box.right() - left - 8,
            box.height() - 2 * line_height - 8,
        )
        self._paint_title(painter, area, title, lines)
        self._paint_axes(painter, area, ticks)
        for line in lines:
            points = [
                QPointF(
                    area.left() + area.width() * (epoch - 1) / (self._n_epochs - 1),
                    area.bottom() - area.height() * min(value / highest, 1),
                )
                for epoch, value in line.known
            ]
            painter.setPen(QPen(QColor(line.color), 2))
            for start, end in itertools.pairwise(points):
                painter.drawLine(start, end)
            painter.setBrush(QColor(line.color))
            for point in points:
                painter.drawEllipse(point, _DOT, _DOT)
            painter.setBrush(Qt.BrushStyle.NoBrush)

    def _paint_title(
        self, painter: QPainter, area: QRectF, title: str, lines: tuple[Line, ...]
    ) -> None:
        """The name of the chart, or those of its lines in their colours."""
        metrics = QFontMetricsF(painter.font())
        place = QPointF(area.left(), area.top() - 6)
        painter.setPen(self._ink())
        painter.drawText(place, title)
        named = [line for line in lines if line.known] if len(lines) > 1 else []
        for line in named:
            place += QPointF(metrics.horizontalAdvance(title) + 6, 0)
            title = line.name
            painter.setPen(QColor(line.color))
            painter.drawText(place, title)

    def _paint_axes(self, painter: QPainter, area: QRectF, ticks: Sequence[str]) -> None:
        metrics = QFontMetricsF(painter.font())
        painter.setPen(QPen(QColor(LINE_COLOR), 1))
        painter.drawLine(area.topLeft(), area.bottomLeft())
        painter.drawLine(area.bottomLeft(), area.bottomRight())
        painter.setPen(self._ink())
        for number, text in enumerate(ticks):
            height = area.bottom() - area.height() * number / (len(ticks) - 1)
            width = metrics.horizontalAdvance(text)
            painter.drawText(QPointF(area.left() - width - 4, height + metrics.ascent() / 2), text)
        base = area.bottom() + metrics.ascent() + 3
        painter.drawText(QPointF(area.left() - 2, base), "1")
        last = str(self._n_epochs)
        painter.drawText(QPointF(area.right() - metrics.horizontalAdvance(last) / 2, base), last)
        middle = area.center().x() - metrics.horizontalAdvance("epoch") / 2
        painter.drawText(QPointF(middle, base), "epoch")

    def _ink(self) -> QColor:
        """The colour that the theme writes in."""
        return self.palette().color(self.foregroundRole())


def _values(point: EpochPoint) -> tuple[tuple[str, float], ...]:
    return (
        ("Dice", point.dice),
        ("loss", point.loss),
        ("held-out loss", point.held_out_loss),
    )


def _round_up(value: float) -> float:
    """The next of 1, 2 and 5 times a power of ten."""
    if not math.isfinite(value) or value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next((step * power for step in (1, 2, 5) if step * power >= value), 10 * power)
