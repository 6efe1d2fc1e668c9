"""``napari-vlseg encode``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_vlseg.cli.options import AsJson, CacheFolder, Debug
from napari_vlseg.cli.reporter import ExitCode, Reporter, reporting

if TYPE_CHECKING:
    from napari_vlseg.workflow.disk_cache import DiskCache
    from napari_vlseg.workflow.encoding import Encoded


def encode(
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE", help="Images to encode.")],
    model: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME|PATH",
            help="A name from `napari-vlseg models`, or a local folder. May be repeated. "
            r"\[default: vlseg-mini]",
        ),
    ] = None,
    plane: Annotated[
        str | None,
        typer.Option(
            metavar="I[,J...]",
            help=r"One plane of a stack: a position on each leading axis, from 0. "
            r"\[default: all planes]",
        ),
    ] = None,
    channel: Annotated[
        list[str] | None,
        typer.Option(
            metavar="I[=COLOR]",
            help="Channel to look at, and its colour as #rrggbb. May be repeated. "
            r"\[default: all]",
        ),
    ] = None,
    working_scale: Annotated[
        float | None,
        typer.Option(
            metavar="S",
            help=r"Image pixels per model pixel, of models for text. \[default: automatic]",
        ),
    ] = None,
    device: Annotated[
        str, typer.Option(metavar="DEVICE", help="auto, cpu, cuda, cuda:1 or mps.")
    ] = "auto",
    offline: Annotated[bool, typer.Option("--offline", help="Never download a model.")] = False,
    cache: CacheFolder = None,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Encode images ahead, so that prompts on them are answered at once.

    The window and `segment` find what was encoded with the same model, channels
    and working scale. What is there already is not encoded again.
    """
    with reporting(as_json, debug) as reporter:
        from napari_vlseg.cli.parsing import parse_channels, parse_plane
        from napari_vlseg.models import registry
        from napari_vlseg.workflow.disk_cache import DiskCache
        from napari_vlseg.workflow.encoding import encode_files

        disk, index, shown = DiskCache(cache), parse_plane(plane), parse_channels(channel or ())
        done: dict[str, tuple[Encoded, ...]] = {}
        for name in dict.fromkeys(model or [registry.DEFAULT_MODEL]):
            # None leaves the decision to the environment, which may say offline too.
            steps = registry.load_steps(name, device=device, offline=offline or None)
            work = encode_files(
                images,
                reporter.run(steps),
                disk,
                working_scale=working_scale,
                index=index,
                channels=shown,
            )
            done[name] = reporter.run(work)
        _report(reporter, done, disk)


def _report(reporter: Reporter, done: dict[str, tuple[Encoded, ...]], disk: DiskCache) -> None:
    from rich.table import Table

    document: dict[str, Any] = {
        "cache": str(disk.folder),
        "models": [
            {"model": name, "images": [outcome.to_dict() for outcome in outcomes]}
            for name, outcomes in done.items()
        ],
        "notices": reporter.notices,
    }
    table = Table("image", "model", "planes", "encoded now")
    for model, outcomes in done.items():
        for outcome in outcomes:
            name = Path(outcome.image).name
            table.add_row(name, model, str(outcome.planes), str(outcome.computed))
    reporter.result(document, table, f"Encoded images are in {disk.folder}")
    if any(outcome.error for outcomes in done.values() for outcome in outcomes):
        raise typer.Exit(ExitCode.USER_ERROR)
