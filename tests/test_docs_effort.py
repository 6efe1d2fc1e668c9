"""The numbers of the page on effort are those of the runs that lie beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

DOCS = Path(__file__).parents[1] / "docs"
PLACES = {"noc": 1, "actions": 1, "actions per image": 0, "ratio": 2}
SHARES = ("accepted", "corrected", "drawn", "traced")


def _row(mean: dict[str, Any]) -> str:
    """One row of the page's tables."""
    way = {"clicks alone": "clicks alone", "none": "base model"}.get(mean["arm"])
    spread = [f"{mean[name][0]:.{n}f} ± {mean[name][1]:.{n}f}" for name, n in PLACES.items()]
    shares = [f"{mean[name][0]:.0%}".replace("%", " %") for name in SHARES]
    cells = [f"{mean['wanted']:.2f}", way or f"{mean['budget']} objects", *spread, *shares]
    return "| " + " | ".join([*cells, f"{mean['deleted'][0]:.1f}"]) + " |"


@pytest.mark.parametrize("name", ["effort-nuclei", "effort-painted"])
def test_tables_hold_what_was_measured(name: str) -> None:
    page = (DOCS / "effort.md").read_text("utf-8")
    run = json.loads((DOCS / "evidence" / f"{name}.json").read_text("utf-8"))
    assert run["means"]
    assert all(mean["n_seeds"] >= 4 for mean in run["means"])
    for mean in run["means"]:
        assert _row(mean) in page, f"the page lacks the row {_row(mean)}"
    assert f"evidence/{name}.png" in page
