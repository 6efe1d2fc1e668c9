"""The window under the other Qt binding, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

SMOKE = (
    "test_type_and_segment",
    "test_threshold_moves_labels_without_the_model",
    "test_undo_takes_back_one_whole_write",
    "test_unknown_words_are_said_under_the_row",
)


@pytest.mark.gui
@pytest.mark.timeout(300)
@pytest.mark.skipif(find_spec("PySide6") is None, reason="PySide6 is not installed")
def test_the_window_works_with_pyside6() -> None:
    file = Path(__file__).with_name("test_window.py")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    environment = {**os.environ, "QT_API": "pyside6", "PYTEST_QT_API": "pyside6"}
    done = subprocess.run(
        [*command, *(f"{file}::{name}" for name in SMOKE)],
        env=environment,
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    assert f"{len(SMOKE)} passed" in done.stdout
