"""Writes a labels layer as OME-TIFF or OME-Zarr, all or nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from napari_vlseg.errors import ExportError
from napari_vlseg.events import run
from napari_vlseg.files import atomic_path
from napari_vlseg.images import ImageView, Placement
from napari_vlseg.ome import write_labels
from napari_vlseg.ome_units import short_unit
from napari_vlseg.ome_zarr import is_zarr, ome_metadata, open_node
from napari_vlseg.ome_zarr_labels import save_labels
from napari_vlseg.source_image import guess_axes

_UNIT_OF_PIXELS = "pixel"


def write_labels_zarr(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write labels of any size as OME-Zarr, with their place and coarser levels.

    Parameters
    ----------
    path : str
        Folder to make or replace.
    data : array of integers, or a list of them at several resolutions
    attributes : dict
        Of the layer: scale, translate, units, axis labels.

    Returns
    -------
    list of str
        The folder written.

    Raises
    ------
    ExportError
        If the labels hold nothing, have axes that OME-Zarr does not know, or the folder can't
        be written.
    """
    labels = data[0] if attributes.get("multiscale") else data
    if 0 in labels.shape:
        raise ExportError("The labels layer is empty: segment or paint something first.")
    ndim = len(labels.shape)
    names = [str(name).lower() for name in attributes.get("axis_labels", ())]
    known = len(set(names)) == ndim and all(len(name) == 1 for name in names)
    units = [str(unit) for unit in attributes.get("units") or ["pixel"] * ndim]
    placement = Placement(
        tuple(float(value) for value in attributes.get("scale", [1.0] * ndim)),
        tuple(float(value) for value in attributes.get("translate", [0.0] * ndim)),
        tuple(short_unit(unit) for unit in units),
    )
    axes = "".join(names) if known else guess_axes(labels.shape, ImageView())
    run(save_labels(labels, path, axes=axes, placement=placement, overwrite=_is_labels(path)))
    return [path]


def _is_labels(path: str) -> bool:
    """Whether a folder holds labels, which may be replaced, and nothing else."""
    folder = Path(path)
    return is_zarr(folder) and "image-label" in ome_metadata(open_node(folder))


def write_labels_layer(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write labels with the smallest integer type that holds them, and their pixel size.

    Parameters
    ----------
    path : str
        File to make or replace.
    data : array of integers
    attributes : dict
        Of the layer: name, scale, units.

    Returns
    -------
    list of str
        The file written.

    Raises
    ------
    ExportError
        If the labels hold nothing or the file can't be written.
    """
    labels = np.asarray(data)
    if not labels.size:
        raise ExportError("The labels layer is empty: segment or paint something first.")
    scale = [float(value) for value in attributes.get("scale", ())][-2:]
    unit = str((attributes.get("units") or ("",))[-1])
    with atomic_path(Path(path), error=ExportError) as temporary:
        write_labels(
            temporary,
            labels,
            name=str(attributes.get("name", "")),
            pixel_size=(scale[0], scale[1]) if len(scale) == 2 else None,
            unit="" if unit == _UNIT_OF_PIXELS else unit,
        )
    return [path]
