"""Bundle a trained click model: ``python -m napari_vlseg.training.sam.bundle --help``.

Copies the model folder of a run, records the split, evaluates on validation images and writes
the model card.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from napari_vlseg.errors import VlsegError
from napari_vlseg.events import Work, run
from napari_vlseg.training.bundle import CARD_NAME, REPORT_NAME, SPLIT_NAME
from napari_vlseg.training.dsb2018 import read_index, split_by_group
from napari_vlseg.training.runs import (
    SETTINGS_NAME,
    WEIGHTS_NAME,
    copy_model,
    seconds_per_step,
    write_json,
)
from napari_vlseg.training.sam.card import sam_card
from napari_vlseg.training.sam.evaluate import evaluate, print_report


def bundle(
    finished: Path, data: Path, target: Path, *, per_image: int, scenes: int, notes: str = ""
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
    per_image, scenes : int
        Most objects per image, and procedural scenes, to evaluate on.
    notes : str
        For the card: what its reader should know of the run.

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
    copy_model(finished, target)
    train, validation = split_by_group(read_index(data))
    write_json(target / SPLIT_NAME, {"source": "BBBC038v1", "validation": validation})
    report = yield from evaluate(str(target), data, per_image=per_image, scenes=scenes)
    report["model"] = target.name
    write_json(target / REPORT_NAME, report)
    settings = json.loads((finished / SETTINGS_NAME).read_text(encoding="utf-8"))
    facts = {
        "n_train": len(train),
        "n_validation": len(validation),
        "megabytes": (target / WEIGHTS_NAME).stat().st_size / 1e6,
        "mask_size": 4 * settings["model"]["image_size"] // settings["model"]["patch_size"],
        "seconds_per_step": round(seconds_per_step(finished), 2),
        "notes": notes,
    }
    (target / CARD_NAME).write_text(sam_card(settings, report, facts), encoding="utf-8")
    return report


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 0 when it went well."""
    parser = argparse.ArgumentParser(
        prog="python -m napari_vlseg.training.sam.bundle",
        description="Evaluate a finished run and write the folder that ships.",
    )
    parser.add_argument("--run", type=Path, required=True, help="folder of a finished run")
    parser.add_argument("--dsb2018", type=Path, required=True, help="folder with index.csv")
    parser.add_argument("--to", type=Path, required=True, help="folder to write")
    parser.add_argument("--per-image", type=int, default=12, help="default %(default)s")
    parser.add_argument("--scenes", type=int, default=60, help="default %(default)s")
    parser.add_argument("--notes", default="", help="for the card: what to know of the run")
    parsed = parser.parse_args(arguments)
    console = Console(width=160)
    work = bundle(
        parsed.run,
        parsed.dsb2018,
        parsed.to,
        per_image=parsed.per_image,
        scenes=parsed.scenes,
        notes=parsed.notes,
    )
    try:
        report = run(work)
    except VlsegError as error:
        console.print(f"[red]{error}")
        return 1
    print_report(report, console)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
