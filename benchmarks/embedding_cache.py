"""Opening an image that was encoded before against encoding it, from the same call.

SAM at the size of vit_b with random weights on 1024 × 1024 pixels, and the bundled models on
512 × 512, on the CPU. Re-opening is what a new session does: the plane is hashed, the file is
read and checked, nothing is in the cache's memory.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from harness import Result, interleaved, median_ratio, options, report
from transformers import SamConfig, SamModel

import napari_vlseg
from napari_vlseg.events import run
from napari_vlseg.models.base import DenseSegmenter, PromptableSegmenter
from napari_vlseg.models.sam_weights import load_sam
from napari_vlseg.training.sam.publish import save_sam_folder
from napari_vlseg.workflow.cache import EmbeddingCache, encode
from napari_vlseg.workflow.disk_cache import GB, DiskCache

GOALS = {"vit_b": 100.0, "vlseg-mini": 20.0, "sam-mini": 3.0}
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def main() -> bool:
    """Measure, report, and say whether the goals were reached."""
    arguments = options(__doc__, repeats=3)
    with tempfile.TemporaryDirectory() as folder:
        seconds = interleaved(candidates(Path(folder)), arguments.repeats)
    results = [
        Result(
            f"{name}: re-opening vs encoding",
            median_ratio(seconds[f"{name}, encode"], seconds[f"{name}, re-open"]),
            goal,
            "×",
            "more",
        )
        for name, goal in GOALS.items()
    ]
    return report("embedding_cache", results, seconds, arguments.out)


def candidates(folder: Path) -> dict[str, Callable[[], object]]:
    """Each model with and without what a cache on disk holds."""
    disk = DiskCache(folder / "embeddings", GB)
    jobs: dict[str, Callable[[], object]] = {}
    for name, model, side in (
        ("vit_b", vit_b(folder), 1024),
        ("vlseg-mini", napari_vlseg.load_model("vlseg-mini", "cpu"), 512),
        ("sam-mini", napari_vlseg.load_model("sam-mini", "cpu"), 512),
    ):
        plane = np.random.default_rng(0).random((side, side, 3), np.float32)
        open_plane(model, plane, disk)
        jobs[f"{name}, encode"] = lambda model=model, plane=plane: model.encode(plane)
        jobs[f"{name}, re-open"] = lambda model=model, plane=plane: open_plane(model, plane, disk)
    return jobs


def open_plane(
    model: DenseSegmenter | PromptableSegmenter, plane: np.ndarray, disk: DiskCache
) -> object:
    """The embedding of a plane in a session of its own."""
    return run(encode(model, plane, cache=EmbeddingCache(disk=disk)))


def vit_b(folder: Path) -> PromptableSegmenter:
    """All of it, 94 M parameters; transformers' own configuration has this size."""
    torch.manual_seed(0)
    save_sam_folder(SamModel(SamConfig()), folder / "vit_b", _MEAN, _STD, {})
    return load_sam(folder / "vit_b", "vit_b", device="cpu")


if __name__ == "__main__":
    sys.exit(not main())
