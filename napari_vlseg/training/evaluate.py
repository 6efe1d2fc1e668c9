"""Evaluate a model folder: ``python -m napari_vlseg.training.evaluate --help``."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from napari_vlseg.errors import VlsegError
from napari_vlseg.events import Work, run
from napari_vlseg.models import registry
from napari_vlseg.training.dsb2018 import load_images, read_index, split_by_group
from napari_vlseg.training.evaluate_labels import evaluate_labels
from napari_vlseg.training.evaluate_nuclei import best_threshold, evaluate_nuclei
from napari_vlseg.training.evaluate_references import evaluate_references
from napari_vlseg.training.evaluate_scenes import evaluate_scenes

_TABLE_WIDTH = 160
_EXAMPLES = """\
examples:
  python -m napari_vlseg.training.evaluate --dsb2018 ../shared/data/dsb2018
  python -m napari_vlseg.training.evaluate --dsb2018 DIR --model runs/mini/model --json report.json
"""


def evaluate(model: str, data: Path, scenes: int, *, limit: int = 0) -> Work[dict[str, Any]]:
    """Score a model on the validation split and on unseen scenes.

    Parameters
    ----------
    model : str
        Registered name or folder.
    data : Path
        Folder of the DSB 2018 images.
    scenes : int
        Number of procedural scenes.
    limit : int
        Every n-th validation image so that about this many remain; 0 for all.

    Yields
    ------
    Progress or Notice

    Returns
    -------
    dict
        ``nuclei``, ``labels``, ``scenes`` and ``references``.
    """
    segmenter = yield from registry.load_steps(model)
    _, validation = split_by_group(read_index(data))
    images = load_images(data, _thinned(validation, limit))
    report: dict[str, Any] = {
        "model": model,
        "weights_sha256": segmenter.info.weights_sha256,
        "n_scenes": scenes,
    }
    report["nuclei"] = yield from evaluate_nuclei(segmenter, images)
    report["labels"] = yield from evaluate_labels(segmenter, images)
    report["scenes"] = yield from evaluate_scenes(segmenter, scenes)
    report["references"] = yield from evaluate_references(segmenter, scenes)
    return report


def choose_threshold(model: str, data: Path, *, limit: int = 100) -> Work[float]:
    """The best threshold for "nuclei" on training images."""
    segmenter = yield from registry.load_steps(model)
    train, _ = split_by_group(read_index(data))
    images = load_images(data, _thinned(train, limit))
    return (yield from best_threshold(segmenter, images))


def _thinned(ids: list[str], limit: int) -> list[str]:
    return ids[:: max(1, len(ids) // limit)] if limit else ids


def print_report(report: dict[str, Any], console: Console) -> None:
    """Tables of a report, for people."""
    for section in ("nuclei", "scenes"):
        console.print(_present_table(section, report[section]["present"]))
        console.print(_absent_table(section, report[section]["absent"]))
    console.print(_labels_table(report["labels"]))
    console.print(_references_table(report["references"]))


def _present_table(section: str, rows: dict[str, Any]) -> Table:
    kinds = sorted({kind for row in rows.values() for kind in row["iou_by_kind"]})
    shown = kinds if section == "nuclei" else []
    table = Table(title=f"{section}: present")
    for heading in ("prompt", "n", "IoU", "Dice", "best at", "IoU", "Dice", *shown):
        table.add_column(heading, no_wrap=True)
    for name, row in rows.items():
        numbers = [row[key] for key in ("iou", "dice", "best_threshold", "best_iou", "best_dice")]
        by_kind = [row["iou_by_kind"].get(kind) for kind in shown]
        cells = [f"{number:.3f}" for number in numbers]
        table.add_row(name, str(row["n"]), *cells, *(f"{value:.3f}" for value in by_kind if value))
    return table


def _absent_table(section: str, rows: dict[str, Any]) -> Table:
    table = Table(title=f"{section}: absent")
    for heading in ("prompt", "n", "area", "above 2 %"):
        table.add_column(heading, no_wrap=True)
    for name, row in rows.items():
        area, share = row["false_area"], row["share_above_2_percent"]
        table.add_row(name, str(row["n"]), f"{area:.2%}", f"{share:.1%}")
    return table


def _labels_table(rows: dict[str, Any]) -> Table:
    table = Table("method", "IoU", "AP@0.5", title="nuclei: labels as a person gets them")
    for name, row in rows.items():
        table.add_row(name, f"{row['iou']:.3f}", f"{row['ap50']:.3f}")
    return table


def _references_table(rows: dict[str, Any]) -> Table:
    table = Table("pictures", "n", "AUC", "IoU", title="references to unnamed kinds of object")
    for name, row in rows.items():
        table.add_row(name, str(row["n"]), f"{row['auc']:.3f}", f"{row['iou']:.3f}")
    return table


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m napari_vlseg.training.evaluate",
        description="Score a model on validation images and unseen scenes, with Otsu beside it.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--dsb2018", type=Path, required=True, help="folder with index.csv")
    parser.add_argument("--model", default=registry.DEFAULT_MODEL, help="name or folder")
    parser.add_argument("--scenes", type=int, default=100, help="default %(default)s")
    parser.add_argument("--limit", type=int, default=0, help="about so many images; 0 for all")
    parser.add_argument("--json", type=Path, help="also write the report here")
    parser.add_argument(
        "--choose-threshold", action="store_true", help="only name the best one on training images"
    )
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 0 when it went well."""
    parsed = parse_arguments(arguments)
    console = Console(width=max(Console().width, _TABLE_WIDTH))
    try:
        if parsed.choose_threshold:
            console.print(run(choose_threshold(parsed.model, parsed.dsb2018)))
            return 0
        report = run(evaluate(parsed.model, parsed.dsb2018, parsed.scenes, limit=parsed.limit))
    except VlsegError as error:
        console.print(f"[red]{error}")
        return 1
    print_report(report, console)
    if parsed.json:
        parsed.json.write_text(json.dumps(report, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
