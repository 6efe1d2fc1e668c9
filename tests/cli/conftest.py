"""The command line, run in this process with a model that needs no weights."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_vlseg.cli import main
from napari_vlseg.errors import ModelError
from napari_vlseg.events import Progress, Work
from napari_vlseg.models import registry
from tests.fakes import BrightnessSegmenter, KnowingSegmenter


@dataclass(frozen=True)
class Finished:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The JSON document on stdout; fails if there is anything else."""
        return json.loads(self.out)


Command = Callable[..., Finished]


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Command:
    """Run ``napari-vlseg`` with the given arguments."""

    def run(*args: object) -> Finished:
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            main([str(arg) for arg in args])
        captured = capsys.readouterr()
        return Finished(int(stop.value.code or 0), captured.out, captured.err)

    return run


@pytest.fixture
def model(
    monkeypatch: pytest.MonkeyPatch, scene: tuple[np.ndarray, np.ndarray]
) -> BrightnessSegmenter:
    """Stands in for every text model; “bright” finds bright pixels. “sam-mini” knows them all."""
    segmenter = BrightnessSegmenter()

    def load_steps(name: str, **options: Any) -> Work[BrightnessSegmenter | KnowingSegmenter]:
        yield Progress("loading", 1, 1)
        if name == "sam-mini":
            return KnowingSegmenter(scene[1])
        if name == "unknown":
            raise ModelError("There is no model “unknown”: choose vlseg-mini.")
        return segmenter

    monkeypatch.setattr(registry, "load_steps", load_steps)
    return segmenter


@pytest.fixture
def cells(tmp_path: Path, scene: tuple[np.ndarray, np.ndarray]) -> Path:
    """A TIFF of three discs, 0.5 × 0.25 µm per pixel."""
    path = tmp_path / "cells.tif"
    metadata = {
        "axes": "YX",
        "PhysicalSizeY": 0.5,
        "PhysicalSizeYUnit": "µm",
        "PhysicalSizeX": 0.25,
        "PhysicalSizeXUnit": "µm",
    }
    tifffile.imwrite(path, scene[0], ome=True, metadata=metadata)
    return path


@pytest.fixture
def unchanged(tmp_path: Path) -> Iterator[Path]:
    """A file of an earlier day, which must read the same at the end of the test."""
    path = tmp_path / "kept" / "cells.tif"
    path.parent.mkdir()
    path.write_bytes(b"drawn by hand")
    yield path
    assert path.read_bytes() == b"drawn by hand"
    assert [p.name for p in path.parent.iterdir()] == [path.name]
