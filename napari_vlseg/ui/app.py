"""napari with the widget docked: what the command line opens."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import napari
from qtpy.QtCore import Qt

from napari_vlseg.ui.dock_widget import VlsegWidget
from napari_vlseg.ui.opening import open_images

TITLE = "VLSeg"
_WIDTH = 340


def make_window(
    paths: Iterable[Path | str] = (), project: Path | str | None = None, *, show: bool = True
) -> tuple[napari.viewer.Viewer, VlsegWidget]:
    """Make a napari window with the widget docked, without running it.

    Parameters
    ----------
    paths : iterable of Path or str
        Images to open.
    project : Path or str, optional
        Project folder to open.
    show : bool
        Whether the window is visible at once.

    Raises
    ------
    ImageError
        If an image can't be read.
    """
    viewer = napari.Viewer(title="napari-vlseg", show=show)
    widget = VlsegWidget(viewer)
    dock = viewer.window.add_dock_widget(
        widget, name=TITLE, area="right", add_vertical_stretch=False
    )
    viewer.window._qt_window.resizeDocks([dock], [_WIDTH], Qt.Orientation.Horizontal)
    with widget.controller.told():
        open_images(viewer, map(Path, paths))
    if project is not None:
        widget.controller.desk.open(Path(project))
    return viewer, widget


def open_window(paths: Iterable[Path | str] = (), project: Path | str | None = None) -> None:
    """Open napari with the widget docked, and return when the window is closed."""
    make_window(paths, project)
    napari.run()
