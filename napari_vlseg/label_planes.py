"""Labels of a stack that are never in memory as a whole: read plane by plane."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import prod

import numpy as np


@dataclass(frozen=True, eq=False)
class LabelPlanes:
    """Labels as they were at one instant.

    Attributes
    ----------
    shape : tuple of int
        Rows and columns last.
    dtype : numpy.dtype
        Integer or bool.
    limits : tuple of int
        Lowest and highest label.
    read : callable
        Gives a plane, shape (H, W), by its position on the leading axes; always the same.

    Examples
    --------
    >>> stack = np.arange(12).reshape(3, 2, 2)
    >>> planes = LabelPlanes(stack.shape, stack.dtype, (0, 11), lambda index: stack[index])
    >>> np.array_equal(np.stack(list(planes.planes())), stack)
    True
    """

    shape: tuple[int, ...]
    dtype: np.dtype
    limits: tuple[int, int]
    read: Callable[[tuple[int, ...]], np.ndarray]

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of pixels."""
        return prod(self.shape)

    def planes(self) -> Iterator[np.ndarray]:
        """All planes in row-major order, one at a time."""
        return map(self.read, np.ndindex(*self.shape[:-2]))


def limits_of(labels: np.ndarray | LabelPlanes) -> tuple[int, int]:
    """Lowest and highest label of an array that is not empty."""
    if isinstance(labels, LabelPlanes):
        return labels.limits
    return int(labels.min()), int(labels.max())
