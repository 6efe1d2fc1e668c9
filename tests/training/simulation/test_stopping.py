"""Simulated projects: a table of judged images, and how often the interval covers the truth."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from napari_vlseg.errors import SettingsError
from napari_vlseg.events import run
from napari_vlseg.prompts import PromptTable
from napari_vlseg.training.simulation.pools import TrueImage
from napari_vlseg.training.simulation.stopping import (
    JudgedImage,
    judge,
    read_judged,
    simulate_stopping,
    write_judged,
)
from napari_vlseg.workflow.ordering import Order
from tests.fakes import BrightnessSegmenter

MEASURED = Path(__file__).parents[3] / "benchmarks" / "stopping_images.json"


def test_images_are_judged_by_what_is_proposed(scene: tuple[np.ndarray, np.ndarray]) -> None:
    image, labels = scene
    plane = np.repeat(image[..., None] / 255, 3, axis=2).astype(np.float32)
    images = [TrueImage("a", "a", plane, labels), TrueImage("b", "b", plane, labels * 0)]
    good, empty = run(judge(BrightnessSegmenter(), "discs", images, PromptTable.build("bright")))
    assert good.quality > 0.6
    assert empty.quality == 0
    assert 0 < good.unsureness < 1
    assert good.foreground > 0


def test_a_table_gives_everything_back(tmp_path: Path) -> None:
    images = [
        JudgedImage("a", "1", 0.5, 0.25, 0.1, 0.2),
        JudgedImage("b", "2", 1.0, math.nan, 0.0, 0.0),
    ]
    write_judged(tmp_path / "t.json", images)
    found = read_judged(tmp_path / "t.json")
    assert found["a"] == (images[0],)
    assert math.isnan(found["b"][0].unsureness)
    with pytest.raises(SettingsError):
        read_judged(tmp_path / "none.json")


@pytest.mark.parametrize("order", ["random", "uncertain"])
def test_measured_qualities_are_covered(order: Order) -> None:
    """60 projects of real nuclei, ten reviewed; benchmarks/stopping.py has all settings."""
    (nuclei, *_) = read_judged(MEASURED).values()
    found = simulate_stopping(nuclei, order, 10, n_projects=60)
    assert found.covered >= 0.8
    assert found.half_width < 0.3
    assert found == simulate_stopping(nuclei, order, 10, n_projects=60)


def test_some_images_must_be_left() -> None:
    images = [JudgedImage("a", f"{n}", 0.5, 0.2, 0.1, 0.2) for n in range(6)]
    with pytest.raises(SettingsError, match="6 of 6"):
        simulate_stopping(images, "random", 6)
