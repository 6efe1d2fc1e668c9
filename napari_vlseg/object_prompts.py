"""What a person says about one object: clicks, a box, a mask that is nearly right.

Places are (row, col) in pixels of the plane with (0, 0) at the centre of the first pixel; a
box that is tight around the rows r … s has its top at r - 0.5 and its bottom at s + 0.5.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from napari_vlseg.errors import PromptError

Box = tuple[float, float, float, float]

_DRAWN_LOGIT = 8.0
_MARGIN_SHARE = 0.125
_LEAST_MARGIN = 4
_LARGEST_SIDE = 512


@dataclass(frozen=True, eq=False)
class MaskLogits:
    """A mask before its threshold: a decoder's answer, and a prompt to go on from.

    Attributes
    ----------
    values : numpy.ndarray, shape (h, w), float32
        Logits at any resolution; the object is where they are positive.
    window : tuple of int
        (top, left, height, width) of the rectangle of the plane that they cover, in image
        pixels. It may reach beyond the plane; outside it there is no object.
    """

    values: npt.NDArray[np.float32] = field(repr=False)
    window: tuple[int, int, int, int]

    @classmethod
    def of_mask(cls, mask: npt.ArrayLike) -> MaskLogits:
        """Logits of a drawn mask: its surroundings, ±8, at most 512 values along a side.

        Parameters
        ----------
        mask : array_like, shape (H, W), bool
            True on the object.

        Raises
        ------
        PromptError
            If it is no plane or marks nothing.
        """
        drawn = np.asarray(mask, bool)
        if drawn.ndim != 2 or not drawn.any():
            raise PromptError(
                f"The mask of shape {drawn.shape} marks no pixel of a plane: draw over the object."
            )
        (top, bottom), (left, right) = (
            _reach(np.flatnonzero(drawn.any(axis)), drawn.shape[1 - axis]) for axis in (1, 0)
        )
        block = -(-max(bottom - top, right - left) // _LARGEST_SIDE)
        shares = _block_means(drawn[top:bottom, left:right], block)
        values = ((2 * shares - 1) * _DRAWN_LOGIT).astype(np.float32)
        rows, cols = values.shape
        return cls(values, (top, left, rows * block, cols * block))


@dataclass(frozen=True, eq=False)
class ObjectPrompt:
    """Everything that is said about one object; any part of it may be absent.

    Attributes
    ----------
    points : numpy.ndarray, shape (k, 2), float32
        (row, col) of clicks.
    labels : numpy.ndarray, shape (k,), int64
        1 where the object is, 0 where it is not.
    box : tuple of float or None
        (top, left, bottom, right) edges.
    mask : MaskLogits or None
        An earlier or drawn mask of the object.
    near : tuple of float or None
        Rectangle (top, left, bottom, right) of about the object's size in which it lies. It
        says nothing of the outline: a model that zooms looks there, once, and the others see
        the object anyway.
    """

    points: npt.NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 2), np.float32))
    labels: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    box: Box | None = None
    mask: MaskLogits | None = None
    near: Box | None = None


def read_prompts(
    points: npt.ArrayLike | None = None,
    point_labels: npt.ArrayLike | None = None,
    boxes: npt.ArrayLike | None = None,
    mask: MaskLogits | None = None,
) -> list[ObjectPrompt]:
    """The prompt of one object, or one prompt per box.

    Parameters
    ----------
    points : array_like, shape (n, 2), optional
    point_labels : array_like, shape (n,), optional
        1 or 0; all 1 if omitted.
    boxes : array_like, shape (n_boxes, 4) or (4,), optional
    mask : MaskLogits, optional

    Raises
    ------
    PromptError
        If there is nothing to go by, arrays have other shapes, or several boxes come
        together with what belongs to one object.
    """
    clicks, labels = _read_points(points, point_labels)
    frames = _read_boxes(boxes)
    if not len(clicks) and not frames and mask is None:
        raise PromptError(
            "There is neither a click nor a box nor a mask: click on an object or draw a box."
        )
    if len(clicks) and len(frames) > 1:
        raise PromptError(
            f"There are clicks together with {len(frames)} boxes: clicks refine one object, so "
            "give one box with them, or boxes alone."
        )
    if mask is not None and len(frames) > 1:
        raise PromptError(
            f"There is one mask to correct and {len(frames)} boxes: give the box of the same "
            "object alone."
        )
    if not frames:
        return [ObjectPrompt(clicks, labels, None, mask)]
    return [ObjectPrompt(clicks, labels, box, mask) for box in frames]


def _read_points(
    points: npt.ArrayLike | None, labels: npt.ArrayLike | None
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    clicks = np.zeros((0, 2)) if points is None else np.asarray(points, float)
    if clicks.size == 0:
        clicks = clicks.reshape(0, 2)
    if clicks.ndim != 2 or clicks.shape[1] != 2:
        raise PromptError(
            f"The clicks have shape {clicks.shape}: give one (row, col) per click, shape (n, 2)."
        )
    signs = np.ones(len(clicks), int) if labels is None else np.asarray(labels)
    if signs.shape != (len(clicks),):
        raise PromptError(
            f"There are {len(clicks)} clicks and labels of shape {signs.shape}: give one label "
            "per click."
        )
    if not np.isin(signs, (0, 1)).all():
        raise PromptError("A click has another label than 0 and 1: 1 includes, 0 excludes.")
    return clicks.astype(np.float32), signs.astype(np.int64)


def _read_boxes(boxes: npt.ArrayLike | None) -> list[Box]:
    frames = np.zeros((0, 4)) if boxes is None else np.atleast_2d(np.asarray(boxes, float))
    if frames.size == 0:
        return []
    if frames.ndim != 2 or frames.shape[1] != 4:
        raise PromptError(
            f"The boxes have shape {frames.shape}: give (top, left, bottom, right) per box, "
            "shape (n, 4)."
        )
    return [(float(t), float(le), float(b), float(r)) for t, le, b, r in frames]


def _reach(places: npt.NDArray[np.intp], extent: int) -> tuple[int, int]:
    """First and one past the last of marked places along an axis, with a margin."""
    first, last = int(places[0]), int(places[-1]) + 1
    margin = max(_LEAST_MARGIN, round(_MARGIN_SHARE * (last - first)))
    return max(0, first - margin), min(extent, last + margin)


def _block_means(mask: npt.NDArray[np.bool_], block: int) -> npt.NDArray[np.float64]:
    """Share of marked pixels in square blocks; what the last ones lack is unmarked."""
    rows, cols = (-(-extent // block) for extent in mask.shape)
    padded = np.zeros((rows * block, cols * block), bool)
    padded[: mask.shape[0], : mask.shape[1]] = mask
    return np.asarray(padded.reshape(rows, block, cols, block).mean(axis=(1, 3)))
