"""MPix/s over a large image: blocks against a plain loop of transformers on the same tiles.

The loop calls ``CLIPSegForImageSegmentation`` for each tile, with the phrase, as its
documentation shows, and keeps the probabilities of each tile. Both compute in float32. Blocks
blend tiles, keep probabilities on disk, and make labels and a table of objects as well.
``--threads 2`` for the goal, which is for two cores. A model of the published size has random
weights.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from big_images import write_slide
from full_size import build_network as build_full_size
from full_size import build_segmenter
from harness import Result, median_ratio, options_parser, report

import napari_vlseg
from napari_vlseg.events import run
from napari_vlseg.images import ImageView
from napari_vlseg.models.clipseg import ClipSegSegmenter
from napari_vlseg.prompts import PromptTable
from napari_vlseg.workflow.blocks import BlockSource, segment_blocks

PHRASE = "nuclei"
SIDES = {"vlseg-mini": 4096, "CLIPSeg rd64, random weights": 4096}


def main() -> bool:
    """Measure, report, and say whether the goals were reached."""
    parser = options_parser(__doc__)
    parser.add_argument("--repeats", type=int, default=3, help="timed rounds")
    parser.add_argument("--tissue", type=float, default=0.5, help="share of the slide with cells")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    results, seconds = [], {}
    models = {
        "vlseg-mini": napari_vlseg.load_model("vlseg-mini", device="cpu", precision="float32"),
        "CLIPSeg rd64, random weights": build_segmenter(build_full_size()),
    }
    with tempfile.TemporaryDirectory() as folder:
        for name, model in models.items():
            side = SIDES[name]
            slide = write_slide(Path(folder) / "slide.zarr", side, side, arguments.tissue)
            times = compare(model, slide, Path(folder), arguments.repeats)
            ratio = median_ratio(times["loop"], times["blocks"])
            results.append(Result(f"{name}: blocks vs loop", ratio, 1.5, "×", "more"))
            every = median_ratio(times["loop"], times["blocks, empty tiles too"])
            results.append(
                Result(f"{name}: blocks, empty tiles too, vs loop", every, 1, "×", "more")
            )
            speed = side**2 / 1e6 / float(np.median(times["blocks"]))
            results.append(Result(f"{name}: blocks", speed, 0, "MPix/s", "more"))
            seconds |= {f"{name}: {what}": values for what, values in times.items()}
    return report("blocks", results, seconds, arguments.out)


def compare(
    model: ClipSegSegmenter, slide: Any, folder: Path, repeats: int
) -> dict[str, list[float]]:
    """Seconds of either, round after round."""
    source = BlockSource.of(slide, ImageView(rgb=True))
    prompts = PromptTable.build(PHRASE)

    def blocks(skip_empty: bool) -> None:
        with tempfile.TemporaryDirectory(dir=folder) as kept:
            run(segment_blocks(source, model, prompts, folder=Path(kept), skip_empty=skip_empty))

    candidates: dict[str, Callable[[], None]] = {
        "loop": lambda: loop(model, source),
        "blocks": lambda: blocks(True),
        "blocks, empty tiles too": lambda: blocks(False),
    }
    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    for number in range(repeats):
        for name in list(candidates)[:: -1 if number % 2 else 1]:
            start = time.perf_counter()
            candidates[name]()
            seconds[name].append(time.perf_counter() - start)
    return seconds


def loop(model: ClipSegSegmenter, source: BlockSource) -> None:
    """Every tile of the slide through the model's own forward, one after another."""
    network = model.network
    plan, scale = model.lattice(source.shape)
    tokens = network.tokenizer([PHRASE], padding=True, return_tensors="pt")
    kept = []
    for tile in plan.tiles:
        row, col, side = (round(n * scale) for n in (tile.row, tile.col, plan.side))
        window = source.look((), slice(row, row + side), slice(col, col + side))
        pixels = torch.from_numpy(np.ascontiguousarray(window.transpose(2, 0, 1)))[None]
        if side != plan.side:
            pixels = torch.nn.functional.interpolate(pixels, (plan.side, plan.side))
        normal = network.preprocessing.normalize(pixels[0].permute(1, 2, 0).numpy()[None])
        with torch.inference_mode():
            answer = network.model(pixel_values=normal, interpolate_pos_encoding=True, **tokens)
        kept.append(answer.logits.sigmoid().float().numpy().astype(np.float16))


if __name__ == "__main__":
    sys.exit(not main())
