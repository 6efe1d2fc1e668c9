"""Which plane of which image a person clicks on."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image

from napari_vlseg.errors import ImageError
from napari_vlseg.images import ImageView, leading_axes, plane_shape
from napari_vlseg.ui.geometry import Key, image_array, plane_axes, plane_key
from napari_vlseg.ui.image_choice import ImageChoice
from napari_vlseg.ui.jobs import ModelSettings


@dataclass(frozen=True)
class Spot:
    """A plane of an image as it is now; equal spots have equal embeddings.

    Attributes
    ----------
    image : napari.layers.Image
    view : ImageView
    index : tuple of int
    settings : ModelSettings
        The click model, and how it runs.
    data : object
        The layer's array at that time.
    """

    image: Image = field(hash=False)
    view: ImageView
    index: tuple[int, ...]
    settings: ModelSettings
    data: Any = field(compare=False, repr=False)

    @property
    def key(self) -> Key:
        """Where the plane lies in the labels array."""
        return plane_key(self.image, self.view, self.index)

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W) of the plane."""
        return plane_shape(image_array(self.image), self.view)

    def place(self, position: np.ndarray) -> tuple[float, float]:
        """(row, col) on the plane of a place in the world."""
        rows, cols = plane_axes(self.image, self.view)
        where = self.image.world_to_data(position)
        return float(where[rows]), float(where[cols])

    def neighbours(self) -> list[Spot]:
        """The planes after and before it in a stack, along the last of the leading axes."""
        if not self.index:
            return []
        data, place = image_array(self.image), self.index[-1]
        n_planes = np.shape(data)[leading_axes(data, self.view)[-1]]
        return [
            replace(self, index=(*self.index[:-1], place + step))
            for step in (1, -1)
            if 0 <= place + step < n_planes
        ]

    def is_like(self, other: Spot | None) -> bool:
        """Whether the other one is the same plane with the same pixels."""
        return other is not None and self == other and self.data is other.data


def spot_in_view(images: ImageChoice, image: Image, settings: ModelSettings) -> Spot:
    """The plane of an image that is in view.

    Raises
    ------
    ImageError
        If the image has no planes.
    """
    return Spot(image, images.view(image), images.index(image), settings, image.data)


def require_flat(viewer: ViewerModel, image: Image, view: ImageView) -> None:
    """Check that the rows and columns of an image are what is displayed.

    Raises
    ------
    ImageError
        If they are not.
    """
    axes = {axis + viewer.dims.ndim - image.ndim for axis in plane_axes(image, view)}
    if viewer.dims.ndisplay != 2 or axes != set(viewer.dims.displayed):
        raise ImageError(
            "Clicks work on the rows and columns of the image: switch back from 3D, or from "
            "rolled axes, with the buttons below the layers."
        )
