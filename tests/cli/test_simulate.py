"""``napari-vlseg simulate``: a table, the points, and a picture of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from napari_vlseg.events import Progress, Work
from napari_vlseg.training.simulation import effort, learning
from napari_vlseg.training.simulation.effort import EffortPoint
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


def test_effort_is_written_and_told(
    cli: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, Any] = {}
    kinds = ("n_images", "n_objects", "accepted", "corrected", "drawn", "traced", "deleted")
    counts = dict.fromkeys((*kinds, "taken_up", "clicks", "total", "seconds"), 2.0)

    def quick(model: Any, clicker: Any, pool: Any, **options: Any) -> Work[tuple[EffortPoint, ...]]:
        asked.update(options, pool=pool, clicker=clicker.info.name)
        yield Progress("simulating", 0, 1)
        arms = [("clicks alone", 0), ("none", 0), ("random", 20)]
        return tuple(EffortPoint(*arm[:1], 0, arm[1], 0.9, counts, 4.5, (0, 1)) for arm in arms)

    monkeypatch.setattr(effort, "simulate_effort", quick)
    done = cli(
        "simulate", "--what", "effort", "--images", 2, "--seeds", 3, "--jitter", 1,
        "--test-images", 5, "--per-image", 4, "--outlined", "--json", "--out", tmp_path / "out",
    )  # fmt: skip
    assert done.code == 0, done.err
    assert (asked["budgets"], asked["orders"]) == ((20,), ["random"])
    assert list(asked["seeds"]) == [0, 1, 2]
    assert asked["per_image"] == 4
    assert asked["clicker"] == "sam-mini"
    settings = asked["settings"]
    assert (settings.jitter, settings.most_images, settings.outlined) == (1, 5, True)
    written = json.loads((tmp_path / "out" / "effort.json").read_text("utf-8"))
    assert done.document == {**written, "notices": done.document["notices"]}
    assert [mean["noc"] for mean in written["means"]] == [[4.5, None]] * 3
    assert written["models"]["answers clicks"].startswith("sam-mini")


def test_effort_is_shown_as_tables(
    cli: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def quick(*_: Any, **options: Any) -> Work[tuple[EffortPoint, ...]]:
        counts = dict.fromkeys(("n_images", "accepted", "deleted", "total", "seconds"), 3.0)
        counts |= dict.fromkeys(("n_objects",), 12.0)
        counts |= dict.fromkeys(("corrected", "drawn", "traced", "taken_up", "clicks"), 1.0)
        yield Progress("simulating", 1, 1)
        return tuple(EffortPoint("clicks alone", n, 0, 0.85, counts, 7.25, (0, 1)) for n in (0, 1))

    monkeypatch.setattr(effort, "simulate_effort", quick)
    done = cli("simulate", "--what", "effort", "--images", 1, "--out", tmp_path)
    assert done.code == 0, done.err
    assert "7.2 ± 0.0" in done.out
    assert "25%" in done.out


def test_effort_wants_a_model_for_clicks(cli: Command, tmp_path: Path) -> None:
    done = cli(
        "simulate", "--what", "effort", "--images", 1, "--click-model", "vlseg-mini",
        "--out", tmp_path,
    )  # fmt: skip
    assert done.code == 1
    assert "not clicks" in done.err


def test_something_else_can_not_be_simulated(cli: Command, tmp_path: Path) -> None:
    assert cli("simulate", "--what", "luck", "--out", tmp_path).code == 2
