"""Writes a labels layer as OME-TIFF, all or nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from napari_vlseg.errors import ExportError
from napari_vlseg.files import atomic_path
from napari_vlseg.ome import write_labels

_UNIT_OF_PIXELS = "pixel"


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
