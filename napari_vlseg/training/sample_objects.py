"""Objects in photographs that scikit-image ships, found with classical means.

The photographs need no download. None of them, and nothing like them, is trained on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
from scipy import ndimage as ndi
from skimage import data
from skimage.color import gray2rgb, rgb2gray, rgb2hed
from skimage.filters import gaussian, sobel, threshold_otsu
from skimage.measure import label, regionprops
from skimage.morphology import remove_small_objects
from skimage.segmentation import watershed
from skimage.transform import rescale

_TRIES = 400
_COMPACT = 0.85


@dataclass(frozen=True)
class SampleImage:
    """A part of a photograph with its objects.

    Attributes
    ----------
    image : ndarray of float32, shape (H, W, 3)
    labels : ndarray of int, shape (H, W)
        0 is background.
    empty : ndarray of bool, shape (H, W)
        Where no object is, nor a part of one that was left out.
    """

    image: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int32]
    empty: npt.NDArray[np.bool_]

    def with_background_patches(
        self, rng: np.random.Generator
    ) -> tuple[npt.NDArray[np.int32], list[int], list[int]]:
        """Labels that also cover empty places, in the outlines of the objects.

        Returns
        -------
        labels : ndarray of int32, shape (H, W)
        objects, patches : lists of int
            Labels of the objects, and of the patches of background.
        """
        labels, taken = self.labels.copy(), ~self.empty
        objects = [int(number) for number in np.unique(labels) if number]
        patches: list[int] = []
        for number in objects:
            place = _free_place(self.labels == number, taken, rng)
            if place is not None:
                patches.append(max(objects) + 1 + len(patches))
                labels[place] = patches[-1]
                taken |= place
        return labels, objects, patches


def sample_halves(name: str) -> tuple[SampleImage, SampleImage]:
    """Left and right half of a photograph, with the compact objects that lie within.

    Parameters
    ----------
    name : str
        One of `SAMPLES`.
    """
    image, mask = SAMPLES[name]()
    labels = np.asarray(label(mask), np.int32)
    middle = image.shape[1] // 2
    cut = np.unique(labels[:, middle - 1 : middle + 1])
    ragged = [region.label for region in regionprops(labels) if region.solidity < _COMPACT]
    labels[np.isin(labels, [*cut, *ragged])] = 0
    left, right = (
        SampleImage(
            np.ascontiguousarray(image[:, part], np.float32), labels[:, part], ~mask[:, part]
        )
        for part in (slice(None, middle), slice(middle, None))
    )
    return left, right


def _free_place(
    shape: npt.NDArray[np.bool_], taken: npt.NDArray[np.bool_], rng: np.random.Generator
) -> npt.NDArray[np.bool_] | None:
    """The outline of an object, moved to where nothing is; None where it fits nowhere."""
    window = ndi.find_objects(shape.astype(np.uint8))[0]
    outline = shape[window]
    room = np.subtract(shape.shape, outline.shape) + 1
    for _ in range(_TRIES):
        row, col = (int(rng.integers(extent)) for extent in room)
        there = np.s_[row : row + outline.shape[0], col : col + outline.shape[1]]
        if not (taken[there] & outline).any():
            place = np.zeros_like(shape)
            place[there] = outline
            return place
    return None


def _coins() -> tuple[npt.NDArray[np.floating], npt.NDArray[np.bool_]]:
    """Coins, at half size: edges flooded from what is surely dark and surely bright."""
    image = data.coins()
    markers = np.where(image < 30, 1, np.where(image > 150, 2, 0))
    mask = ndi.binary_fill_holes(watershed(sobel(image), markers) == 2)
    small = rescale(image / 255, 0.5, anti_aliasing=True)
    return gray2rgb(small), _tidy(mask[::2, ::2][: small.shape[0], : small.shape[1]], 200)


def _stained_tissue() -> tuple[npt.NDArray[np.floating], npt.NDArray[np.bool_]]:
    """Blue nuclei in brown and white tissue: the haematoxylin channel above Otsu's threshold."""
    image = data.immunohistochemistry()
    blue = gaussian(rgb2hed(image)[..., 0], 1.5)
    return image / 255, _tidy(blue > threshold_otsu(blue), 50)


def _galaxies() -> tuple[npt.NDArray[np.floating], npt.NDArray[np.bool_]]:
    """The larger galaxies and stars of the Hubble deep field."""
    image = data.hubble_deep_field()[:512, :512]
    return image / 255, _tidy(gaussian(rgb2gray(image), 2) > 0.2, 80)


def _tidy(mask: npt.NDArray[np.bool_], fewest_pixels: int) -> npt.NDArray[np.bool_]:
    opened = ndi.binary_opening(mask, iterations=2)
    return np.asarray(remove_small_objects(opened, max_size=fewest_pixels), bool)


SAMPLES: Mapping[str, Callable[[], tuple[npt.NDArray[np.floating], npt.NDArray[np.bool_]]]] = (
    MappingProxyType({"coins": _coins, "stained tissue": _stained_tissue, "galaxies": _galaxies})
)
"""Name → photograph, values in [0, 1], and the mask of its objects."""
