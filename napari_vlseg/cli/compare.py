"""``napari-vlseg compare``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_vlseg.cli.options import AsJson, Debug
from napari_vlseg.cli.reporter import reporting

if TYPE_CHECKING:
    from rich.table import Table

    from napari_vlseg.workflow.comparison import Agreement, Comparison


def compare(
    projects: Annotated[
        list[Path],
        typer.Argument(metavar="PROJECT...", help="Two projects on the same images, or more."),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="DIR",
            help=r"Write what differs as disagreements.json and .csv, to go through in the "
            r"window. \[default: not written]",
        ),
    ] = None,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Compare the corrected labels of annotators, object by object.

    Images are the same if their pixels are. Objects are the same from an IoU of
    0.5 on; F1 counts them, and Dice says how alike the outlines of pairs are. Of
    more than two projects each pair is compared.
    """
    with reporting(as_json, debug) as reporter:
        from napari_vlseg.exporters.base import UniqueNames
        from napari_vlseg.workflow.comparison import compare_projects

        name_of = UniqueNames()
        comparisons = reporter.run(compare_projects(projects))
        shown: list[Any] = []
        documents = []
        for comparison in comparisons:
            document = comparison.to_dict()
            shown += [f"A  {comparison.a}\nB  {comparison.b}", _table(comparison)]
            if out is not None:
                pair = name_of(f"{Path(comparison.a).name}-{Path(comparison.b).name}")
                queue = _write(out / pair if len(comparisons) > 1 else out, comparison)
                document["queue"] = str(queue)
                n_rows = len(comparison.disagreements)
                shown.append(f"{n_rows} disagreements to go through: {queue}")
            documents.append(document)
        reporter.result({"comparisons": documents, "notices": reporter.notices}, *shown)


def _write(folder: Path, comparison: Comparison) -> Path:
    from napari_vlseg.workflow.disagreements import write_queue

    projects = [
        {"path": path, "project_uid": uid}
        for path, uid in zip((comparison.a, comparison.b), comparison.uids, strict=True)
    ]
    return write_queue(folder, comparison.disagreements, projects)[0]


def _table(comparison: Comparison) -> Table:
    from rich.table import Table

    table = Table("image", "class", "A", "B", "same", "F1@0.5", "F1@0.75", "Dice")
    for image in comparison.images:
        table.add_row(image.name, "", *_numbers(image.overall))
    table.add_section()
    overall = comparison.overall
    if len(overall.classes) > 1:
        for name in sorted(overall.classes):
            table.add_row("all images", name, *_numbers(overall.classes[name]))
    table.add_row("all images", "", *_numbers(overall.overall))
    return table


def _numbers(agreement: Agreement) -> Sequence[str]:
    dice = "" if agreement.dice is None else f"{agreement.dice:.3f}"
    counts = (str(n) for n in (agreement.n_a, agreement.n_b, agreement.matched))
    return (*counts, f"{agreement.f1:.3f}", f"{agreement.f1_strict:.3f}", dice)
