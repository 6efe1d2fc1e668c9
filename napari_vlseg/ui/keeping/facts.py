"""What a project is told about an image layer and its labels, copied on the main thread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels

from napari_vlseg.label_planes import LabelPlanes, limits_of
from napari_vlseg.object_table import ObjectTable
from napari_vlseg.proposals import Proposals
from napari_vlseg.ui.editing.book import LayerBook
from napari_vlseg.ui.editing.spread import Index
from napari_vlseg.ui.geometry import (
    axes_of,
    image_array,
    pixel_size_of,
    plane_index,
    without_channels,
)
from napari_vlseg.ui.layers import is_large
from napari_vlseg.ui.opening import path_of
from napari_vlseg.ui.packing import Packed, unpacked
from napari_vlseg.ui.planes import PlaneRecord

if TYPE_CHECKING:
    from napari_vlseg.ui.controller import Controller


@dataclass(frozen=True, eq=False)
class ImageFacts:
    """An image as a project knows it.

    Attributes
    ----------
    name : str
    data : array-like
        The whole image.
    axes : str
        One letter for each dimension, empty if unknown.
    path : Path or None
        The file it was opened from.
    pixel_size, unit, scale, translate
        As in `napari_vlseg.corrections.store.Project.add_image`.
    """

    name: str
    data: Any
    axes: str
    path: Path | None
    pixel_size: tuple[float, float] | None
    unit: str
    scale: tuple[float, ...]
    translate: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class SentProposals:
    """Proposals on their way into a project, and where they are remembered."""

    record: PlaneRecord
    index: tuple[int, ...]
    proposals: Proposals


@dataclass(frozen=True, eq=False)
class SentLabels:
    """Labels as they are after an edit.

    Attributes
    ----------
    labels : numpy.ndarray or LabelPlanes
        Without channels.
    table : ObjectTable
        A copy.
    number : int
        Of the edit.
    """

    labels: np.ndarray | LabelPlanes
    table: ObjectTable
    number: int


def facts_of(controller: Controller, image: Image) -> ImageFacts:
    """What a project has to know about an image layer."""
    view = controller.images.view(image)
    pixel_size, unit = pixel_size_of(image, view)
    return ImageFacts(
        name=image.name,
        data=image_array(image),
        axes=axes_of(image, view),
        path=path_of(image),
        pixel_size=pixel_size,
        unit=unit,
        scale=tuple(float(v) for v in image.scale),
        translate=tuple(float(v) for v in image.translate),
    )


def proposals_of(controller: Controller, image: Image, labels: Labels) -> Sequence[SentProposals]:
    """Proposals of a labels layer that no project holds yet."""
    view = controller.images.view(image)
    return [
        SentProposals(record, plane_index(image, view, key), record.proposals)
        for key, record in controller.results.records(labels).items()
        if not record.proposals_saved and record.proposals is not None
    ]


def labels_of(controller: Controller, image: Image, labels: Labels, copy: bool) -> SentLabels:
    """Labels as they are now; they need no copy where nobody draws on them any more."""
    controller.results.reconcile(labels)
    editing = controller.editing
    table, number = editing.table(labels).copy(), editing.ledger(labels).last
    if is_large(labels):
        return SentLabels(planes_of(editing.book(labels)), table, number)
    array = without_channels(labels, image, controller.images.view(image))
    return SentLabels(array.copy() if copy else array, table, number)


def planes_of(book: LayerBook) -> LabelPlanes:
    """What a journal says of all planes now: what comes later does not change it."""
    held = book.snapshot()
    nothing = np.zeros(book.shape[-2:], book.dtype)

    def read(index: Index) -> np.ndarray:
        return unpacked(held[index]) if index in held else nothing

    limits = [
        plane.limits if isinstance(plane, Packed) else limits_of(plane) for plane in held.values()
    ]
    low = min((low for low, _ in limits), default=0)
    high = max((high for _, high in limits), default=0)
    return LabelPlanes(book.shape, book.dtype, (min(low, 0), max(high, 0)), read)
