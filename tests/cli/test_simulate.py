"""``napari-vlseg simulate``: a table, the points, and a picture of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from napari_vlseg.events import Progress, Work
from napari_vlseg.training.simulation import learning
from napari_vlseg.training.simulation.learning import Point

from .conftest import Command


def test_points_are_written_and_told(
    cli: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, Any] = {}

    def quick(model: object, pool: Any, **options: Any) -> Work[tuple[Point, ...]]:
        asked.update(options, pool=pool)
        yield Progress("simulating", 0, 1)
        return (Point("none", 0, 0, 0, 0.1, 0.2), Point("random", 0, 5, 5, 0.5, 0.7))

    monkeypatch.setattr(learning, "simulate_learning", quick)
    done = cli(
        "simulate", "--painted", 3, "--images", 2, "--budgets", "5,9", "--orders", "random",
        "--seeds", 2, "--out", tmp_path / "out",
    )  # fmt: skip
    assert done.code == 0, done.err
    assert "painted objects 3" in done.out
    assert asked["budgets"] == (5, 9)
    assert asked["orders"] == ["random"]
    assert list(asked["seeds"]) == [0, 1]
    assert len(asked["pool"].work) == 2
    document = json.loads((tmp_path / "out" / "points.json").read_text("utf-8"))
    assert [point["arm"] for point in document["points"]] == ["none", "random"]


def test_budgets_that_are_no_numbers_are_refused(cli: Command, tmp_path: Path) -> None:
    done = cli("simulate", "--images", 1, "--budgets", "5,many", "--out", tmp_path)
    assert done.code == 1
    assert "whole numbers" in done.err
