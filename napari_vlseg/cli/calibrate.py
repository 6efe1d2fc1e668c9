"""``napari-vlseg calibrate``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_vlseg.cli.options import AsJson, CacheFolder, Debug
from napari_vlseg.cli.reporter import Reporter, reporting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_vlseg.workflow.calibration import Calibration


def calibrate(
    project: Annotated[
        Path, typer.Argument(metavar="PROJECT", help="Project folder with corrections.")
    ],
    model: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|PATH",
            help="Text model: a name from `napari-vlseg models`, a local folder, or an adapter. "
            r"\[default: vlseg-mini]",
        ),
    ] = None,
    bound: Annotated[
        str | None,
        typer.Option(
            metavar="missed|false",
            help=r"Bound the missed or the false area instead. \[default: best Dice]",
        ),
    ] = None,
    at: Annotated[
        float, typer.Option(metavar="SHARE", help="The bound: 0.1 is a tenth of the area.")
    ] = 0.1,
    apply: Annotated[
        bool,
        typer.Option("--apply", help="Write the thresholds into the project's prompt table."),
    ] = False,
    offline: Annotated[bool, typer.Option("--offline", help="Never download a model.")] = False,
    cache: CacheFolder = None,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Find the thresholds that suit the masks of a project best.

    Measured on accepted, corrected and drawn objects, and on everything in images that
    are marked as done. With --bound, the threshold that keeps the expected missed or
    false area of the next image within a bound, where there are enough images for that.
    """
    with reporting(as_json, debug) as reporter:
        from napari_vlseg.models import registry
        from napari_vlseg.models.adapters import is_adapter, read_adapter
        from napari_vlseg.models.registry import require_dense
        from napari_vlseg.training.finetune.calibrating import calibrate_project
        from napari_vlseg.workflow.cache import EmbeddingCache
        from napari_vlseg.workflow.disk_cache import DiskCache

        name = model or registry.DEFAULT_MODEL
        loaded = require_dense(reporter.run(registry.load_steps(name, offline=offline or None)))
        work = calibrate_project(
            project,
            loaded,
            bound=bound,  # type: ignore[arg-type]
            at=at,
            adapter=read_adapter(Path(name)) if is_adapter(Path(name)) else None,
            cache=EmbeddingCache(disk=DiskCache(cache)),
            write=apply,
        )
        _report(reporter, project, reporter.run(work), applied=apply)


def _report(
    reporter: Reporter, project: Path, found: Sequence[Calibration], *, applied: bool
) -> None:
    from rich.table import Table

    measure = {"dice": "Dice", "missed": "missed area", "false": "false area"}[found[0].kind]
    table = Table("class", "threshold", "90 %", measure, "90 %", "objects", "images")
    for one in found:
        table.add_row(
            one.class_name,
            "none" if one.threshold is None else f"{one.threshold:.2f}",
            _range(one.threshold_interval),
            "" if one.estimate is None else f"{one.estimate:.3f}",
            _range(one.interval),
            str(one.n_objects),
            str(one.n_images),
        )
        if one.note:
            reporter.note(f"{one.class_name}: {one.note}")
    if applied:
        table.caption = f"Written into the prompt table of {project}"
    document = {
        "project": str(project),
        "applied": applied,
        "classes": [one.to_dict() for one in found],
        "notices": reporter.notices,
    }
    reporter.result(document, table)


def _range(interval: tuple[float, float] | None) -> str:
    return "" if interval is None else f"{interval[0]:.2f} to {interval[1]:.2f}"
