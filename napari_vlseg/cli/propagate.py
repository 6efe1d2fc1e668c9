"""``napari-vlseg propagate``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from napari_vlseg.cli.options import AsJson, CacheFolder, Debug, NoCache, Out
from napari_vlseg.cli.reporter import Reporter, reporting

if TYPE_CHECKING:
    from napari_vlseg.workflow.propagate.propagated import Propagated


def propagate(
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="Stack or time series.")],
    seeds: Annotated[
        Path,
        typer.Option(
            metavar="LABELS", help="Labels of one plane, or of all: what is labelled is known."
        ),
    ],
    out: Out,
    plane: Annotated[
        int | None,
        typer.Option(metavar="K", min=0, help="Plane that labels of one plane belong to, from 0."),
    ] = None,
    axis: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=0,
            help=r"Which axis of planes to follow, from 0. \[default: the only one]",
        ),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(metavar="I[,J...]", help="Position on each of the other axes of planes."),
    ] = None,
    direction: Annotated[
        Literal["both", "forward", "backward"], typer.Option(help="Where to follow objects to.")
    ] = "both",
    planes: Annotated[
        str | None,
        typer.Option(metavar="A-B", help=r"Range of planes, from 0. \[default: all]"),
    ] = None,
    model: Annotated[
        str,
        typer.Option(
            metavar="NAME|PATH",
            help="Click model. SAM 2.1 and EdgeTAM follow by their memory.",
        ),
    ] = "sam-mini",
    device: Annotated[
        str, typer.Option(metavar="DEVICE", help="auto, cpu, cuda, cuda:1 or mps.")
    ] = "auto",
    offline: Annotated[bool, typer.Option("--offline", help="Never download a model.")] = False,
    cache: CacheFolder = None,
    no_cache: NoCache = False,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Follow objects of one plane through a stack or a time series.

    Writes <stem>.tif, labels of all planes, and <stem>_propagation.json, which says from which
    plane each outline comes, and where and why objects stopped.
    """
    with reporting(as_json, debug) as reporter:
        from napari_vlseg.cli.parsing import parse_plane, parse_range
        from napari_vlseg.workflow.cache import EmbeddingCache
        from napari_vlseg.workflow.disk_cache import DiskCache
        from napari_vlseg.workflow.follow_files import FollowJob, follow_file

        first, last = parse_range(planes)
        job = FollowJob(image, seeds, out, plane, axis, parse_plane(at), direction, first, last)
        kept = EmbeddingCache(disk=None if no_cache else DiskCache(cache))
        work = follow_file(job, model, device=device, offline=offline or None, cache=kept)
        found, labels = reporter.run(work)
        _report(reporter, image, found, labels)


def _report(reporter: Reporter, image: Path, found: Propagated, labels: Path) -> None:
    from dataclasses import asdict

    from rich.table import Table

    objects = sorted(found.log.sources)
    document = {
        "image": str(image),
        "labels": str(labels),
        "model": found.log.model,
        "objects": [{"label": n, "planes": sorted(found.log.sources[n])} for n in objects],
        "stops": [asdict(stop) for stop in found.log.stops],
        "notices": reporter.notices,
    }
    table = Table("object", "planes", "from", "to", "stopped")
    for number in objects:
        planes = sorted(found.log.sources[number])
        stops = [f"plane {s.plane}: {s.reason}" for s in found.log.stops if s.number == number]
        cells = (number, len(planes), planes[0], planes[-1])
        table.add_row(*map(str, cells), "; ".join(stops))
    reporter.result(document, table, f"Wrote {labels}")
