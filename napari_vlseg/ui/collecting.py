"""Layers come and go without a pause.

napari looks through all objects of the program for garbage whenever a layer is removed, so that
OpenGL lets go of what the layer drew with. With a model loaded there are a million of them. What
is there before a layer comes is kept out of that search: the layer itself is not.
"""

from __future__ import annotations

import atexit
import gc

_IMAGES_BETWEEN = 50


class Collecting:
    """Keeps the search for garbage short while images are gone through."""

    def __init__(self) -> None:
        self._n_images = 0
        atexit.register(gc.unfreeze)  # libraries count what is left at the end

    def before_layers(self) -> None:
        """Call before the layers of an image are added."""
        self._n_images += 1
        if self._n_images % _IMAGES_BETWEEN:
            gc.freeze()
        else:
            gc.unfreeze()  # once in a while all is searched, or what became garbage would stay

    def close(self) -> None:
        """Search everything again."""
        gc.unfreeze()
