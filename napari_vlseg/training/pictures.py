"""Best and worst cases of a model as one picture, for its card."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from napari_vlseg.errors import ImageError
from napari_vlseg.events import Progress, Work
from napari_vlseg.files import atomic_write_bytes
from napari_vlseg.metrics import iou
from napari_vlseg.models.base import DenseSegmenter
from napari_vlseg.prompts import ClassPrompt
from napari_vlseg.training.dsb2018 import NucleiImage
from napari_vlseg.training.evaluate_nuclei import as_plane
from napari_vlseg.workflow.overlay import CORRECTED, PROPOSED, draw_outlines

TRUTH_COLOUR, FOUND_COLOUR = CORRECTED, PROPOSED
MAX_BYTES = 250_000

_TILE, _GAP, _LINE, _FONT_SIZE = 200, 6, 18, 12
_QUALITIES = (85, 75, 65, 50, 35, 20)


@dataclass(frozen=True, eq=False)
class Case:
    """One prompt on one image, with its answer.

    Attributes
    ----------
    name : str
        Written beneath the picture.
    plane : ndarray of float32, shape (H, W, 3), in [0, 1]
    truth, found : ndarray of bool, shape (H, W)

    Raises
    ------
    ImageError
        If the shapes differ.
    """

    name: str
    plane: npt.NDArray[np.float32]
    truth: npt.NDArray[np.bool_]
    found: npt.NDArray[np.bool_]

    def __post_init__(self) -> None:
        if not self.plane.shape[:2] == self.truth.shape == self.found.shape:
            raise ImageError(
                f"The case {self.name} has an image of shape {self.plane.shape[:2]} and masks of "
                f"{self.truth.shape} and {self.found.shape}: give masks of that image."
            )

    @cached_property
    def iou(self) -> float:
        """Intersection over union of truth and found."""
        return iou(self.truth, self.found)


def worst_cases(
    model: DenseSegmenter, images: Sequence[NucleiImage], k: int = 6, phrase: str = "nuclei"
) -> Work[npt.NDArray[np.uint8]]:
    """Ask a model for a phrase on every image and show where it is worst, and where best.

    Parameters
    ----------
    model : DenseSegmenter
        Asked at its default threshold.
    images : sequence of NucleiImage
        The phrase means all of their objects.
    k : int
        So many of either sort.
    phrase : str

    Yields
    ------
    Progress

    Returns
    -------
    ndarray of uint8, shape (H, W, 3)
        See `contact_sheet`.

    Raises
    ------
    ImageError
        If there are no images.
    """
    condition, _ = model.condition(ClassPrompt(phrase, phrases=(phrase,)))
    cases = []
    for number, image in enumerate(images, 1):
        plane = as_plane(image.image)
        (probability,) = model.predict(model.encode(plane), [condition])
        found = probability >= model.default_threshold
        name = image.kind.replace("_", " ")
        cases.append(Case(name, plane, image.labels > 0, found))
        yield Progress("looking for the worst cases", number, len(images))
    return contact_sheet(cases, k)


def contact_sheet(cases: Sequence[Case], k: int = 6) -> npt.NDArray[np.uint8]:
    """Draw the worst and the best of some cases side by side, with both outlines and the IoU.

    Parameters
    ----------
    cases : sequence of Case
    k : int
        So many of either sort; half of the cases where there are fewer than 2 k.

    Returns
    -------
    ndarray of uint8, shape (H, W, 3)
        A row of the worst cases, the worst first, above a row of the best, the best last. The
        truth is outlined in `TRUTH_COLOUR`, what was found in `FOUND_COLOUR`.

    Raises
    ------
    ImageError
        If there are no cases, or `k` is less than 1.
    """
    if not cases or k < 1:
        raise ImageError(
            f"{len(cases)} cases can't be shown {k} at a time: give a case or more, and k ≥ 1."
        )
    ranked = sorted(cases, key=lambda case: case.iou)
    k = min(k, (len(ranked) + 1) // 2)
    rows = {"worst": ranked[:k], "best": ranked[k:][-k:]}
    shown = {title: row for title, row in rows.items() if row}
    height = _TILE + 2 * _LINE + _GAP
    sheet = Image.new("RGB", (k * (_TILE + _GAP) - _GAP, len(shown) * height - _GAP), "white")
    for number, (title, row) in enumerate(shown.items()):
        _write(sheet, (0, number * height), f"{title}: truth in orange, found in green")
        for column, case in enumerate(row):
            corner = (column * (_TILE + _GAP), number * height + _LINE)
            sheet.paste(Image.fromarray(_tile(case)), corner)
            _write(sheet, (corner[0], corner[1] + _TILE), f"IoU {case.iou:.2f}, {case.name}")
    return np.asarray(sheet)


def save_sheet(sheet: npt.NDArray[np.uint8], path: Path, max_bytes: int = MAX_BYTES) -> None:
    """Write a contact sheet as WebP, in the best quality that is small enough.

    Parameters
    ----------
    sheet : ndarray of uint8, shape (H, W, 3)
    path : Path
        Replaced all at once; its name should end in ``.webp``.
    max_bytes : int

    Raises
    ------
    ImageError
        If even the lowest quality is too large, or the file can't be written.
    """
    for quality in _QUALITIES:
        file = BytesIO()
        Image.fromarray(sheet).save(file, "WEBP", quality=quality, method=6)
        if file.tell() <= max_bytes:
            atomic_write_bytes(path, file.getvalue(), error=ImageError)
            return
    raise ImageError(
        f"The sheet of shape {sheet.shape[:2]} takes more than {max_bytes} bytes: show fewer cases."
    )


def _tile(case: Case) -> npt.NDArray[np.uint8]:
    """The whole image within a square, with both outlines one pixel wide."""
    height, width = case.truth.shape
    scale = _TILE / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    image = Image.fromarray(np.round(case.plane * 255).astype(np.uint8))
    way = Image.Resampling.BOX if scale < 1 else Image.Resampling.BICUBIC
    drawn = np.asarray(image.resize(size, way))
    for mask, colour in ((case.truth, TRUTH_COLOUR), (case.found, FOUND_COLOUR)):
        resized = np.asarray(Image.fromarray(mask).resize(size, Image.Resampling.NEAREST))
        drawn = draw_outlines(drawn / np.float32(255), resized, default=colour)
    return drawn


def _write(sheet: Image.Image, corner: tuple[int, int], text: str) -> None:
    font = ImageFont.load_default(_FONT_SIZE)
    ImageDraw.Draw(sheet).text((corner[0] + 2, corner[1] + 1), text, fill="black", font=font)
