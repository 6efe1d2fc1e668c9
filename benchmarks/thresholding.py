"""Re-thresholding a kept probability map of 2048 × 2048 pixels, as a moving slider does."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable

import numpy as np
from harness import Result, interleaved, options, report
from scipy import ndimage as ndi

from napari_vlseg.masks import assign_classes

SIDE = 2048
LIMIT_MS = 50


def main() -> bool:
    """Measure, report, and say whether the goals were reached."""
    arguments = options(__doc__, repeats=5)
    seconds = interleaved(candidates(), arguments.repeats)
    milliseconds = 1e3 * statistics.median(seconds["map of 1 class"])
    result = Result("threshold a map of 1 class", milliseconds, LIMIT_MS, "ms", "less")
    return report("thresholding", [result], seconds, arguments.out)


def candidates() -> dict[str, Callable[[], object]]:
    """Maps with objects of some size, one class and three."""
    noise = np.random.default_rng(0).random((3, SIDE, SIDE), np.float32)
    smooth = ndi.gaussian_filter(noise, (0, 8, 8))
    maps = (smooth - smooth.min()) / (smooth.max() - smooth.min())
    return {
        "map of 1 class": lambda: assign_classes(maps[:1], [0.55]),
        "map of 3 classes": lambda: assign_classes(maps, [0.5, 0.55, 0.6]),
    }


if __name__ == "__main__":
    sys.exit(not main())
