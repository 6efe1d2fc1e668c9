"""``napari-vlseg simulate --what effort``."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table

    from napari_vlseg.cli.reporter import Reporter
    from napari_vlseg.models.clipseg import ClipSegSegmenter
    from napari_vlseg.proposals import ModelInfo
    from napari_vlseg.training.simulation.effort_summary import EffortMean
    from napari_vlseg.training.simulation.pools import Pool


@dataclass(frozen=True)
class EffortOptions:
    """What the command line says about the simulated person; see `EffortSettings`.

    Attributes
    ----------
    click_model : str or None
        Name or path of the model that answers clicks.
    jitter : float
    most_images : int or None
    outlined : bool
    """

    click_model: str | None
    jitter: float
    most_images: int | None
    outlined: bool


def run_effort(
    reporter: Reporter,
    model: ClipSegSegmenter,
    pool: Pool,
    hand: EffortOptions,
    options: dict[str, Any],
    out: Path,
) -> None:
    """Simulate, write effort.json and effort.png, and show the tables."""
    from napari_vlseg.errors import ExportError
    from napari_vlseg.files import atomic_write_text
    from napari_vlseg.models import registry
    from napari_vlseg.training.simulation import effort
    from napari_vlseg.training.simulation.effort_summary import effort_means, plot_effort

    settings = effort.EffortSettings(
        jitter=hand.jitter, most_images=hand.most_images, outlined=hand.outlined
    )
    name = hand.click_model or registry.DEFAULT_CLICK_MODEL
    clicker = registry.require_promptable(reporter.run(registry.load_steps(name)))
    work = effort.simulate_effort(model, clicker, pool, settings=settings, **options)
    points = reporter.run(work)
    means = effort_means(points)
    document: dict[str, Any] = {
        "pool": pool.name,
        "n_work": len(pool.work),
        "n_test": len(pool.test),
        "models": {"proposes": _named(model.info), "answers clicks": _named(clicker.info)},
        "settings": asdict(settings),
        "means": [mean.to_dict() for mean in means],
        "points": [point.to_dict() for point in points],
    }
    out.mkdir(parents=True, exist_ok=True)
    atomic_write_text(out / "effort.json", json.dumps(document), error=ExportError)
    try:
        plot_effort(points, pool.name, out / "effort.png")
    except ImportError:
        reporter.note("There is no picture: install matplotlib (napari-vlseg[simulate]).")
    reporter.result({**document, "notices": reporter.notices}, *_tables(pool, means))


def _named(info: ModelInfo) -> str:
    """A model with its precision, on which results depend too."""
    return f"{info}, {info.precision}"


def _tables(pool: Pool, means: tuple[EffortMean, ...]) -> list[Table]:
    """What it took, and what became of the objects."""
    from rich.table import Table

    per = ("clicks\nper object", "actions\nper object", "actions\nper image", "ratio")
    effort = Table("way", "IoU", *per, title=pool.name)
    shares = ("accepted", "corrected", "drawn", "traced")
    fate = Table("way", "IoU", *shares, "deleted\nper image")
    for mean in means:
        values = mean.values
        digits = {"noc": 1, "actions": 1, "actions per image": 1, "ratio": 2}
        cells = [_spread(*values[name], places) for name, places in digits.items()]
        effort.add_row(mean.title, f"{mean.wanted:g}", *cells)
        parts = [f"{values[name][0]:.0%}" for name in shares]
        fate.add_row(mean.title, f"{mean.wanted:g}", *parts, f"{values['deleted'][0]:.1f}")
    return [effort, fate]


def _spread(mean: float, half: float, places: int) -> str:
    return f"{mean:.{places}f} ± {half:.{places}f}"
