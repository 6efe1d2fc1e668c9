"""Evaluate a click and box model: ``python -m napari_vlseg.training.sam.evaluate --help``."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from napari_vlseg.errors import VlsegError
from napari_vlseg.events import Work, run
from napari_vlseg.models import registry
from napari_vlseg.training.dsb2018 import load_images, read_index, split_by_group
from napari_vlseg.training.sam.evaluate_objects import evaluate_objects
from napari_vlseg.training.sam.views import from_nuclei, from_scene
from napari_vlseg.training.scene_bank import VALIDATION_SEEDS, generate_scenes

_EXAMPLES = """\
examples:
  python -m napari_vlseg.training.sam.evaluate --dsb2018 ../shared/data/dsb2018
  python -m napari_vlseg.training.sam.evaluate --dsb2018 DIR --model runs/sam/model --limit 20
"""
_SCENE_SIZE = 144
_FIRST_TUNING_SEED = 500_000


def evaluate(
    model: str,
    data: Path,
    *,
    limit: int = 0,
    per_image: int = 12,
    scenes: int = 60,
    on_training_images: bool = False,
) -> Work[dict[str, Any]]:
    """Score a model by clicks and boxes on nuclei and on the objects of unseen scenes.

    Parameters
    ----------
    model : str
        Registered name or folder.
    data : Path
        Folder of the DSB 2018 images.
    limit : int
        Every n-th image so that about this many remain; 0 for all.
    per_image : int
        Most objects per image, chosen by a seed.
    scenes : int
        Number of procedural scenes; 0 for none.
    on_training_images : bool
        Images of the training split instead, for choosing settings.

    Yields
    ------
    Progress or Notice

    Returns
    -------
    dict
        ``nuclei`` and ``scenes``: measure → summary.
    """
    segmenter = yield from registry.load_steps(model)
    ids = split_by_group(read_index(data))[0 if on_training_images else 1]
    step = max(1, len(ids) // limit) if limit else 1
    images = [from_nuclei(image) for image in load_images(data, ids[::step])]
    report: dict[str, Any] = {
        "model": model,
        "weights_sha256": segmenter.info.weights_sha256,
        "n_images": len(images),
        "per_image": per_image,
    }
    report["nuclei"] = yield from evaluate_objects(segmenter, images, per_image)
    if scenes:
        first = _FIRST_TUNING_SEED if on_training_images else VALIDATION_SEEDS.start
        painted = generate_scenes(first, scenes, _SCENE_SIZE, workers=1)
        unseen = [from_scene(scene) for scene in painted]
        report["scenes"] = yield from evaluate_objects(segmenter, unseen, per_image)
    return report


def print_report(report: dict[str, Any], console: Console) -> None:
    """Tables of a report, for people."""
    for section in [name for name in ("nuclei", "scenes") if name in report]:
        scores = report[section]["scores"]
        kinds = sorted({kind for row in scores.values() for kind in row["by_kind"]})
        table = Table(title=f"{section}: IoU per object")
        for heading in ("prompt", "n", "mean", "above 0.5", *(kinds if len(kinds) > 1 else [])):
            table.add_column(heading, no_wrap=True)
        for name, row in scores.items():
            by_kind = [f"{row['by_kind'].get(kind, float('nan')):.3f}" for kind in kinds]
            cells = [f"{row['mean']:.3f}", f"{row['above_half']:.0%}"]
            table.add_row(name, str(row["n"]), *cells, *(by_kind if len(kinds) > 1 else []))
        console.print(table)
        others = {name: value for name, value in report[section].items() if name != "scores"}
        console.print(others, highlight=False)


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m napari_vlseg.training.sam.evaluate",
        description="Score clicks and boxes on validation images, classical answers beside them.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--dsb2018", type=Path, required=True, help="folder with index.csv")
    parser.add_argument("--model", default="sam-mini", help="name or folder")
    parser.add_argument("--limit", type=int, default=0, help="about so many images; 0 for all")
    parser.add_argument("--per-image", type=int, default=12, help="default %(default)s")
    parser.add_argument("--scenes", type=int, default=60, help="default %(default)s")
    parser.add_argument("--json", type=Path, help="also write the report here")
    parser.add_argument("--on-training-images", action="store_true", help="for choosing settings")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 0 when it went well."""
    parsed = parse_arguments(arguments)
    console = Console(width=160)
    try:
        report = run(
            evaluate(
                parsed.model,
                parsed.dsb2018,
                limit=parsed.limit,
                per_image=parsed.per_image,
                scenes=parsed.scenes,
                on_training_images=parsed.on_training_images,
            )
        )
    except VlsegError as error:
        console.print(f"[red]{error}")
        return 1
    print_report(report, console)
    if parsed.json:
        parsed.json.write_text(json.dumps(report, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
