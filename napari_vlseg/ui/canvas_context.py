"""Layers go while OpenGL looks at the right window.

When a layer is removed, napari has its buffers and textures deleted at once, in whichever OpenGL
context is current then: that of the whole window, as a rule, and not that of the canvas. The
canvas goes on drawing from what is gone, and the program ends.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from napari.components import ViewerModel


def keep_canvas_current(viewer: ViewerModel, canvas: Any) -> Callable[[], None]:
    """Make the context of a canvas the current one before any layer is removed.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
    canvas : QOpenGLWidget

    Returns
    -------
    callable
        Stops doing so.
    """

    def on_removing(event: Any) -> None:
        canvas.makeCurrent()

    viewer.layers.events.removing.connect(on_removing)
    return lambda: viewer.layers.events.removing.disconnect(on_removing)
