"""``napari-vlseg`` without a command: the window."""

from __future__ import annotations

from napari_vlseg.cli.reporter import reporting


def open_napari(debug: bool = False) -> None:
    """Open napari with the widget docked, or say in one sentence why it can't open."""
    with reporting(as_json=False, debug=debug):
        from napari_vlseg.cli.screen import why_no_window
        from napari_vlseg.errors import SettingsError

        reason = why_no_window()
        if reason is not None:
            raise SettingsError(reason)
        from napari_vlseg.ui.app import open_window

        open_window()
