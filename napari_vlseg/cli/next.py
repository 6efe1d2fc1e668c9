"""``napari-vlseg next``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_vlseg.cli.options import AsJson, CacheFolder, Debug
from napari_vlseg.cli.reporter import Reporter, reporting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_vlseg.training.finetune.next_regions import RegionSuggestion
    from napari_vlseg.workflow.next_images import Suggestion


def next_images(
    project: Annotated[Path, typer.Argument(metavar="PROJECT", help="Project folder.")],
    order: Annotated[
        str | None,
        typer.Option(
            metavar="typical|uncertain|random",
            help=r"What comes first. \[default: typical while few are done, then uncertain]",
        ),
    ] = None,
    n: Annotated[int, typer.Option("--n", "-n", help="How many to name.")] = 5,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|PATH",
            help="Text model: a name from `napari-vlseg models`, a local folder, or an adapter. "
            r"\[default: vlseg-mini]",
        ),
    ] = None,
    text: Annotated[
        list[str] | None,
        typer.Option(
            "--text",
            "-t",
            metavar="PROMPT",
            help=r"What to look for. \[default: the project's prompt table]",
        ),
    ] = None,
    regions: Annotated[
        bool,
        typer.Option("--regions", help="Regions within the image that comes next, for large ones."),
    ] = False,
    side: Annotated[int, typer.Option(help="About the side of a region, in pixels.")] = 512,
    seed: Annotated[int, typer.Option(help="Of what is left to chance.")] = 0,
    offline: Annotated[bool, typer.Option("--offline", help="Never download a model.")] = False,
    cache: CacheFolder = None,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Say which images of a project to look at next, and why.

    typical: images like many others. uncertain: those that the model is least sure of.
    random: by chance, images in which something is found first. Images that are done or
    skipped are left out. What was looked at once is not looked at again.
    """
    with reporting(as_json, debug) as reporter:
        from napari_vlseg.corrections.store import Project
        from napari_vlseg.errors import SettingsError
        from napari_vlseg.models import registry
        from napari_vlseg.prompts import PromptTable
        from napari_vlseg.training.finetune.next_regions import suggest_regions
        from napari_vlseg.workflow.cache import EmbeddingCache
        from napari_vlseg.workflow.disk_cache import DiskCache
        from napari_vlseg.workflow.looks import LookBook
        from napari_vlseg.workflow.next_images import suggest_images
        from napari_vlseg.workflow.ordering import ORDERS
        from napari_vlseg.workflow.worklist import worklist_of

        if order is not None and order not in ORDERS:
            raise SettingsError(f"The order “{order}” is unknown: choose {', '.join(ORDERS)}.")
        if n < 1:
            raise SettingsError(f"{n} images can't be named: choose 1 or more.")
        opened = Project.open(project)
        worklist = worklist_of(opened)
        prompts = PromptTable.build(text) if text else opened.load_prompts()
        steps = registry.load_steps(model or registry.DEFAULT_MODEL, offline=offline or None)
        loaded = registry.require_dense(reporter.run(steps))
        disk = DiskCache(cache)
        kept = EmbeddingCache(disk=disk)
        work = suggest_images(
            opened,
            worklist,
            loaded,
            prompts,
            order=order,
            book=LookBook(opened, loaded, prompts, disk),
            cache=kept,
            seed=seed,
        )
        found = reporter.run(work)
        if not regions:
            _report(reporter, project, found, n)
            return
        within = suggest_regions(
            opened,
            worklist,
            [one.position for one in found[:1]],
            loaded,
            prompts,
            order=order,
            side=side,
            cache=kept,
            seed=seed,
        )
        _report_regions(reporter, project, reporter.run(within), n)


def _report(reporter: Reporter, project: Path, found: Sequence[Suggestion], n: int) -> None:
    from rich.table import Table

    table = Table("", "image", "status", "why")
    for place, one in enumerate(found[:n], start=1):
        table.add_row(str(place), one.name, one.status, one.reason)
    document = {
        "project": str(project),
        "order": found[0].order if found else None,
        "left": len(found),
        "images": [one.to_dict() for one in found[:n]],
        "notices": reporter.notices,
    }
    reporter.result(document, table if found else "No image is left to look at.")


def _report_regions(
    reporter: Reporter, project: Path, found: Sequence[RegionSuggestion], n: int
) -> None:
    from rich.table import Table

    table = Table("", "image", "plane", "row", "column", "height", "width", "why")
    for place, one in enumerate(found[:n], start=1):
        region = one.region
        numbers = (region.row, region.col, region.height, region.width)
        where = ",".join(map(str, one.plane))
        table.add_row(str(place), one.name, where, *map(str, numbers), one.reason)
    document = {
        "project": str(project),
        "left": len(found),
        "regions": [one.to_dict() for one in found[:n]],
        "notices": reporter.notices,
    }
    reporter.result(document, table if found else "No region is left to look at.")
