"""What the axes of an array in a file are, by letters, and how they are brought in order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from napari_vlseg.errors import ImageError
from napari_vlseg.planes import ImageView

_UNKNOWN = "iq?"
"""Letters of tifffile for “a sequence” and “anything”."""

_SPARE = "ztpuvw"


@dataclass(frozen=True)
class Arrangement:
    """How the axes of an array become “others, rows, columns, RGB”.

    Attributes
    ----------
    order : tuple of int
        For each axis of the arranged array, its number in the file.
    axes : str
        A small letter for each axis of the arranged array.
    view : ImageView
        Which axis is RGB or channels.
    """

    order: tuple[int, ...]
    axes: str
    view: ImageView


def arrange(shape: Sequence[int], axes: str, rgb: bool = True) -> Arrangement:
    """Rows and columns last, RGB after them.

    Parameters
    ----------
    shape : sequence of int
    axes : str
        One letter for each axis, large or small: Y and X are rows and columns, C channels, S
        samples of a pixel, T time, Z depth; I and Q are not known, any other letter is just
        another axis.
    rgb : bool
        Whether 3 or 4 samples are red, green, blue and alpha; they are channels otherwise.

    Examples
    --------
    >>> arrange((640, 480, 2), "XYC").axes
    'cyx'
    >>> arrange((3, 64, 64), "SYX").view.rgb
    True
    """
    axes = _named(axes.lower())
    is_rgb = rgb and "s" in axes and shape[axes.index("s")] in (3, 4)
    order = list(range(len(axes)))
    if "y" in axes and "x" in axes:
        last = "yxs" if is_rgb else "yx"
        order = [axis for axis in order if axes[axis] not in last]
        order += [axes.index(letter) for letter in last]
    arranged = "".join(axes[axis] for axis in order)
    if is_rgb:
        return Arrangement(tuple(order), arranged, ImageView(rgb=True))
    channel = next((arranged.index(letter) for letter in "cs" if letter in arranged), None)
    return Arrangement(tuple(order), arranged, ImageView(channel_axis=channel))


def check_axes(axes: str, shape: Sequence[int], name: str) -> str:
    """Letters that a person gave for the axes of a file, as they fit its shape.

    Parameters
    ----------
    axes : str
        For example ``ZCYX``; small letters, spaces and commas are fine.
    shape : sequence of int
        Shape of the array in the file, in the order of the file.
    name : str
        What is said of the file.

    Returns
    -------
    str
        The letters alone.

    Raises
    ------
    ImageError
        If there is not one letter for each axis, one comes twice, or rows or columns are
        missing.
    """
    letters = axes.replace(" ", "").replace(",", "").upper()
    sizes = " × ".join(str(size) for size in shape)
    if not letters.isalpha() or not letters.isascii():
        raise ImageError(f"The axes “{axes}” are no letters: write for example ZCYX.")
    if len(letters) != len(shape):
        raise ImageError(
            f"“{name}” has {len(shape)} axes of {sizes} but “{letters}” names {len(letters)}: "
            "give one letter for each, for example ZCYX."
        )
    twice = next((letter for letter in letters if letters.count(letter) > 1), None)
    if twice is not None:
        raise ImageError(
            f"The axes “{letters}” name {twice} twice: give every axis its own letter."
        )
    if "Y" not in letters or "X" not in letters:
        raise ImageError(
            f"The axes “{letters}” have no Y or no X: say which axis of {sizes} holds the rows "
            "(Y) and which the columns (X)."
        )
    return letters


def _named(axes: str) -> str:
    """Letters with a guess for those that say nothing: z next to the plane, then t."""
    spare = iter([letter for letter in _SPARE if letter not in axes])
    named = []
    for letter in reversed(axes):
        named.append(next(spare, letter) if letter in _UNKNOWN else letter)
    return "".join(reversed(named))
