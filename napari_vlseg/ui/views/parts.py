"""Building blocks that several views share."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import (
    QComboBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLayout,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_vlseg.ui.views.icons import LINE_COLOR, icon


def tool(name: str, tip: str, clicked: Callable[[], object] | None = None) -> QToolButton:
    """A small square button with an icon."""
    button = QToolButton()
    button.setIcon(icon(name))
    button.setIconSize(QSize(16, 16))
    button.setAutoRaise(True)
    button.setFixedSize(24, 24)
    button.setToolTip(tip)
    button.setAccessibleName(tip)
    button.setStyleSheet("QToolButton::menu-indicator { image: none; width: 0 }")
    if clicked is not None:
        button.clicked.connect(lambda *_: clicked())
    return button


def push(text: str, tip: str, clicked: Callable[[], object] | None = None) -> QPushButton:
    """A button with words."""
    button = QPushButton(text)
    button.setToolTip(tip)
    if clicked is not None:
        button.clicked.connect(lambda *_: clicked())
    return button


def narrow_combo(tip: str) -> QComboBox:
    """A combo box that may be narrower than its longest item."""
    combo = QComboBox()
    combo.setToolTip(tip)
    combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    combo.setMinimumContentsLength(6)
    combo.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    return combo


def row(*widgets: QWidget | int) -> QHBoxLayout:
    """Widgets side by side; a number is a stretch."""
    layout = QHBoxLayout()
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(4)
    for widget in widgets:
        if isinstance(widget, int):
            layout.addStretch(widget)
        else:
            layout.addWidget(widget)
    return layout


def column(parent: QWidget, margin: int = 4, spacing: int = 4) -> QVBoxLayout:
    """A vertical layout set on a widget."""
    layout = QVBoxLayout(parent)
    layout.setContentsMargins(margin, margin, margin, margin)
    layout.setSpacing(spacing)
    return layout


def hint(text: str = "") -> QLabel:
    """A small text that wraps."""
    label = QLabel(text)
    label.setWordWrap(True)
    label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
    return label


def clear(layout: QLayout) -> None:
    """Remove all widgets from a layout."""
    while layout.count():
        item = layout.takeAt(0)
        widget = None if item is None else item.widget()
        if widget is not None:
            widget.deleteLater()


class Fold(QFrame):
    """A title that shows or hides what is under it."""

    def __init__(self, title: str, tip: str, content: QWidget) -> None:
        super().__init__()
        self._button = QToolButton()
        self._button.setText(title)
        self._button.setToolTip(tip)
        self._button.setCheckable(True)
        self._button.setAutoRaise(True)
        self._button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._button.toggled.connect(self._on_toggled)
        self._content = content
        layout = column(self, margin=0)
        layout.addWidget(self._button)
        layout.addWidget(content)
        self._on_toggled(False)

    def toggle(self) -> None:
        """Open or close."""
        self._button.toggle()

    def _on_toggled(self, is_open: bool) -> None:
        arrow = Qt.ArrowType.DownArrow if is_open else Qt.ArrowType.RightArrow
        self._button.setArrowType(arrow)
        self._content.setVisible(is_open)


class Popup(QFrame):
    """A small window that closes when something else is clicked."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setObjectName("vlseg_popup")
        self.setStyleSheet(f"#vlseg_popup {{ border: 1px solid {LINE_COLOR} }}")

    def show_below(self, widget: QWidget) -> None:
        """Open under a widget, inside the screen."""
        self.adjustSize()
        corner = widget.mapToGlobal(widget.rect().bottomRight())
        display = widget.screen()
        screen = self.rect() if display is None else display.availableGeometry()
        left = min(max(corner.x() - self.width(), screen.left()), screen.right() - self.width())
        top = min(corner.y(), screen.bottom() - self.height())
        self.move(left, top)
        self.show()
