"""``napari-vlseg project`` and ``status``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_vlseg.cli.options import AsJson, CacheFolder, Debug
from napari_vlseg.cli.reporter import Reporter, reporting

if TYPE_CHECKING:
    from napari_vlseg.corrections.store import Project
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
    model: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|PATH",
            help="Text model or adapter that looks at the images that are left, for the estimate "
            r"of their quality. \[default: none looks]",
        ),
    ] = None,
    wanted: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE", help="Objects that have to be right, such as 0.9, for an advice."
        ),
    ] = None,
    cache: CacheFolder = None,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Show how far a project is, and how good the proposals on the rest are.

    Once five images are done, the quality of the proposals on the others is estimated
    from them, with a 90 % interval.
    """
    with reporting(as_json, debug) as reporter:
        from napari_vlseg.corrections.store import Project
        from napari_vlseg.workflow.worklist import new_files, worklist_of

        opened = Project.open(folder)
        worklist = worklist_of(opened)
        quality = _quality(reporter, opened, worklist, model, wanted, cache)
        _report(reporter, folder, worklist, len(new_files(worklist)), quality)


def _quality(
    reporter: Reporter,
    project: Project,
    worklist: Worklist,
    model: str | None,
    wanted: float | None,
    cache: Path | None,
) -> dict[str, Any] | None:
    """The stop estimate, or why there is none; None where nothing was to be estimated."""
    from napari_vlseg.errors import SettingsError
    from napari_vlseg.models import registry
    from napari_vlseg.workflow.cache import EmbeddingCache
    from napari_vlseg.workflow.disk_cache import DiskCache
    from napari_vlseg.workflow.looks import LookBook, look_at_images
    from napari_vlseg.workflow.project_quality import unseen_quality
    from napari_vlseg.workflow.stopping import FEWEST_REVIEWED, advice

    counts = worklist.counts()
    asked = model is not None or wanted is not None
    if not asked and (
        counts["done"] < FEWEST_REVIEWED or not counts["new"] + counts["in progress"]
    ):
        return None
    looks = None
    if model is not None:
        loaded = registry.require_dense(reporter.run(registry.load_steps(model)))
        prompts, disk = project.load_prompts(), DiskCache(cache)
        left = [n for n, item in enumerate(worklist.items) if item.status in ("new", "in progress")]
        book = LookBook(project, loaded, prompts, disk)
        kept = EmbeddingCache(disk=disk)
        looks = reporter.run(
            look_at_images(project, worklist, left, loaded, prompts, book=book, cache=kept)
        )
    try:
        estimate = reporter.run(unseen_quality(project, worklist, looks))
    except SettingsError as error:
        return {"estimate": None, "says": str(error), "advice": None}
    told = None if wanted is None else advice(estimate, wanted)
    return {"estimate": estimate.to_dict(), "says": str(estimate), "advice": told}


def _report(
    reporter: Reporter,
    folder: Path,
    worklist: Worklist,
    n_new_files: int = 0,
    quality: dict[str, Any] | None = None,
) -> None:
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
    if quality is not None:
        lines += [quality["says"], *filter(None, [quality["advice"]])]
    document = {
        "project": str(folder),
        "counts": counts,
        "current": current,
        "images": [
            {"name": item.name, "status": item.status, "image": item.image or None}
            for item in worklist.items
        ],
        "new_files": n_new_files,
        "quality": quality,
        "notices": reporter.notices,
    }
    reporter.result(document, "\n".join(lines))
