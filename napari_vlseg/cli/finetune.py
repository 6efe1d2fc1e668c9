"""``napari-vlseg finetune``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_vlseg.cli.options import AsJson, CacheFolder, Debug
from napari_vlseg.cli.reporter import Reporter, reporting

if TYPE_CHECKING:
    from rich.table import Table

    from napari_vlseg.models.adapters import Adapter


def finetune(
    project: Annotated[
        Path, typer.Argument(metavar="PROJECT", help="Project folder with corrections.")
    ],
    out: Annotated[
        Path,
        typer.Option("--out", "-o", metavar="FILE", help="Adapter to write, a .safetensors file."),
    ],
    model: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|PATH",
            help="Model to start from, for text or for clicks: a name from `napari-vlseg models`, "
            r"or a local folder. \[default: vlseg-mini]",
        ),
    ] = None,
    method: Annotated[
        str,
        typer.Option(
            help="decoder: all of the decoder learns. film, for text models: less learns, less "
            "changes. lora: the encoder learns too; slow, needs napari-vlseg\\[lora]."
        ),
    ] = "decoder",
    rank: Annotated[
        int | None,
        typer.Option(
            help=r"With the method lora: how much of the encoder may change. \[default: 8]"
        ),
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(
            help="Epochs at most; training ends when it no longer gets better. "
            r"\[default: 6 for text, 8 for clicks]"
        ),
    ] = None,
    rate: Annotated[
        float | None, typer.Option(help=r"Learning rate. \[default: the method's own]")
    ] = None,
    augment: Annotated[
        int,
        typer.Option(
            metavar="N",
            help="Also learn from N variants of each image, turned, mirrored and lit otherwise.",
        ),
    ] = 0,
    seed: Annotated[int, typer.Option(help="Seed of everything that is drawn.")] = 0,
    device: Annotated[
        str, typer.Option(metavar="DEVICE", help="auto, cpu, cuda, cuda:1 or mps.")
    ] = "auto",
    offline: Annotated[bool, typer.Option("--offline", help="Never download a model.")] = False,
    cache: CacheFolder = None,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Teach a model what was corrected in a project.

    What comes out is an adapter: a small file to give to `segment --model`, that of a click
    model to `segment --refine`, or to the window. Training always starts from the base
    model. One that was interrupted goes on after its last epoch when the command is given
    again. Behind `accelerate launch` several processes train a text model together.
    """
    from napari_vlseg.training.finetune.company import company_of, is_silent_process

    with (
        reporting(as_json, debug, quiet=is_silent_process()) as reporter,
        company_of(device) as company,
    ):
        from napari_vlseg.models import registry
        from napari_vlseg.training.finetune.project_run import finetune_project, settings_for
        from napari_vlseg.workflow.cache import EmbeddingCache
        from napari_vlseg.workflow.disk_cache import DiskCache

        steps = registry.load_steps(
            model or registry.DEFAULT_MODEL,
            device=company.device or device,
            offline=offline or None,
        )
        base = reporter.run(steps)
        settings = settings_for(
            base,
            method=method,
            epochs=epochs,
            rate=rate,
            seed=seed,
            rank=rank,
            augment=augment or None,
        )
        cached = EmbeddingCache(disk=DiskCache(cache))
        work = finetune_project(project, base, out, settings, cache=cached, company=company)
        _report(reporter, out, reporter.run(work))


def _report(reporter: Reporter, out: Path, adapter: Adapter) -> None:
    card = adapter.card
    table = _by_prompt(adapter) if card.get("task") == "clicks" else _by_class(adapter)
    table.caption = f"Measured on {card['measured_on']}. Wrote {out}"
    document: dict[str, Any] = {
        "adapter": str(out),
        "sha256": adapter.sha256,
        "base": vars(adapter.base),
        "thresholds": dict(adapter.thresholds),
        **card,
        "notices": reporter.notices,
    }
    reporter.result(document, table)


def _by_class(adapter: Adapter) -> Table:
    """What a text model finds of each class."""
    from rich.table import Table

    card = adapter.card
    before, after = card["before"]["dice"], card["after"]["dice"]
    learned = card["corrections"]
    table = Table("class", "objects", "held out", "Dice before", "Dice after", "threshold")
    for name in learned["trained_on"]:
        table.add_row(
            name,
            str(learned["trained_on"][name]),
            str(learned["held_out"][name]),
            _score(before, name),
            _score(after, name),
            f"{adapter.thresholds[name]:.2f}" if name in adapter.thresholds else "",
        )
    return table


def _by_prompt(adapter: Adapter) -> Table:
    """How well a click model outlines objects."""
    from rich.table import Table

    card = adapter.card
    before, after = card["before"]["iou"], card["after"]["iou"]
    table = Table("prompt", "IoU before", "IoU after")
    for name in before:
        table.add_row(name, _score(before, name), _score(after, name))
    return table


def _score(scores: dict[str, float], name: str) -> str:
    return f"{scores[name]:.3f}" if name in scores else ""
