"""Visual prompts: an image region turned into the picture that CLIPSeg is shown.

CLIPSeg embeds a reference region with the same vision tower as a phrase's image.
Which part of the picture the embedding describes is decided by the picture
itself: the region is cropped, its surroundings are dimmed and blurred.
The recipe is the one of Lüddecke & Ecker, "Image Segmentation Using Text and
Image Prompts", CVPR 2022 (arXiv 2112.10003), section 4 and table 2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage as ndi
from skimage.transform import resize

from napari_vlseg.errors import PromptError

FloatImage = npt.NDArray[np.float32]
BoolMask = npt.NDArray[np.bool_]

_KERNEL_RADIUS_IN_SIGMAS = 4.0


@dataclass(frozen=True)
class VisualPromptSettings:
    """How the surroundings of a reference region are treated.

    Parameters
    ----------
    context : float
        Margin kept around the bounding box of the region, as a fraction of the
        longer side of that box.
    background : float
        Factor in [0, 1] on the intensity of the pixels outside the region.
    blur_sigma : float
        Standard deviation, in image pixels, of the Gaussian that blurs the
        pixels outside the region; 0 leaves them sharp.

    Raises
    ------
    PromptError
        If a value lies outside its range.
    """

    context: float = 0.1
    background: float = 0.1
    blur_sigma: float = 3.0

    def __post_init__(self) -> None:
        if not 0 <= self.background <= 1:
            raise PromptError(
                f"The background factor of a visual prompt is {self.background}; "
                "choose a value between 0 and 1."
            )
        for name, value in (("context", self.context), ("blur sigma", self.blur_sigma)):
            if not (np.isfinite(value) and value >= 0):
                raise PromptError(
                    f"The {name} of a visual prompt is {value}; choose 0 or a positive number."
                )


def engineer_visual_prompt(
    image: FloatImage,
    mask: BoolMask,
    size: int,
    settings: VisualPromptSettings | None = None,
) -> FloatImage:
    """Crop to a region, dim and blur what is not the region, pad and resize.

    Parameters
    ----------
    image : ndarray of float32, shape (H, W, 3)
        Plane with intensities in [0, 1].
    mask : ndarray of bool, shape (H, W)
        The region to describe, one object or several.
    size : int
        Side of the square result, in pixels.
    settings : VisualPromptSettings, optional
        Context, background and blur; the published values when omitted.

    Returns
    -------
    ndarray of float32, shape (size, size, 3)
        Intensities in [0, 1]; padding is 0.

    Raises
    ------
    PromptError
        If the shapes disagree, the mask is empty or the size is not positive.

    Notes
    -----
    Crop, background intensity and background blur follow Lüddecke & Ecker,
    CVPR 2022 (arXiv 2112.10003).
    """
    settings = VisualPromptSettings() if settings is None else settings
    mask = np.asarray(mask, bool)
    _check(image, mask, size)
    rows, cols = _context_box(mask, settings.context)
    crop = _dim_surroundings(image, mask, rows, cols, settings)
    return _resize(_pad_to_square(crop), size)


def _check(image: FloatImage, mask: BoolMask, size: int) -> None:
    if image.ndim != 3 or image.shape[2] != 3:
        raise PromptError(
            f"A reference image has shape {image.shape}; give a plane of shape (H, W, 3)."
        )
    if mask.shape != image.shape[:2]:
        raise PromptError(
            f"A reference mask has shape {mask.shape} and its image {image.shape[:2]}; "
            "give a mask of the image's height and width."
        )
    if not mask.any():
        raise PromptError(
            "A reference mask is empty; mark at least one pixel of the object it should show."
        )
    if size < 1:
        raise PromptError(f"A visual prompt of {size} pixels was asked for; give at least 1.")


def _context_box(mask: BoolMask, context: float) -> tuple[slice, slice]:
    """Bounding box of the mask plus context, clipped to the image."""
    box = ndi.find_objects(mask.astype(np.uint8))[0]
    margin = round(context * max(s.stop - s.start for s in box))
    rows, cols = (
        slice(max(s.start - margin, 0), min(s.stop + margin, extent))
        for s, extent in zip(box, mask.shape, strict=True)
    )
    return rows, cols


def _dim_surroundings(
    image: FloatImage,
    mask: BoolMask,
    rows: slice,
    cols: slice,
    settings: VisualPromptSettings,
) -> FloatImage:
    """The crop, with the pixels outside the mask blurred and darkened."""
    halo = int(np.ceil(_KERNEL_RADIUS_IN_SIGMAS * settings.blur_sigma))
    top, left = max(rows.start - halo, 0), max(cols.start - halo, 0)
    surroundings = np.asarray(image[top : rows.stop + halo, left : cols.stop + halo], np.float32)
    if settings.blur_sigma > 0:
        sigma = (settings.blur_sigma, settings.blur_sigma, 0)
        surroundings = ndi.gaussian_filter(
            surroundings, sigma, mode="nearest", truncate=_KERNEL_RADIUS_IN_SIGMAS
        )
    surroundings = surroundings[rows.start - top :, cols.start - left :]
    height, width = rows.stop - rows.start, cols.stop - cols.start
    inside = mask[rows, cols, np.newaxis]
    dimmed = settings.background * surroundings[:height, :width]
    return np.where(inside, image[rows, cols], dimmed).astype(np.float32)


def _pad_to_square(crop: FloatImage) -> FloatImage:
    """Zeros on the shorter axis, the crop in the middle."""
    side = max(crop.shape[:2])
    before = [(side - extent) // 2 for extent in crop.shape[:2]]
    after = [side - extent - first for extent, first in zip(crop.shape[:2], before, strict=True)]
    return np.pad(crop, [(before[0], after[0]), (before[1], after[1]), (0, 0)])


def _resize(square: FloatImage, size: int) -> FloatImage:
    """Linear interpolation, smoothed first where pixels would be lost."""
    if square.shape[0] == size:
        return square
    shrinks = size < square.shape[0]
    resized = resize(square, (size, size), order=1, mode="edge", anti_aliasing=shrinks)
    return np.clip(resized, 0, 1).astype(np.float32)
