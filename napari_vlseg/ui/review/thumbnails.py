"""Small pictures of objects: drawn from copies beside the window, and kept while they are new."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image as Picture
from scipy import ndimage as ndi

from napari_vlseg.errors import ImageError
from napari_vlseg.events import Progress, Work
from napari_vlseg.images import ImageView, extract_plane, leading_axes

SIDE = 88
"""Pixels of a thumbnail, which a screen of twice the density shows at half the size."""
_RIM = 3  # pixels of the thumbnail
_KEPT = 600
_GROUND = 38  # grey beside an image that is narrower than a thumbnail


@dataclass(frozen=True, eq=False)
class Shot:
    """What a thumbnail is made of.

    Attributes
    ----------
    uid : str
    data : array-like
        A region of one plane; leading axes have length 1.
    view : ImageView
    mask : numpy.ndarray of bool, shape (H, W)
        The object.
    color : tuple of float
        Red, green, blue in [0, 1] of its outline.
    """

    uid: str
    data: Any
    view: ImageView
    mask: np.ndarray
    color: tuple[float, ...]


def develop(shots: Sequence[Shot]) -> Work[dict[str, np.ndarray | None]]:
    """Draw thumbnails; one that can't be drawn is None."""
    made: dict[str, np.ndarray | None] = {}
    for done, shot in enumerate(shots):
        try:
            made[shot.uid] = draw(shot)
        except (ImageError, OSError):  # nothing finite there, or a file that went: no picture
            made[shot.uid] = None
        yield Progress("drawing thumbnails", done + 1, len(shots))
    return made


def draw(shot: Shot, side: int = SIDE) -> np.ndarray:
    """A thumbnail: the region with the object outlined.

    Returns
    -------
    numpy.ndarray, shape (side, side, 3), uint8

    Raises
    ------
    ImageError
        If the region can't be shown.
    """
    index = (0,) * len(leading_axes(shot.data, shot.view))
    plane = extract_plane(shot.data, index, shot.view)
    height, width = plane.shape[:2]
    scale = side / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    pixels = np.round(plane * 255).astype(np.uint8)
    shown = np.array(Picture.fromarray(pixels).resize(size, Picture.Resampling.BILINEAR))
    grey = Picture.fromarray(shot.mask.astype(np.uint8) * 255)
    mask = np.asarray(grey.resize(size, Picture.Resampling.BILINEAR)) > 127
    inside = ndi.binary_erosion(np.pad(mask, 1), iterations=_RIM)[1:-1, 1:-1]
    color = np.array(shot.color)
    bright = color / max(float(color.max()), 1 / 255)  # a dark line is lost on a dark image
    shown[mask & ~inside] = np.round(bright * 255).astype(np.uint8)
    framed = np.full((side, side, 3), _GROUND, np.uint8)
    top, left = (side - size[1]) // 2, (side - size[0]) // 2
    framed[top : top + size[1], left : left + size[0]] = shown
    return framed


class Album:
    """The thumbnails that were looked at last.

    Parameters
    ----------
    kept : int
        How many.
    """

    def __init__(self, kept: int = _KEPT) -> None:
        self._kept = kept
        self._pictures: OrderedDict[str, np.ndarray | None] = OrderedDict()
        self._outdated: set[str] = set()
        self._being_drawn: set[str] = set()
        self._late: set[str] = set()

    def __len__(self) -> int:
        return len(self._pictures)

    def __contains__(self, uid: str) -> bool:
        return uid in self._pictures

    def get(self, uid: str) -> np.ndarray | None:
        """A thumbnail, (side, side, 3) uint8; None where there is none yet, or none at all."""
        if uid in self._pictures:
            self._pictures.move_to_end(uid)
        return self._pictures.get(uid)

    def needs(self, uid: str) -> bool:
        """Whether a thumbnail has to be drawn, or drawn anew."""
        return uid not in self._pictures or uid in self._outdated

    def outdate(self, uids: Iterable[str]) -> None:
        """Have thumbnails drawn anew when they are next seen; until then the old ones are shown."""
        for uid in uids:
            if uid in self._pictures:
                self._outdated.add(uid)
            if uid in self._being_drawn:
                self._late.add(uid)

    def outdate_all(self) -> None:
        """Have all thumbnails drawn anew."""
        self.outdate([*self._pictures, *self._being_drawn])

    def begin(self, uids: Iterable[str]) -> None:
        """Note which thumbnails are being drawn: what changes from now on is not on them."""
        self._being_drawn = set(uids)
        self._late.clear()

    def put(self, pictures: dict[str, np.ndarray | None]) -> None:
        """Keep thumbnails, and drop those that were not seen for longest."""
        for uid, picture in pictures.items():
            self._pictures[uid] = picture
            self._pictures.move_to_end(uid)
        self._outdated = (self._outdated - pictures.keys()) | (self._late & pictures.keys())
        self._being_drawn.clear()
        while len(self._pictures) > self._kept:
            uid, _ = self._pictures.popitem(last=False)
            self._outdated.discard(uid)

    def clear(self) -> None:
        """Forget all, what is being drawn too."""
        self._pictures.clear()
        self._outdated.clear()
        self._being_drawn.clear()
