"""``napari-vlseg demo``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_vlseg.cli.options import AsJson, Debug
from napari_vlseg.cli.reporter import Reporter, reporting

if TYPE_CHECKING:
    from napari_vlseg.workflow.demo import DemoResult


def demo(
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="DIR",
            help=r"New or empty folder for the results. \[default: vlseg-demo, numbered]",
        ),
    ] = None,
    show: Annotated[
        bool,
        typer.Option(
            "--show/--no-show", help="Open the window on the result where there is a screen."
        ),
    ] = True,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Run the whole loop on a bundled image: prompt, correct, save, export.

    Segments nuclei by text and by reference, applies a scripted correction,
    saves a project, exports COCO, writes labels and an overlay picture, and
    opens the window on the result.
    """
    with reporting(as_json, debug) as reporter:
        from napari_vlseg.workflow.demo import demo as run_demo
        from napari_vlseg.workflow.demo import free_folder

        folder = free_folder(Path.cwd()) if out is None else out
        result = reporter.run(run_demo(folder))
        _report(reporter, result)
        if show:
            _show(reporter, result)


def _report(reporter: Reporter, result: DemoResult) -> None:
    from rich.table import Table

    table = Table("nuclei", "found", "true", "IoU", "Dice", "AP@0.5")
    for score in result.scores:
        overlaps = (f"{value:.3f}" for value in (score.iou, score.dice, score.ap50))
        table.add_row(_TITLES[score.name], str(score.n_pred), str(score.n_truth), *overlaps)
    files = "\n".join(
        f"  {name:<8} {path}"
        for name, path in (
            ("project", result.project),
            ("coco", result.coco),
            ("labels", result.labels),
            ("overlay", result.overlay),
            ("samples", result.images),
        )
    )
    document = {**result.to_dict(), "notices": reporter.notices}
    reporter.result(document, f"Model {result.model}", table, f"Written to\n{files}")


def _show(reporter: Reporter, result: DemoResult) -> None:
    """Open the window, or say why not; the demo is complete either way."""
    from napari_vlseg.cli.screen import why_no_window

    reason = why_no_window()
    if reason is not None:
        reporter.note(reason)
        return
    from napari_vlseg.ui.app import open_window

    open_window(project=result.project)


_TITLES = {
    "text": "by text “nuclei”",
    "reference": "by one reference object",
    "corrected": "text, then corrected",
}
