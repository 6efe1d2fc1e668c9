"""Bundle a trained model: ``python -m napari_vlseg.training.bundle --help``.

Copies the model folder of a run, chooses the default threshold on training images, records
the split, evaluates on validation images and writes the model card.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from napari_vlseg.errors import ModelError, VlsegError
from napari_vlseg.events import Work, run
from napari_vlseg.models import registry
from napari_vlseg.models.registry import require_dense
from napari_vlseg.models.weights import DEFAULTS_FILE
from napari_vlseg.training.card import model_card
from napari_vlseg.training.dsb2018 import load_images, read_index, split_by_group
from napari_vlseg.training.evaluate import choose_threshold, evaluate, print_report
from napari_vlseg.training.familiarity import familiar_lengths
from napari_vlseg.training.pictures import save_sheet, worst_cases
from napari_vlseg.training.runs import (
    SETTINGS_NAME,
    WEIGHTS_NAME,
    copy_model,
    seconds_per_step,
    write_json,
)
from napari_vlseg.training.scene_bank import TRAINING_SEEDS
from napari_vlseg.training.scenes import generate_novel_pair

SPLIT_NAME, REPORT_NAME, CARD_NAME = "split.json", "report.json", "README.md"
PICTURES_NAME = "cases.webp"
_PRODUCT_DEFAULTS = {"threshold": 0.5, "working_scale": 1.0, "edges": True}
_N_FAMILIAR = 100


def bundle(
    finished: Path, data: Path, target: Path, *, scenes: int, notes: str = ""
) -> Work[dict[str, Any]]:
    """Make the folder that ships.

    Parameters
    ----------
    finished : Path
        Folder of a finished run.
    data : Path
        Folder of the DSB 2018 images.
    target : Path
        Folder to write; files of the same names are replaced.
    scenes : int
        Number of procedural scenes to evaluate on.
    notes : str
        For the card: what its reader should know of the runs.

    Yields
    ------
    Progress or Notice

    Returns
    -------
    dict
        The evaluation.

    Raises
    ------
    ModelError
        If the run has no model.
    """
    history = _history(finished)
    copy_model(finished, target)
    train, validation = split_by_group(read_index(data))
    write_json(target / SPLIT_NAME, {"source": "BBBC038v1", "validation": validation})
    threshold = yield from _choose_defaults(target, data, train)
    report = yield from evaluate(str(target), data, scenes)
    report["model"] = target.name
    write_json(target / REPORT_NAME, report)
    images = load_images(data, validation)
    sheet = yield from worst_cases(registry.load(str(target)), images)
    save_sheet(sheet, target / PICTURES_NAME)
    facts = {
        "pictures": PICTURES_NAME,
        "n_train": len(train),
        "n_validation": len(validation),
        "threshold": threshold,
        "megabytes": (target / WEIGHTS_NAME).stat().st_size / 1e6,
        "notes": notes,
        "seconds_per_step": round(seconds_per_step(finished), 1),
    }
    card = model_card(history, report, facts)
    (target / CARD_NAME).write_text(card, encoding="utf-8")
    return report


def _choose_defaults(target: Path, data: Path, train: list[str]) -> Work[float]:
    """Settle on training pictures what applies where a person chose nothing; the threshold.

    The threshold is chosen on the maps that people see, so that how they are made comes first.
    """
    write_json(target / DEFAULTS_FILE, _PRODUCT_DEFAULTS)
    images = load_images(data, train[:: max(1, len(train) // _N_FAMILIAR)])
    seeds = range(TRAINING_SEEDS.start, TRAINING_SEEDS.start + _N_FAMILIAR)
    scenes = [generate_novel_pair(seed)[0] for seed in seeds]
    lengths = familiar_lengths(require_dense(registry.load(str(target))), images, scenes)
    defaults = {**_PRODUCT_DEFAULTS, "familiar_lengths": lengths}
    write_json(target / DEFAULTS_FILE, defaults)
    threshold = yield from choose_threshold(str(target), data)
    write_json(target / DEFAULTS_FILE, {**defaults, "threshold": threshold})
    return threshold


def _history(finished: Path) -> list[dict[str, Any]]:
    """Settings of a run and of the runs it refines, the first run first."""
    path = finished / SETTINGS_NAME
    if not path.is_file():
        raise ModelError(f"There is no {path}: keep the folders of a run and of those it refines.")
    settings = json.loads(path.read_text(encoding="utf-8"))
    earlier = _history(Path(settings["start"]).parent) if settings.get("start") else []
    return [*earlier, settings]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 0 when it went well."""
    parser = argparse.ArgumentParser(
        prog="python -m napari_vlseg.training.bundle",
        description="Choose the threshold, evaluate, and write the folder that ships.",
    )
    parser.add_argument("--run", type=Path, required=True, help="folder of a finished run")
    parser.add_argument("--dsb2018", type=Path, required=True, help="folder with index.csv")
    parser.add_argument("--to", type=Path, required=True, help="folder to write")
    parser.add_argument("--scenes", type=int, default=100, help="default %(default)s")
    parser.add_argument("--notes", default="", help="for the card: what to know of the runs")
    parsed = parser.parse_args(arguments)
    console = Console(width=160)
    try:
        work = bundle(
            parsed.run, parsed.dsb2018, parsed.to, scenes=parsed.scenes, notes=parsed.notes
        )
        report = run(work)
    except VlsegError as error:
        console.print(f"[red]{error}")
        return 1
    print_report(report, console)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
