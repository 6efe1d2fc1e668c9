"""``napari-vlseg join``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from napari_vlseg.cli.options import AsJson, Debug
from napari_vlseg.cli.reporter import reporting


class Policy(StrEnum):
    """Which objects are kept."""

    AGREE = "agree"
    FIRST = "first"
    UNION = "union"
    MAJORITY = "majority"


def join(
    projects: Annotated[
        list[Path],
        typer.Argument(metavar="PROJECT...", help="Two projects on the same images, or more."),
    ],
    out: Annotated[
        Path,
        typer.Option("--out", "-o", metavar="PROJECT", help="New project; a new or empty folder."),
    ],
    policy: Annotated[
        Policy,
        typer.Option(
            help="agree: objects that all annotators drew. first: these and the others of the "
            "first project. union: everyone's. majority: those that more than half drew."
        ),
    ] = Policy.AGREE,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Make one project of several annotators' projects on the same images.

    Objects are the same from an IoU of 0.5 on. Of two annotators the outline of
    the first is taken; of three or more, each pixel goes by vote. The projects
    stay as they are.
    """
    with reporting(as_json, debug) as reporter:
        from rich.table import Table

        from napari_vlseg.workflow.joining import join_projects

        images = reporter.run(join_projects(projects, out, policy.value))
        table = Table("image", "annotators", "objects", "by all", "left out")
        for image in images:
            counts = (image.annotators, image.objects, image.agreed, image.left_out)
            table.add_row(image.name, *map(str, counts))
        document = {
            "projects": [str(project) for project in projects],
            "out": str(out),
            "policy": policy.value,
            "images": [image.to_dict() for image in images],
            "notices": reporter.notices,
        }
        reporter.result(document, table, f"The joined project is {out}")
