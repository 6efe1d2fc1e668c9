"""Clicks and boxes against Meta's `SamPredictor`, in one run.

SAM at the size of vit_b with random weights, on a plane of 2048 × 2048 pixels as cameras give
them, on the CPU. Both sides end with what a person sees: the predictor with masks of the whole
plane, the adapter with the best mask of the plane after a click, and with the crops of many
objects after boxes. Encoder and decoder compute in bfloat16 where the processor does; how
far that agrees with float32 is part of the report.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np
import torch
from harness import Result, interleaved, median_ratio, options, report
from segment_anything import SamPredictor, sam_model_registry
from transformers import SamConfig, SamModel

from napari_vlseg.models.devices import choose_dtype
from napari_vlseg.models.preprocessing import IMAGENET_COLOURS, Preprocessing
from napari_vlseg.models.sam import SamSegmenter
from napari_vlseg.models.sam_network import SamNetwork
from napari_vlseg.object_prompts import ObjectPrompt
from napari_vlseg.proposals import ModelInfo

SIDE = 2048
N_BOXES = 256
CLICK = (700, 900)
CPU = torch.device("cpu")


def main() -> bool:
    """Measure, report, and say whether the goals were reached."""
    arguments = options(__doc__, repeats=3)
    torch.manual_seed(0)
    picture = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    plane = picture.astype(np.float32) / 255
    weights = random_model().state_dict()
    segmenter, exact = build(weights, choose_dtype("auto", CPU)), build(weights, torch.float32)
    predictor = SamPredictor(sam_model_registry["vit_b"]())
    embedding = segmenter.encode(plane)
    predictor.set_image(picture)
    boxes = scattered_boxes()

    def predict_one_by_one() -> None:
        for top, left, bottom, right in boxes:
            box = np.array((left, top, right, bottom))
            predictor.predict(box=box, multimask_output=False)

    def predict_together() -> None:
        """Masks are dropped one by one, as the predictor's are: keeping all costs 1 GB here."""
        prompts = [ObjectPrompt(box=box) for box in boxes]
        for (found,) in segmenter.predict_objects(embedding, prompts):
            found.crop()

    jobs: dict[str, Callable[[], object]] = {
        "SamPredictor, click": lambda: predictor.predict(
            point_coords=np.array([CLICK[::-1]]), point_labels=np.array([1])
        ),
        "adapter, click": lambda: segmenter.predict(embedding, points=[CLICK])[0].mask,
        "SamPredictor, set_image": lambda: predictor.set_image(picture),
        "adapter, encode": lambda: segmenter.encode(plane),
        f"SamPredictor, {N_BOXES} boxes one by one": predict_one_by_one,
        f"adapter, {N_BOXES} boxes": predict_together,
    }
    seconds = interleaved(jobs, arguments.repeats)
    theirs_click, ours_click, theirs_encode, ours_encode, theirs_boxes, ours_boxes = (
        seconds[name] for name in jobs
    )
    precision = segmenter.info.precision
    results = [
        Result("click → mask", median_ratio(ours_click, theirs_click), 0.8, "×", "less"),
        Result(
            f"encoding ({precision})", median_ratio(ours_encode, theirs_encode), 0.6, "×", "less"
        ),
        Result(f"{N_BOXES} boxes", median_ratio(theirs_boxes, ours_boxes), 3, "×", "more"),
        Result(
            f"masks of {precision} and float32: same pixels",
            agreement(segmenter, exact, plane),
            0.98,
            "",
            "more",
        ),
    ]
    return report("clicks", results, seconds, arguments.out)


@torch.no_grad()
def random_model() -> SamModel:
    """All of it, 94 M parameters of ordinary size: transformers draws them next to 0."""
    model = SamModel(SamConfig())
    for values in model.parameters():
        if values.ndim > 1:
            values.normal_(0, values[0].numel() ** -0.5)
    return model


def build(weights: dict[str, torch.Tensor], dtype: torch.dtype) -> SamSegmenter:
    """The adapter around a copy of the weights."""
    model = SamModel(SamConfig())
    model.load_state_dict(weights)
    network = SamNetwork(model, Preprocessing(1024, *IMAGENET_COLOURS))
    return SamSegmenter(network, ModelInfo("vit_b (random)", "", "0"), device=CPU, dtype=dtype)


def scattered_boxes() -> list[tuple[float, float, float, float]]:
    """Boxes of 40 to 200 pixels all over the plane: (top, left, bottom, right)."""
    rng = np.random.default_rng(1)
    starts = rng.integers(0, SIDE - 200, (N_BOXES, 2))
    ends = starts + rng.integers(40, 200, (N_BOXES, 2))
    return [(*map(float, a), *map(float, b)) for a, b in zip(starts, ends, strict=True)]


def agreement(segmenter: SamSegmenter, exact: SamSegmenter, plane: np.ndarray) -> float:
    """Share of pixels in which both say the same, over masks of some boxes."""
    prompts = [ObjectPrompt(box=box) for box in scattered_boxes()[:8]]
    found, wanted = (m.predict_objects(m.encode(plane), prompts) for m in (segmenter, exact))
    return float(np.mean([a[0].mask == b[0].mask for a, b in zip(found, wanted, strict=True)]))


if __name__ == "__main__":
    sys.exit(not main())
