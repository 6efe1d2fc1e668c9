"""A display for the tests that need one, and the widget in a real napari window."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from napari_vlseg.ui.native import import_triton_apart

SCREEN = "1400x900x24"
SCREENS = ("DISPLAY", "WAYLAND_DISPLAY")
# Qt ends a program whose screen goes away, so the screen outlives it: the shell stops Xvfb
# when the pipe to this process closes, however this process ends.
KEEP_XVFB = 'Xvfb -displayfd "$1" -screen 0 "$2" -nolisten tcp & cat > /dev/null; kill $!'
KEEPER = pytest.StashKey[subprocess.Popen]()
SPARE_REFERENCES = 5_000_000
NO_DISPLAY = "there is no screen and Xvfb is not installed: apt-get install xvfb"


@pytest.fixture(scope="session", autouse=True)
def _none_lasts() -> None:
    """Let many windows open and close in one process.

    On Python 3.11 each napari window that closes takes more references to None away than it
    added, and after some ten windows the interpreter ends (“deallocating None”). From 3.12 on
    None has no count.
    """
    if sys.version_info < (3, 12):
        for _ in range(SPARE_REFERENCES):
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(None))


@pytest.fixture(scope="session", autouse=True)
def _triton_apart() -> None:
    """Whatever imports torch after the first window does so safely."""
    import_triton_apart()


@pytest.fixture(scope="session", autouse=True)
def display(request: pytest.FixtureRequest) -> Iterator[bool]:
    """Whether there is a display; starts a virtual one where there is none.

    One of several processes that run tests takes a virtual one in any case: windows on one
    screen take the focus from each other.
    """
    elsewhere = sys.platform in ("darwin", "win32")
    has_screen = elsewhere or any(os.environ.get(name) for name in SCREENS)
    shared = "PYTEST_XDIST_WORKER" in os.environ
    if elsewhere or shutil.which("Xvfb") is None or (has_screen and not shared):
        yield has_screen
        return
    for name in SCREENS:
        os.environ.pop(name, None)
    read, write = os.pipe()
    keeper = subprocess.Popen(
        ["/bin/sh", "-c", KEEP_XVFB, "sh", str(write), SCREEN],
        stdin=subprocess.PIPE,
        pass_fds=[write],
        stderr=subprocess.DEVNULL,
    )
    os.close(write)
    with os.fdopen(read) as numbers:
        os.environ["DISPLAY"] = f":{numbers.readline().strip()}"
    request.config.stash[KEEPER] = keeper
    yield True


@pytest.fixture(autouse=True)
def _nobodys_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs the tests keeps their settings, and tests don't depend on them."""
    monkeypatch.setattr("napari_vlseg.ui.preferences.user_config_path", lambda *_, **__: tmp_path)
    monkeypatch.setenv("NAPARI_VLSEG_ANNOTATOR", "tester")


@pytest.fixture(autouse=True)
def _skip_without_display(request: pytest.FixtureRequest, display: bool) -> None:
    if request.node.get_closest_marker("gui") and not display:
        pytest.skip(NO_DISPLAY)


@pytest.fixture
def make_widget(make_napari_viewer: Callable[..., Any], qtbot: Any) -> Iterator[Callable[..., Any]]:
    """Open a real window with the widget docked, on a fake model."""
    from qtpy.QtCore import QThreadPool

    from napari_vlseg.ui.dock_widget import VlsegWidget
    from tests.gui.fakes import BrightnessModel, Loader
    from tests.gui.painting import PaintingModel

    def make(
        model: BrightnessModel | None = None,
        clicks: PaintingModel | None = None,
        **viewer_options: Any,
    ) -> VlsegWidget:
        viewer = make_napari_viewer(**{"show": True, **viewer_options})
        widget = VlsegWidget(
            viewer, Loader(model or BrightnessModel()), Loader(clicks or PaintingModel())
        )
        viewer.window.add_dock_widget(widget, name="VLSeg", add_vertical_stretch=False)
        qtbot.waitUntil(widget.isVisible, timeout=5000)
        return widget

    yield make
    assert QThreadPool.globalInstance().waitForDone(5000), "a worker thread was left behind"
    qtbot.wait(20)


@pytest.fixture
def widget(make_widget: Callable[..., Any]) -> Any:
    """The widget with an image of four bright squares open."""
    from tests.gui.fakes import blobs

    made = make_widget()
    made.controller.viewer.add_image(blobs(), name="squares")
    return made


@pytest.fixture
def segmented(widget: Any, qtbot: Any) -> Any:
    """The widget after “nuclei” was typed and Segment pressed."""
    from tests.gui.driving import press_segment, type_phrase

    type_phrase(qtbot, widget, "nuclei")
    press_segment(qtbot, widget)
    return widget
