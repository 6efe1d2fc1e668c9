"""``napari-vlseg simulate``."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_vlseg.cli.effort import EffortOptions, run_effort
from napari_vlseg.cli.options import AsJson, Debug, Out
from napari_vlseg.cli.reporter import Reporter, reporting

if TYPE_CHECKING:
    from napari_vlseg.training.simulation.learning import Point
    from napari_vlseg.training.simulation.pools import Pool


class Simulated(StrEnum):
    """What is measured."""

    LEARNING = "learning"
    EFFORT = "effort"


_DEFAULTS = {
    Simulated.LEARNING: ("5,10,20,50,100", "typical,uncertain,random"),
    Simulated.EFFORT: ("20", "random"),
}
"""Budgets and orders where none are given."""


def simulate(
    out: Out,
    what: Annotated[
        Simulated,
        typer.Option(
            help="learning: corrected objects against the quality of proposals. effort: clicks and "
            "other actions until every object is right, with and without proposals."
        ),
    ] = Simulated.LEARNING,
    nuclei: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Folder of nuclei with known objects, as DSB 2018 is packed."
        ),
    ] = None,
    kind: Annotated[str, typer.Option(help="Staining of those nuclei.")] = "purple_on_purple",
    unseen: Annotated[
        bool,
        typer.Option(
            "--unseen",
            help="The base model was trained without this staining: half of the slides are "
            "worked on, the others are measured on.",
        ),
    ] = False,
    painted: Annotated[
        int, typer.Option(metavar="N", help="Without --nuclei: which painted objects, 0, 1, …")
    ] = 0,
    images: Annotated[
        int, typer.Option(help="Images that the annotator may work through, at most.")
    ] = 40,
    per_image: Annotated[
        int | None,
        typer.Option(
            help="Objects that are corrected of an image before the next one, at most. "
            r"\[default: all]"
        ),
    ] = None,
    budgets: Annotated[
        str | None,
        typer.Option(
            metavar="N,...",
            help="Numbers of corrected objects that the model learns from. "
            r"\[default: 5,10,20,50,100; for effort 20]",
        ),
    ] = None,
    orders: Annotated[
        str | None,
        typer.Option(
            metavar="ORDER,...",
            help=r"Orders of the images. \[default: typical,uncertain,random; for effort random]",
        ),
    ] = None,
    seeds: Annotated[int, typer.Option(help="How often everything is repeated.")] = 4,
    model: Annotated[
        str | None, typer.Option(metavar="NAME|PATH", help=r"Base model. \[default: vlseg-mini]")
    ] = None,
    click_model: Annotated[
        str | None,
        typer.Option(metavar="NAME|PATH", help=r"Effort: who answers clicks. \[default: sam-mini]"),
    ] = None,
    jitter: Annotated[
        float,
        typer.Option(help="Effort: standard deviation of what clicks are off by, in pixels."),
    ] = 2.0,
    test_images: Annotated[
        int | None,
        typer.Option(help=r"Effort: test images that each seed draws. \[default: all]"),
    ] = None,
    outlined: Annotated[
        bool,
        typer.Option(
            "--outlined", help="Effort: proposals are outlined by the click model before."
        ),
    ] = False,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Measure what corrections are worth, with a simulated annotator.

    Known objects are corrected one after the other; after each number of them the
    model learns from the base model on, and is measured on images that nobody
    corrected. Writes points.json and, where matplotlib is installed, learning.png.

    With --what effort, somebody wants every object of the test images right: by
    clicks alone, from the base model's proposals, and from those of models that
    learned. Writes effort.json and effort.png.
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
            else nuclei_pool(nuclei, kind, most=images, unseen=unseen)
        )
        loaded = reporter.run(registry.load_steps(model or registry.DEFAULT_MODEL))
        proposer = require_trainable(loaded)
        options: dict[str, Any] = {
            "budgets": parse_numbers(budgets or _DEFAULTS[what][0]),
            "orders": (orders or _DEFAULTS[what][1]).split(","),
            "seeds": range(seeds),
            "per_image": per_image,
        }
        if what is Simulated.LEARNING:
            points = reporter.run(simulate_learning(proposer, pool, **options))
            _report(reporter, pool, points, out)
        else:
            hand = EffortOptions(click_model, jitter, test_images, outlined)
            run_effort(reporter, proposer, pool, hand, options, out)


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
    reporter.result({**document, "notices": reporter.notices}, table)
