"""``napari-vlseg anonymize``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_vlseg.cli.options import AsJson, Debug
from napari_vlseg.cli.reporter import reporting


def anonymize(
    project: Annotated[Path, typer.Argument(metavar="PROJECT", help="Project folder.")],
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Remove ids of people, times of day and seconds from a project.

    What they made stays, and so does the day on which they did. The files are
    written anew; keep a copy if you may need who did what.
    """
    with reporting(as_json, debug) as reporter:
        from napari_vlseg.corrections.anonymizing import anonymize as work

        changed = reporter.run(work(project))
        document = {"project": str(project), "files": changed, "notices": reporter.notices}
        reporter.result(document, f"Nothing in {project} tells who worked on it")
