"""From pressing Train to new proposals, and a training step beside transformers' own.

One image of 512 × 512 that was segmented before, 20 of its objects corrected: the time in which
the default training has read them, prepared, learned, and proposed the image anew. Once with
the bundled model, once with CLIPSeg rd64 at full size and random weights. The scenes by which
a model remembers what it knows are made within that time; in a window they are there already.

A step on kept activations is compared with ``forward`` and ``backward`` of
`CLIPSegForImageSegmentation` on as many pairs of tile and phrase, of which only the decoder learns.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable
from time import perf_counter

import numpy as np
import torch
from full_size import SIDE, WORDS, build_network, build_segmenter
from harness import Result, interleaved, median_ratio, options, report

import napari_vlseg
from napari_vlseg.events import run
from napari_vlseg.models.clipseg import ClipSegSegmenter
from napari_vlseg.prompts import ClassPrompt, PromptTable
from napari_vlseg.training.evaluate_nuclei import as_plane
from napari_vlseg.training.finetune.corrected import CorrectedPlane, reviewed_pixels
from napari_vlseg.training.finetune.preparing import prepare
from napari_vlseg.training.finetune.settings import FinetuneSettings
from napari_vlseg.training.finetune.training import finetune
from napari_vlseg.training.finetune.tuner import Tuner
from napari_vlseg.training.scenes.novel import draw_recipes, paint_scene
from napari_vlseg.training.scenes.scene import photographed
from napari_vlseg.workflow.cache import EmbeddingCache
from napari_vlseg.workflow.propose import propose

IMAGE_SIDE, N_CORRECTED, BATCH = 512, 20, 4
PHRASE = WORDS[0]
TABLE = PromptTable((ClassPrompt(PHRASE, phrases=(PHRASE,)),))


def main() -> bool:
    """Measure, report, and say whether the goals were reached."""
    arguments = options(__doc__, repeats=3)
    mini = napari_vlseg.load_model("vlseg-mini", device="cpu")
    full = build_segmenter(build_network())
    seconds = {
        "Train to new proposals, vlseg-mini": [_loop(mini) for _ in range(arguments.repeats)],
        "Train to new proposals, CLIPSeg rd64": [_loop(full) for _ in range(arguments.repeats)],
    } | interleaved(_steps(full), arguments.repeats)
    loops = [float(np.median(times)) for times in list(seconds.values())[:2]]
    ratio = median_ratio(seconds["forward and backward"], seconds["step on kept activations"])
    results = [
        Result("20 corrected objects, 512², vlseg-mini", loops[0], 10, "s", "less"),
        Result("the same with CLIPSeg rd64 (random weights)", loops[1], 60, "s", "less"),
        Result(f"training step of {BATCH} on kept activations", ratio, 15, "×", "more"),
    ]
    return report("finetuning", results, seconds, arguments.out)


def _corrected(side: int, n_objects: int) -> CorrectedPlane:
    """An image that a person has begun to correct."""
    recipes = draw_recipes(3, np.random.default_rng(0))
    for seed in itertools.count():
        rng = np.random.default_rng(seed)
        painted = photographed(paint_scene(side, recipes, rng, 3), rng, "novel", seed)
        own = [thing.label for thing in painted.objects][:n_objects]
        if len(own) == n_objects:
            break
    labels = np.where(np.isin(painted.labels, own), painted.labels, 0)
    classes = dict.fromkeys(own, PHRASE)
    return CorrectedPlane(as_plane(painted.image), labels, classes, reviewed_pixels(labels, own))


def _loop(model: ClipSegSegmenter) -> float:
    """Seconds from the button to labels."""
    corrected, cache = _corrected(IMAGE_SIDE, N_CORRECTED), EmbeddingCache()
    run(propose(model, corrected.plane, TABLE, cache=cache))
    start = perf_counter()
    adapter = run(finetune(model, TABLE, [corrected], cache=cache))
    run(propose(model.with_adapter(adapter), corrected.plane, TABLE, cache=cache))
    return perf_counter() - start


def _steps(model: ClipSegSegmenter) -> dict[str, Callable[[], object]]:
    """A step of ours, and one of transformers, on as many pairs."""
    # Of four rows two are drilled, one asks for what is absent and one recalls.
    settings = FinetuneSettings(batch=BATCH, absent_share=0.25, replay_share=0.25, replay_scenes=4)
    course = run(prepare(model, TABLE, [_corrected(SIDE, 5)], settings))
    tuner = Tuner(model, course.voices, course.training, course.absent, course.bank, settings)
    network = model.network.model
    network.decoder.requires_grad_(True)
    pixels = torch.rand(BATCH, 3, SIDE, SIDE)
    tokens = model.network.tokenizer([PHRASE] * BATCH, padding=True, return_tensors="pt")
    targets = (torch.rand(BATCH, SIDE, SIDE) > 0.5).float()
    learning = torch.optim.AdamW(network.decoder.parameters(), lr=1e-6)

    def theirs() -> None:
        loss = network(pixel_values=pixels, labels=targets, **tokens).loss
        learning.zero_grad()
        loss.backward()
        learning.step()

    return {"forward and backward": theirs, "step on kept activations": lambda: tuner.step(0)}


if __name__ == "__main__":
    sys.exit(not main())
