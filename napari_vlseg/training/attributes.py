"""What the auxiliary heads learn to read off: kind, colour or brightness, and size."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from napari_vlseg.training.queries import Query
from napari_vlseg.training.scenes import KINDS, PALETTE, SceneObject

BACKGROUND_KIND, OTHER_KIND = "background", "other"
_KIND_CODES = {
    name: code for code, name in enumerate([*KINDS.names, BACKGROUND_KIND, OTHER_KIND], 1)
}
_COLOUR_CODES = {name: code for code, name in enumerate([*PALETTE, "bright", "dark"], 1)}
_SIZE_CODES = {"small": 1, "large": 2}

Codes = tuple[int, int, int]

N_CODES: Codes = (len(_KIND_CODES) + 1, len(_COLOUR_CODES) + 1, len(_SIZE_CODES) + 1)
BACKGROUND_CODES: Codes = (_KIND_CODES[BACKGROUND_KIND], 0, 0)
OTHER_CODES: Codes = (_KIND_CODES[OTHER_KIND], 0, 0)


def query_codes(query: Query) -> Codes:
    """Class numbers of a query; 0 where it says nothing."""
    return (
        _KIND_CODES.get(query.kind, 0),
        _COLOUR_CODES.get(query.colour or query.brightness, 0),
        _SIZE_CODES.get(query.size, 0),
    )


def dense_codes(
    labels: npt.NDArray[np.integer], objects: Iterable[SceneObject]
) -> npt.NDArray[np.uint8]:
    """Class numbers of every pixel, shape (H, W, 3); 0 is background.

    Objects that no word names are of the other kind.
    """
    table = np.zeros((int(labels.max()) + 1, 3), np.uint8)
    for thing in objects:
        words = Query(thing.kind, thing.colour, thing.size, thing.brightness)
        table[thing.label] = OTHER_CODES if thing.recipe else query_codes(words)
    return table[labels]
