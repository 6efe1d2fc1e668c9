"""``napari-vlseg export`` and ``evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_vlseg.cli.options import AsJson, Debug, Out
from napari_vlseg.cli.reporter import reporting


def export(
    project: Annotated[Path, typer.Argument(metavar="PROJECT", help="Project folder.")],
    out: Out,
    format_name: Annotated[
        str, typer.Option("--format", "-f", metavar="FORMAT", help="tiff or coco.")
    ],
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an earlier export.")
    ] = False,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Export the corrected labels of a project as a training set.

    tiff: image and mask pairs. coco: images and instances.json.
    """
    with reporting(as_json, debug) as reporter:
        from napari_vlseg.workflow.export import export_project

        files = reporter.run(export_project(project, format_name, out, overwrite=overwrite))
        document = {
            "project": str(project),
            "format": format_name,
            "out": str(out),
            "files": [str(path) for path in files],
            "notices": reporter.notices,
        }
        reporter.result(document, f"Wrote {len(files)} files to {out}")


def evaluate(
    pred: Annotated[
        Path, typer.Option("--pred", metavar="DIR", help="Folder of predicted label images.")
    ],
    truth: Annotated[
        Path, typer.Option("--truth", metavar="DIR", help="Folder of true label images.")
    ],
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Measure label images against the truth: foreground IoU and Dice, AP@0.5.

    Files belong together when their names without suffix are equal.
    """
    with reporting(as_json, debug) as reporter:
        from rich.table import Table

        from napari_vlseg.workflow.evaluation import evaluate_folders

        evaluation = reporter.run(evaluate_folders(pred, truth))
        table = Table("image", "IoU", "Dice", "AP@0.5", "true objects", "predicted")
        for score in evaluation.images:
            overlaps = (f"{value:.3f}" for value in (score.iou, score.dice, score.ap50))
            table.add_row(score.name, *overlaps, str(score.n_truth), str(score.n_pred))
        table.add_section()
        table.add_row("mean", *(f"{value:.3f}" for value in evaluation.mean.values()))
        reporter.result({**evaluation.to_dict(), "notices": reporter.notices}, table)
