"""One axis of a stack: its planes as models see them, one at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_vlseg.errors import ImageError
from napari_vlseg.planes import ImageView, as_array, extract_plane, leading_axes, plane_shape
from napari_vlseg.stack_contrast import fixed_contrast


class StackPlanes:
    """Planes along one axis of an array; call it with a number for that plane.

    The contrast is that of the whole array, so that an object looks the same on all planes.

    Parameters
    ----------
    data : array-like
        See `napari_vlseg.images.extract_plane`; of a lazy one a plane is read at a time.
    view : ImageView
    axis : int, optional
        Which of the leading axes, counted from 0; may be left out where there is only one.
    index : sequence of int
        Position on each of the other leading axes.
    levels : sequence of array-like
        See `fixed_contrast`.

    Attributes
    ----------
    shape : tuple of int
        (H, W) of the planes.

    Raises
    ------
    ImageError
        If the array is no stack, or axis and index don't fit it.
    """

    def __init__(
        self,
        data: Any,
        view: ImageView,
        *,
        axis: int | None = None,
        index: Sequence[int] = (),
        levels: Sequence[Any] = (),
    ) -> None:
        data = as_array(data)
        leading = leading_axes(data, view)
        self._axis = _chosen_axis(axis, [int(data.shape[a]) for a in leading])
        if len(index) != len(leading) - 1:
            raise ImageError(
                f"The stack has {len(leading) - 1} axes beside the one to follow but {len(index)} "
                "positions are given: give one for each."
            )
        self._data, self._index = data, tuple(int(position) for position in index)
        self._view = fixed_contrast(data, view, levels)
        self._count = int(data.shape[leading[self._axis]])
        self.shape = plane_shape(data, view)

    def __len__(self) -> int:
        return self._count

    def __call__(self, number: int) -> npt.NDArray[np.float32]:
        """The plane, float32 (H, W, 3) in [0, 1]."""
        return extract_plane(self._data, self.position(number), self._view)

    def position(self, number: int) -> tuple[int, ...]:
        """Where a plane lies on all leading axes."""
        return (*self._index[: self._axis], number, *self._index[self._axis :])


def _chosen_axis(axis: int | None, lengths: Sequence[int]) -> int:
    if not lengths:
        raise ImageError("The image is a single plane: give a stack or a time series.")
    if axis is None and len(lengths) > 1:
        sizes = " × ".join(map(str, lengths))
        raise ImageError(
            f"The image has {len(lengths)} axes of planes ({sizes}): say which one to follow, "
            f"from 0 to {len(lengths) - 1}."
        )
    chosen = axis or 0
    if not 0 <= chosen < len(lengths):
        raise ImageError(
            f"There is no axis {chosen} of planes: choose one from 0 to {len(lengths) - 1}."
        )
    return chosen
