"""``napari-vlseg project`` and ``status``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_vlseg.cli.options import AsJson, Debug
from napari_vlseg.cli.reporter import reporting

if TYPE_CHECKING:
    from napari_vlseg.corrections.worklist import Worklist


def project(
    images: Annotated[
        list[Path], typer.Argument(metavar="IMAGES", help="A folder of images, or image files.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="PROJECT",
            help=r"Folder of the project; made if missing. \[default: FOLDER-vlseg, beside it]",
        ),
    ] = None,
    pattern: Annotated[
        str | None,
        typer.Option(
            metavar="GLOB",
            help='Which files of the folder: "*.tif", or "**/*" for folders in it too. '
            r"\[default: all images directly in it]",
        ),
    ] = None,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Make a project of a folder of images, to go through them one by one in the window.

    The images stay where they are, and none is read before it is shown. Run again
    on the same project, images that came since are added at the end.
    """
    with reporting(as_json, debug) as reporter:
        from napari_vlseg.errors import SettingsError
        from napari_vlseg.workflow.worklist import (
            default_project,
            make_project,
            plan_worklist,
            worklist_of,
        )

        if out is None and (len(images) != 1 or not images[0].is_dir()):
            raise SettingsError("Say where the project of these files goes, with --out PROJECT.")
        made = make_project(out or default_project(images[0]), plan_worklist(images, pattern))
        _report(reporter, made.folder, worklist_of(made))


def status(
    folder: Annotated[Path, typer.Argument(metavar="PROJECT", help="Project folder.")],
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Show how far a project is: images that are new, in progress, done and skipped."""
    with reporting(as_json, debug) as reporter:
        from napari_vlseg.corrections.store import Project
        from napari_vlseg.workflow.worklist import new_files, worklist_of

        worklist = worklist_of(Project.open(folder))
        _report(reporter, folder, worklist, len(new_files(worklist)))


def _report(reporter: Any, folder: Path, worklist: Worklist, n_new_files: int = 0) -> None:
    counts = worklist.counts()
    current = worklist.items[worklist.current].name if worklist.items else None
    lines = [
        f"project      {folder}",
        f"images       {len(worklist)}",
        *(f"{status:12} {count}" for status, count in counts.items() if count),
    ]
    if current is not None:
        lines.append(f"stopped at   {current}")
    if n_new_files:
        lines.append(
            f"not listed   {n_new_files} new in the folder: `napari-vlseg project` adds them"
        )
    document = {
        "project": str(folder),
        "counts": counts,
        "current": current,
        "images": [
            {"name": item.name, "status": item.status, "image": item.image or None}
            for item in worklist.items
        ],
        "new_files": n_new_files,
        "notices": reporter.notices,
    }
    reporter.result(document, "\n".join(lines))
