"""Named colours and how far a painted colour may stray from its name."""

from __future__ import annotations

from types import MappingProxyType

import numpy as np

from napari_vlseg.training.scenes.canvas import FloatArray

PALETTE = MappingProxyType(
    {
        "red": (0.84, 0.15, 0.15),
        "green": (0.18, 0.66, 0.24),
        "blue": (0.17, 0.31, 0.83),
        "yellow": (0.93, 0.84, 0.18),
        "orange": (0.95, 0.54, 0.11),
        "purple": (0.51, 0.23, 0.66),
        "pink": (0.95, 0.52, 0.72),
        "cyan": (0.22, 0.80, 0.84),
        "white": (0.96, 0.96, 0.96),
        "black": (0.06, 0.06, 0.06),
        "brown": (0.47, 0.28, 0.14),
        "gray": (0.50, 0.50, 0.50),
    }
)

_HUE_JITTER = 0.03
_LIGHT_JITTER = 0.045
_CLEARLY_DIFFERENT = 0.34


def jittered_colour(name: str, rng: np.random.Generator) -> FloatArray:
    """An RGB colour in [0, 1] that a person would still call by the name."""
    colour = np.asarray(PALETTE[name]) + rng.normal(0, _HUE_JITTER, 3)
    return np.clip(colour + rng.normal(0, _LIGHT_JITTER), 0, 1).astype(np.float32)


def colours_visible_on(background: FloatArray) -> list[str]:
    """Names of the colours that stand out from an RGB background."""
    return [
        name
        for name, colour in PALETTE.items()
        if np.abs(np.asarray(colour) - background).max() > _CLEARLY_DIFFERENT
    ]
