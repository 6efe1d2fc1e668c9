"""Compute every number of the bundled models' cards again, and compare.

``python benchmarks/cards.py --dsb2018 DIR``: both evaluations in full, on the validation split and
on procedural scenes, with the classical methods beside them. Each score is set against the one in
the ``report.json`` that ships; the exit status says whether any is further away than the
tolerance. Another folder than the bundled one, of the same recipe, is compared with
``--vlseg-mini DIR`` or ``--sam-mini DIR``.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from harness import nuclei_parser
from rich.console import Console
from rich.table import Table

from napari_vlseg.events import run
from napari_vlseg.models.spec import bundled_folder
from napari_vlseg.training import evaluate as text_evaluation
from napari_vlseg.training.sam import evaluate as click_evaluation

_NOT_COMPARED = ("best_threshold", "clicks_to", "seconds_per")


def main() -> bool:
    """Evaluate, compare, and say whether all scores agree."""
    arguments = _arguments()
    data, console = arguments.dsb2018, Console(width=160)
    agree = True
    for name, folder in (("vlseg-mini", arguments.vlseg_mini), ("sam-mini", arguments.sam_mini)):
        shipped = json.loads((bundled_folder(name) / "report.json").read_text("utf-8"))
        console.rule(name)
        found = _evaluated(name, folder or name, data, shipped, console)
        arguments.out.mkdir(parents=True, exist_ok=True)
        (arguments.out / f"{name}.json").write_text(json.dumps(found, indent=1) + "\n", "utf-8")
        agree &= _compare(name, shipped, found, arguments.tolerance, console)
    return agree


def _evaluated(
    name: str, model: str, data: Path, shipped: Mapping[str, Any], console: Console
) -> dict[str, Any]:
    if name == "vlseg-mini":
        report = run(text_evaluation.evaluate(model, data, shipped["n_scenes"]))
        text_evaluation.print_report(report, console)
    else:
        report = run(click_evaluation.evaluate(model, data))
        click_evaluation.print_report(report, console)
    return report


def _compare(
    name: str,
    shipped: Mapping[str, Any],
    found: Mapping[str, Any],
    tolerance: float,
    console: Console,
) -> bool:
    """Print the scores that differ by more than the tolerance; whether there are none."""
    again = dict(_scores(found))
    both = [(path, value, again[path]) for path, value in _scores(shipped) if path in again]
    apart = [row for row in both if abs(row[1] - row[2]) > tolerance]
    table = Table("score", "in the card", "now", title=f"{name}: differ by more than {tolerance}")
    for path, value, now in apart:
        table.add_row(path, f"{value:.3f}", f"{now:.3f}")
    if apart:
        console.print(table)
    console.print(f"{name}: {len(both) - len(apart)} of {len(both)} scores agree.")
    return bool(both) and not apart


def _scores(report: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    """Path and value of every score from 0 to 1 in a report; counts and times are none."""
    for key, value in report.items():
        if key.startswith(_NOT_COMPARED):
            continue
        if isinstance(value, Mapping):
            yield from _scores(value, f"{prefix}{key} / ")
        elif isinstance(value, float):
            yield prefix + key, value


def _arguments() -> argparse.Namespace:
    parser = nuclei_parser(__doc__)
    parser.add_argument("--vlseg-mini", default="", help="folder of a model of the same recipe")
    parser.add_argument("--sam-mini", default="", help="folder of a model of the same recipe")
    parser.add_argument("--tolerance", type=float, default=0.02, help="default %(default)s")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(not main())
