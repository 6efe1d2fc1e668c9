"""An image as its file describes it: pixels, axes, resolutions, and where it lies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_vlseg.planes import ImageView, PlaneAxes, plane_axes

_LEADING_LETTERS = "ztqpuvw"


@dataclass(frozen=True)
class Placement:
    """Where the pixels of an array lie, one value for each axis; RGB is no axis here.

    Attributes
    ----------
    scale : tuple of float
        Step from one position to the next, in the unit of the axis.
    translate : tuple of float
        Where position 0 lies, at the middle of its pixel.
    units : tuple of str
        "µm", "s", …; empty where nothing is known.
    """

    scale: tuple[float, ...] = ()
    translate: tuple[float, ...] = ()
    units: tuple[str, ...] = ()

    def of(self, axes: Sequence[int]) -> Placement:
        """Placement of some of the axes, in their order."""
        return Placement(
            tuple(self.scale[axis] for axis in axes),
            tuple(self.translate[axis] for axis in axes),
            tuple(self.units[axis] for axis in axes),
        )


@dataclass(frozen=True, eq=False)
class SourceImage:
    """An image as it came from a file.

    Attributes
    ----------
    data : array-like
        Rows and columns are the last axes, followed by RGB(A) alone; channels may be anywhere.
        A NumPy array of a small image; else a lazy one, of which indexing with numbers and
        slices reads a part. None where only the facts about the image are kept.
    name : str
        File name without its last suffix.
    view : ImageView
        What the file says about RGB, channels, their colours and their contrast.
    pixel_size : tuple of float, optional
        (row, col) size of a pixel in `unit`.
    unit : str
        "µm", "mm", …; empty where the file does not say.
    path : pathlib.Path, optional
    levels : tuple of array-like
        The image at several resolutions, the full one first: `data` is ``levels[0]``. Rows and
        columns alone get fewer from level to level.
    axes : str
        A small letter for each axis of `data`; ``s`` are red, green, blue and alpha.
    placement : Placement
        Of each axis of `data` but RGB; steps of 1 from 0 where the file says nothing.
    """

    data: Any
    name: str
    view: ImageView
    pixel_size: tuple[float, float] | None = None
    unit: str = ""
    path: Path | None = None
    levels: tuple[Any, ...] = ()
    axes: str = ""
    placement: Placement = Placement()

    def __post_init__(self) -> None:
        if self.data is None:  # what is known of an image whose pixels are not kept
            object.__setattr__(self, "levels", ())
            return
        # An image without pixels is refused by those who look at it, not here.
        roles = None if 0 in self.data.shape else plane_axes(self.data, self.view)
        if not self.levels:
            object.__setattr__(self, "levels", (self.data,))
        if not self.axes and roles is not None:
            object.__setattr__(self, "axes", guess_axes(self.data.shape, self.view))
        if not self.placement.scale and roles is not None:
            object.__setattr__(self, "placement", self._plain_placement(roles))

    def _plain_placement(self, roles: PlaneAxes) -> Placement:
        n_axes = len(self.data.shape) - int(self.view.rgb)
        scale, units = [1.0] * n_axes, [""] * n_axes
        if self.pixel_size is not None:
            for axis, size in zip((roles.rows, roles.cols), self.pixel_size, strict=True):
                scale[axis], units[axis] = float(size), self.unit
        return Placement(tuple(scale), (0.0,) * n_axes, tuple(units))


def label_axes(source: SourceImage, view: ImageView | None = None) -> tuple[str, Placement]:
    """What the axes of labels of a whole image are: the leading axes, then rows and columns.

    Parameters
    ----------
    source : SourceImage
    view : ImageView, optional
        Where it is not that of the file.

    Returns
    -------
    str
        A small letter for each axis.
    Placement
        Of each axis.

    Examples
    --------
    >>> import numpy as np
    >>> image = SourceImage(np.zeros((5, 2, 8, 8)), "a", ImageView(channel_axis=1))
    >>> label_axes(image)[0]
    'zyx'
    """
    roles = plane_axes(source.data, view or source.view)
    axes = (*roles.leading, roles.rows, roles.cols)
    return "".join(source.axes[axis] for axis in axes), source.placement.of(axes)


def guess_axes(shape: Sequence[int], view: ImageView) -> str:
    """Letters for the axes of an array that nobody has named: …, t, z, y, x.

    Examples
    --------
    >>> guess_axes((5, 2, 64, 64), ImageView(channel_axis=1))
    'zcyx'
    """
    n_axes = len(shape) - int(view.rgb)
    channel = None if view.channel_axis is None else view.channel_axis % len(shape)
    rest = [axis for axis in range(n_axes) if axis != channel]
    letters = dict(zip(reversed(rest), f"xy{_LEADING_LETTERS}", strict=False))
    if channel is not None:
        letters[channel] = "c"
    return "".join(letters[axis] for axis in range(n_axes)) + "s" * int(view.rgb)
