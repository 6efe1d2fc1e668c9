"""``napari-vlseg link``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_vlseg.cli.options import AsJson, Debug, Out
from napari_vlseg.cli.reporter import reporting


def link(
    labels: Annotated[
        Path, typer.Argument(metavar="LABELS", help="Labels of a stack or time series.")
    ],
    out: Out,
    least_iou: Annotated[
        float,
        typer.Option(
            metavar="IOU",
            min=0,
            max=1,
            help="Smallest intersection over union of one object on neighbouring planes.",
        ),
    ] = 0.25,
    gap: Annotated[
        int,
        typer.Option(
            metavar="N", min=0, help="Planes in a row that an object may be missing from."
        ),
    ] = 0,
    splits: Annotated[
        bool,
        typer.Option("--splits", help="An object that two successors lie in becomes their mother."),
    ] = False,
    scale: Annotated[
        str | None,
        typer.Option(
            metavar="Z,Y,X",
            help=r"Size of a step along the planes, rows and columns, for volumes. "
            r"\[default: pixels]",
        ),
    ] = None,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Join 2D objects of consecutive planes into 3D objects, or into tracks.

    Writes <stem>.tif, labels with one number per object, <stem>_tracks.csv and
    <stem>_objects.csv.
    """
    with reporting(as_json, debug) as reporter:
        from napari_vlseg.cli.parsing import parse_scale
        from napari_vlseg.workflow.follow_files import link_file
        from napari_vlseg.workflow.linking import LinkSettings

        settings = LinkSettings(least_iou, gap, splits)
        work = link_file(labels, out, settings, parse_scale(scale))
        linked, files = reporter.run(work)
        document = {
            "labels": str(labels),
            "files": [str(path) for path in files],
            "objects": linked.n_objects,
            "planes": linked.n_planes,
            "parents": {str(child): of for child, of in linked.parents.items()},
            "notices": reporter.notices,
        }
        told = f"{linked.n_objects} objects on {linked.n_planes} planes"
        reporter.result(document, told, *(f"Wrote {path}" for path in files))
