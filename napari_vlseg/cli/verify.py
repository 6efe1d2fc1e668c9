"""``napari-vlseg verify``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_vlseg.cli.options import AsJson, Debug
from napari_vlseg.cli.reporter import ExitCode, reporting


def verify(
    project: Annotated[Path, typer.Argument(metavar="PROJECT", help="Project folder.")],
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Look whether the files of a project are as napari-vlseg wrote them.

    Hashes of all files are compared with the list of writes, and the journals of
    edits are replayed. What is missing, damaged or changed from outside is
    named, and the exit code is 1. Nothing is written.
    """
    with reporting(as_json, debug) as reporter:
        from napari_vlseg.corrections.store import Project
        from napari_vlseg.corrections.verify import verify as look_through

        opened = Project.open(project)
        findings = reporter.run(look_through(opened))
        document = {
            "project": str(project),
            "sound": not findings,
            "findings": [{"path": finding.path, "what": finding.what} for finding in findings],
            "notices": reporter.notices,
        }
        files = {finding.path for finding in findings}
        told = f"Not as they were written: {len(files)} of the files in {project}, named above."
        reporter.result(document, told if findings else "All files are as they were written.")
        if findings:
            raise typer.Exit(ExitCode.USER_ERROR)
