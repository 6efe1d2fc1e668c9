"""What Segment works on: what is in view, a plane, some planes or all of them. No Qt in here."""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Literal

import numpy as np
from napari.layers import Image
from psygnal import Signal

from napari_vlseg.errors import ImageError, SettingsError
from napari_vlseg.images import leading_axes, plane_shape
from napari_vlseg.ui.blockwise.overview import is_huge
from napari_vlseg.ui.geometry import image_array, plane_axes
from napari_vlseg.ui.preferences import load_preferences, remember

if TYPE_CHECKING:
    from napari_vlseg.ui.controller import Controller

Kind = Literal["view", "plane", "range", "stack"]
Index = tuple[int, ...]

VIEW_SIDE = 1536
"""Pixels along a plane from which on a part of it may be segmented alone."""

WHOLE_PIXELS = 12_000_000
"""Pixels of a plane that is encoded as a whole; larger ones are segmented block by block."""

_RANGE = re.compile(r"(\d+)(?:-(\d+))?")


class Scope:
    """The person's choice, and what it comes to for the image in use.

    Parameters
    ----------
    controller : Controller
    """

    changed = Signal()

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        preferences = load_preferences()
        self._wanted: Kind = preferences.scope
        self.planes = preferences.planes
        """Planes of a range as the person typed them, counted from 1."""
        controller.images.changed.connect(self.changed.emit)

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """Those that make sense for the image in use."""
        image = self._controller.images.layer
        if image is None:
            return ("plane",)
        view = self._controller.images.view(image)
        try:
            sides, n_planes = plane_shape(image_array(image), view), prod(self.leading(image))
        except ImageError:  # the line under the image says what is wrong with it
            return ("plane",)
        in_view: tuple[Kind, ...] = ("view",) if max(sides) > VIEW_SIDE else ()
        of_stack: tuple[Kind, ...] = ("range", "stack") if n_planes > 1 else ()
        return (*in_view, "plane", *of_stack)

    @property
    def kind(self) -> Kind:
        """The one that is chosen; a plane where that makes no sense."""
        return self._wanted if self._wanted in self.kinds else "plane"

    def choose(self, kind: Kind) -> None:
        """Choose one, to be remembered."""
        self._wanted = kind
        remember(scope=kind)
        self.changed.emit()

    def next(self) -> None:
        """Choose the one after."""
        kinds = self.kinds
        self.choose(kinds[(kinds.index(self.kind) + 1) % len(kinds)])

    def set_planes(self, text: str) -> None:
        """Say which planes a range has: “5-20” or “1, 4, 8-10”, counted from 1."""
        self.planes = text.strip()
        remember(planes=self.planes)
        self.changed.emit()

    def leading(self, image: Image) -> tuple[int, ...]:
        """How many planes there are along each leading axis."""
        data, view = image_array(image), self._controller.images.view(image)
        return tuple(int(np.shape(data)[axis]) for axis in leading_axes(data, view))

    def indices(self, image: Image) -> tuple[Index, ...]:
        """Planes to segment. A range is along the last leading axis, where the others are now.

        Raises
        ------
        SettingsError
            If the range can't be read, or has planes that are not there.
        """
        in_view, leading = self._controller.images.index(image), self.leading(image)
        if self.kind == "stack":
            return tuple(np.ndindex(*leading))
        if self.kind == "range":
            return tuple((*in_view[:-1], place) for place in parse_planes(self.planes, leading[-1]))
        return (in_view,)

    def is_one_pass(self, image: Image) -> bool:
        """Whether what is chosen is a plane that is encoded as a whole."""
        view = self._controller.images.view(image)
        n_pixels = prod(plane_shape(image_array(image), view))
        return self.kind == "plane" and n_pixels <= WHOLE_PIXELS and not is_huge(image, view)

    def window(self, image: Image) -> tuple[slice, slice]:
        """Rows and columns of the plane in view that the canvas shows, in pixels of the image."""
        view = self._controller.images.view(image)
        height, width = plane_shape(image_array(image), view)
        rows, cols = plane_axes(image, view)
        corners = np.asarray(image.corner_pixels, float)
        if image.multiscale:
            corners = corners * image.downsample_factors[image.data_level]
        parts = []
        for axis, extent in ((rows, height), (cols, width)):
            low = int(np.clip(np.floor(corners[0, axis]), 0, extent - 1))
            high = int(np.clip(np.ceil(corners[1, axis]) + 1, low + 1, extent))
            parts.append(slice(low, high))
        if prod(part.stop - part.start for part in parts) <= 1:  # nothing is drawn yet
            return slice(0, height), slice(0, width)
        return parts[0], parts[1]


def parse_planes(text: str, count: int) -> tuple[int, ...]:
    """Positions from 0 of planes that are counted from 1.

    Parameters
    ----------
    text : str
        “5-20”, “3” or “1, 4, 8-10”.
    count : int
        How many planes there are.

    Raises
    ------
    SettingsError
        If it is something else, or names a plane that is not there.

    Examples
    --------
    >>> parse_planes("2-4, 1", 10)
    (0, 1, 2, 3)
    """
    found: set[int] = set()
    for part in filter(None, re.split(r"[,;\s]+", re.sub(r"\s*[-–]\s*", "-", text))):
        matched = _RANGE.fullmatch(part)
        if matched is None:
            raise SettingsError(f"“{text}” names no planes: type 5-20, or 1, 4, 8-10.")
        first = int(matched[1])
        last = int(matched[2] or first)
        if not 1 <= first <= last <= count:
            raise SettingsError(f"There are planes 1 to {count}, but “{part}” is not among them.")
        found.update(range(first - 1, last))
    if not found:
        raise SettingsError(f"Type which planes to segment: from 1 to {count}, for example 1-5.")
    return tuple(sorted(found))


def described(kind: Kind, leading: Sequence[int]) -> str:
    """A scope in a few words, for a list."""
    names = {"view": "What is in view", "plane": "This plane", "range": "Planes …"}
    return names.get(kind, f"All {prod(leading)} planes")
