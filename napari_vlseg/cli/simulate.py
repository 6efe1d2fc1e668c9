"""``napari-vlseg simulate``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_vlseg.cli.options import AsJson, Debug, Out
from napari_vlseg.cli.reporter import Reporter, reporting

if TYPE_CHECKING:
    from napari_vlseg.training.simulation.learning import Point
    from napari_vlseg.training.simulation.pools import Pool


def simulate(
    out: Out,
    nuclei: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Folder of nuclei with known objects, as DSB 2018 is packed."
        ),
    ] = None,
    kind: Annotated[str, typer.Option(help="Staining of those nuclei.")] = "purple_on_purple",
    painted: Annotated[
        int, typer.Option(metavar="N", help="Without --nuclei: which painted objects, 0, 1, …")
    ] = 0,
    images: Annotated[
        int, typer.Option(help="Images that the annotator may work through, at most.")
    ] = 40,
    budgets: Annotated[
        str, typer.Option(metavar="N,...", help="Numbers of corrected objects.")
    ] = "5,10,20,50,100",
    orders: Annotated[
        str, typer.Option(metavar="ORDER,...", help="Orders of the images.")
    ] = "typical,uncertain,random",
    seeds: Annotated[int, typer.Option(help="How often everything is repeated.")] = 4,
    model: Annotated[
        str | None, typer.Option(metavar="NAME|PATH", help=r"Base model. \[default: vlseg-mini]")
    ] = None,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Measure what corrections are worth, with a simulated annotator.

    Known objects are corrected one after the other; after each number of them the
    model learns from the base model on, and is measured on images that nobody
    corrected. Writes points.json and, where matplotlib is installed, learning.png.
    """
    with reporting(as_json, debug) as reporter:
        from napari_vlseg.cli.parsing import parse_numbers
        from napari_vlseg.models import registry
        from napari_vlseg.training.finetune.project_run import require_trainable
        from napari_vlseg.training.simulation.learning import simulate_learning
        from napari_vlseg.training.simulation.pools import nuclei_pool, painted_pool

        pool = (
            painted_pool(painted, n_work=images)
            if nuclei is None
            else nuclei_pool(nuclei, kind, most=images)
        )
        loaded = reporter.run(registry.load_steps(model or registry.DEFAULT_MODEL))
        work = simulate_learning(
            require_trainable(loaded),
            pool,
            budgets=parse_numbers(budgets),
            orders=orders.split(","),  # type: ignore[arg-type]
            seeds=range(seeds),
        )
        _report(reporter, pool, reporter.run(work), out)


def _report(reporter: Reporter, pool: Pool, points: tuple[Point, ...], out: Path) -> None:
    from rich.table import Table

    from napari_vlseg.errors import ExportError
    from napari_vlseg.files import atomic_write_text
    from napari_vlseg.training.simulation.summary import means, plot

    document: dict[str, Any] = {
        "pool": pool.name,
        "n_work": len(pool.work),
        "n_test": len(pool.test),
        "points": [point.to_dict() for point in points],
        "notices": reporter.notices,
    }
    out.mkdir(parents=True, exist_ok=True)
    atomic_write_text(out / "points.json", json.dumps(document, indent=1), error=ExportError)
    try:
        plot(points, pool.name, out / "learning.png")
    except ImportError:
        reporter.note("There is no picture: install matplotlib (napari-vlseg[simulate]).")
    table = Table("arm", "objects", "AP@0.5", "Dice of matched", title=pool.name)
    for mean in means(points):
        budget = "all" if mean.budget < 0 else str(mean.budget)
        table.add_row(
            mean.arm,
            budget,
            f"{mean.ap50:.3f} ± {mean.ap50_half:.3f}",
            f"{mean.dice:.3f} ± {mean.dice_half:.3f}",
        )
    reporter.result(document, table)
