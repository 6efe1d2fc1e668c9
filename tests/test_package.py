"""Importing the package costs nothing, and its names are where it says."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import napari_vlseg

HEAVY = ["torch", "transformers", "napari", "qtpy", "PyQt6", "PySide6", "pandas", "skimage"]

PROBE = f"""
import json, sys, time
import numpy
start = time.perf_counter()
import napari_vlseg
seconds = time.perf_counter() - start
print(json.dumps([seconds, [name for name in {HEAVY!r} if name in sys.modules]]))
"""


def import_in_fresh_interpreter() -> tuple[float, list[str]]:
    answer = subprocess.run(
        [sys.executable, "-c", PROBE], capture_output=True, text=True, check=True
    )
    seconds, loaded = json.loads(answer.stdout)
    return seconds, loaded


def test_import_loads_no_heavy_library() -> None:
    _, loaded = import_in_fresh_interpreter()
    assert loaded == []


def test_import_is_quick_beside_numpy() -> None:
    # The fastest of several counts: a busy machine slows single runs down at will.
    assert min(import_in_fresh_interpreter()[0] for _ in range(3)) < 0.2


@pytest.mark.parametrize("name", napari_vlseg.__all__)
def test_every_public_name_resolves(name: str) -> None:
    assert getattr(napari_vlseg, name) is not None
    assert name in dir(napari_vlseg)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'segmentt'"):
        _ = napari_vlseg.segmentt
