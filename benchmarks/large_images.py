"""Images of any size: how memory and time grow, and how soon the first labels are there.

Each image is segmented by ``nuclei`` with the bundled model in a process of its own, which tells
the most memory that it held above the loaded model. ``--quick`` leaves out the large ones.
"""

from __future__ import annotations

import argparse
import json
import math
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
from big_images import repeated, write_slide, write_stack
from harness import Result, options_parser, report

LIMIT_GIB = 1.5
SIZES = {
    "slide 5,000 × 5,000": ("slide", 5_000, 5_000),
    "slide 10,000 × 10,000": ("slide", 10_000, 10_000),
    "slide 20,000 × 20,000": ("slide", 20_000, 20_000),
    "slide 40,000 × 20,000": ("slide", 40_000, 20_000),
    "stack 50 × 2,048 × 2,048": ("stack", 50, 2_048),
    "stack 200 × 2,048 × 2,048": ("stack", 200, 2_048),
    "stack 400 × 2,048 × 2,048": ("stack", 400, 2_048),
}
QUICK = ("slide 5,000 × 5,000", "stack 50 × 2,048 × 2,048")
TISSUE = {"slide": 0.1, "stack": 0.05}
"""Share of the pixels with something in them: the rest is told empty and left out."""


def main() -> bool:
    """Measure, report, and say whether the goals were reached."""
    parser = options_parser(__doc__)
    parser.add_argument("--quick", action="store_true", help="small images alone")
    parser.add_argument("--work", type=Path, help="folder for the images [default: temporary]")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(measure(Path(arguments.measure), arguments.threads)))
        return True
    results, seconds = [], {}
    for name, (kind, *size) in SIZES.items():
        if arguments.quick and name not in QUICK:
            continue
        with tempfile.TemporaryDirectory(dir=arguments.work) as folder:
            path = Path(folder) / "image.zarr"
            write = write_slide if kind == "slide" else write_stack
            write(path, *size, TISSUE[kind])
            found = in_a_process(path, arguments.threads)
        seconds[f"{name}, {found['objects']} objects"] = [found["seconds"]]
        results += [
            Result(f"{name}: memory above the model", found["gib"], LIMIT_GIB, "GiB", "less"),
            Result(f"{name}: first labels", found["first_in_blocks"], 4, "blocks", "less"),
            Result(f"{name}: until a stop takes effect", found["longest_wait"], 0.5, "s", "less"),
        ]
        print(f"{name}: {found}", flush=True)
    return report("large_images", results, seconds, arguments.out)


def in_a_process(path: Path, threads: int) -> dict[str, Any]:
    """`measure` in a process of its own."""
    command = [sys.executable, __file__, "--measure", str(path), "--threads", str(threads)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def measure(path: Path, threads: int) -> dict[str, Any]:
    """Segment one image: seconds, memory, and when the first labels came.

    Returns
    -------
    dict
        ``gib``: the most memory held at any time less that held once the model was loaded
        and had run once; ``first_in_blocks``: time until the first labels, in times that a
        full block takes; ``longest_wait``: the longest time between two events, at which a
        run can be stopped.
    """
    import torch
    import zarr

    import napari_vlseg
    from napari_vlseg.events import Partial
    from napari_vlseg.images import ImageView
    from napari_vlseg.prompts import PromptTable
    from napari_vlseg.workflow.blocks import BlockSource, Focus, segment_blocks

    torch.set_num_threads(threads)
    model = napari_vlseg.load_model("vlseg-mini", device="cpu")
    image = zarr.open_array(path, mode="r")
    is_rgb = image.shape[-1] == 3
    prompts = PromptTable.build("nuclei")
    loaded = psutil.Process().memory_info().rss
    start = time.perf_counter()
    source = BlockSource.of(image, ImageView(rgb=is_rgb))
    rows, cols = source.shape
    *plane, row, col = image.attrs["focus"]
    focus = Focus(tuple(plane), row, col)
    first: list[float] = []
    before, longest = start, 0.0
    with tempfile.TemporaryDirectory() as folder:
        work = segment_blocks(source, model, prompts, folder=Path(folder), focus=focus)
        while True:
            try:
                event = next(work)
            except StopIteration as stop:
                result = stop.value
                break
            now = time.perf_counter()
            before, longest = now, max(longest, now - before)
            if isinstance(event, Partial) and event.labels.any() and not first:
                first.append(now - start)
        seconds = time.perf_counter() - start
        full = seconds_of_a_block(model, source, prompts)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {
        "seconds": round(seconds, 1),
        "gib": round((peak - loaded) / 2**30, 3),
        "longest_wait": round(longest, 3),
        "first_labels": round(first[0], 2),
        "first_in_blocks": round(first[0] / full, 2),
        "objects": len(result.objects),
        "mpix": round(rows * cols * math.prod(source.leading) / 1e6),
    }


def seconds_of_a_block(model: Any, source: Any, prompts: Any) -> float:
    """How long the model takes for a block that is full."""
    from napari_vlseg.events import run
    from napari_vlseg.workflow.blocks import BlockQuestion, BlockTask, answer_steps
    from napari_vlseg.workflow.blocks.grid import plan_blocks

    grid = plan_blocks(model, source.shape)
    block = grid.block(len(grid) // 2)
    rows, cols = (part.stop - part.start for part in block.window)
    is_rgb = source.view.rgb
    pixels = repeated("purple_on_white" if is_rgb else "fluorescence", 1100)[:rows, :cols]
    pixels = pixels if is_rgb else pixels[None].astype("uint16") * 100
    question = BlockQuestion(prompts, source.window_view, grid.scale)
    start = time.perf_counter()
    run(answer_steps(model, question, BlockTask(0, pixels, grid.plan(block))))
    return time.perf_counter() - start


if __name__ == "__main__":
    sys.exit(not main())
