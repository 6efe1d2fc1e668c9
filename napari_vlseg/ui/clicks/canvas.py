"""The mouse on napari's canvas while a click tool is on."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.components import ViewerModel

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_vlseg.ui.clicks.desk import ClickDesk

_STILL = 4  # pixels of the canvas that a hand may move during a click
_LEFT, _RIGHT = 1, 2
_PAN_ZOOM = "pan_zoom"
_OURS_MEANWHILE = ("drag_to_zoom", "double_click_to_zoom")
"""napari's own gestures that would answer the same clicks."""


class CanvasMouse:
    """Turns presses and drags into clicks and strokes.

    A click with the left button includes; with Alt, or with the right button, it excludes.
    Shift takes up the object below. The point tool leaves dragging to napari, which moves the
    image; the others draw.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
    desk : ClickDesk
    """

    def __init__(self, viewer: ViewerModel, desk: ClickDesk) -> None:
        self._viewer = viewer
        self._desk = desk
        self._put_aside: list[tuple[Any, Callable[..., Any]]] = []
        self.is_on = False
        self.pans = False
        """Whether dragging moves the image whatever the tool: while Space is held."""

    def listen(self) -> None:
        """Take the mouse."""
        if self.is_on:
            return
        self.is_on = True
        for callbacks in (
            self._viewer.mouse_drag_callbacks,
            self._viewer.mouse_double_click_callbacks,
        ):
            for callback in [c for c in callbacks if c.__name__ in _OURS_MEANWHILE]:
                callbacks.remove(callback)
                self._put_aside.append((callbacks, callback))
        self._viewer.mouse_drag_callbacks.append(self._on_press)
        self._viewer.mouse_double_click_callbacks.append(self._on_double_click)
        self._viewer.layers.selection.events.active.connect(self._on_active)
        self._on_active()

    def release(self) -> None:
        """Give the mouse back to napari."""
        if not self.is_on:
            return
        self.is_on = False
        self._viewer.mouse_drag_callbacks.remove(self._on_press)
        self._viewer.mouse_double_click_callbacks.remove(self._on_double_click)
        self._viewer.layers.selection.events.active.disconnect(self._on_active)
        for callbacks, callback in self._put_aside:
            callbacks.append(callback)
        self._put_aside.clear()
        active = self._viewer.layers.selection.active
        self._viewer.cursor.style = "standard" if active is None else active.cursor

    def _on_active(self, event: Any = None) -> None:
        """Layers that draw leave the mouse to the click tools."""
        active = self._viewer.layers.selection.active
        if active is not None and active.mode != _PAN_ZOOM:
            active.mode = _PAN_ZOOM
        self._viewer.cursor.style = "cross"

    def _on_press(self, viewer: Any, event: Any) -> Generator[None, None, None]:
        if self._leaves(event):
            return
        pressed, path = np.array(event.pos), [np.array(event.position)]
        include, takes_up = _meaning(event)
        draws = event.button == _LEFT and self._desk.tool != "point" and not takes_up
        # A click counts when the button goes down, so that its answer is there when it comes up.
        early = self._desk.tool == "point" and not takes_up
        is_click = True
        if early:
            self._desk.click(path[0], include)
        event.handled = draws
        yield
        while event.type == "mouse_move":
            event.handled = draws
            path.append(np.array(event.position))
            if is_click and np.abs(np.array(event.pos) - pressed).max() >= _STILL:
                is_click = False
                if early:
                    self._desk.retract_click()
            if draws and not is_click:
                self._desk.sketch(path, include)
            yield
        event.handled = draws
        path.append(np.array(event.position))  # napari leaves out moves that follow too soon
        if is_click and takes_up:
            self._desk.refine_at(path[0])
        elif is_click and not early:
            self._desk.click(path[0], include)
        elif draws:
            self._desk.draw(path, include)

    def _on_double_click(self, viewer: Any, event: Any) -> None:
        """The second of two quick clicks."""
        if self._leaves(event):
            return
        include, takes_up = _meaning(event)
        if takes_up:
            self._desk.refine_at(np.array(event.position))
        else:
            self._desk.click(np.array(event.position), include)

    def _leaves(self, event: Any) -> bool:
        """Whether a press is none of ours."""
        active = self._viewer.layers.selection.active
        return (
            self.pans
            or event.button not in (_LEFT, _RIGHT)
            or (active is not None and active.mode != _PAN_ZOOM)
        )


def _meaning(event: Any) -> tuple[bool, bool]:
    """Whether a press includes, and whether it takes up the object below."""
    return event.button == _LEFT and "Alt" not in event.modifiers, "Shift" in event.modifiers
