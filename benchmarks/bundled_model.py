"""The bundled model as a person waits for it: loading it, and one image of 512 × 512 by text.

``--threads 2`` for the goals, which are for two cores; the default is one thread.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable
from functools import partial

import numpy as np
import transformers
from harness import Result, interleaved, options, report
from scipy import ndimage as ndi

import napari_vlseg
from napari_vlseg.edges import refine_edges

SIDE = 512
PHRASE = "nuclei"
# transformers imports a class where it is first named, which is no part of loading a model.
IMPORTED = (transformers.CLIPSegForImageSegmentation, transformers.CLIPTokenizer)


def main() -> bool:
    """Measure, report, and say whether the goals were reached."""
    arguments = options(__doc__, repeats=5)
    seconds = interleaved(candidates(), arguments.repeats)
    limits = {"load": 1.0, "512² by text": 0.5, "edges of one class": 0.02}
    results = [
        Result(name, statistics.median(seconds[name]), limit, "s", "less")
        for name, limit in limits.items()
    ]
    return report("bundled_model", results, seconds, arguments.out)


def candidates() -> dict[str, Callable[[], object]]:
    """Loading, segmenting and the step after the decoder."""
    load = partial(napari_vlseg.load_model, device="cpu")
    model, image = load(), picture()
    plane = np.repeat(image[..., np.newaxis], 3, axis=2)
    probability = (image / np.float32(255))[np.newaxis]
    segment = partial(napari_vlseg.segment, image, text=PHRASE)
    return {
        "load": load,
        "512² by text": partial(segment, model=model),
        "512² by text, maps as they are": partial(segment, model=model, edges=False),
        "512² by text, float32": partial(segment, model=load(precision="float32")),
        "edges of one class": lambda: refine_edges(probability, plane, 4.0),
    }


def picture() -> np.ndarray:
    """Blobs of about the size of nuclei, uint8 (512, 512)."""
    smooth = ndi.gaussian_filter(np.random.default_rng(0).random((SIDE, SIDE)), 8)
    return np.round(255 * (smooth - smooth.min()) / np.ptp(smooth)).astype(np.uint8)


if __name__ == "__main__":
    sys.exit(not main())
