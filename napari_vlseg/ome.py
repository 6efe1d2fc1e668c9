"""Label images and planes as OME-TIFF: lossless, compressed, with their physical pixel size."""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from napari_vlseg.label_planes import LabelPlanes, limits_of
from napari_vlseg.source_image import Placement

_AXES = {2: "YX", 3: "ZYX", 4: "TZYX", 5: "TZCYX"}
_MOST_OF_TIFF = 3 << 30
"""Bytes of pixels beyond which a file gets offsets of 64 bits."""
_STEPS = {
    "X": "PhysicalSizeX",
    "Y": "PhysicalSizeY",
    "Z": "PhysicalSizeZ",
    "T": "TimeIncrement",
}
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_UNITS = {
    **dict.fromkeys(("µm", "μm", "um", "micron", "microns", "micrometer", "micrometre"), "µm"),
    **dict.fromkeys(("nm", "nanometer", "nanometre"), "nm"),
    **dict.fromkeys(("mm", "millimeter", "millimetre"), "mm"),
    **dict.fromkeys(("cm", "centimeter", "centimetre"), "cm"),
    **dict.fromkeys(("m", "meter", "metre"), "m"),
    **dict.fromkeys(("å", "angstrom", "ångström"), "Å"),
}


def label_dtype(labels: np.ndarray | LabelPlanes) -> np.dtype:
    """The smallest integer type of OME-TIFF that holds every label.

    Parameters
    ----------
    labels : numpy.ndarray or LabelPlanes, integer or bool, not empty

    Returns
    -------
    numpy.dtype
        uint8, uint16 or uint32; int8, int16 or int32 where a label is negative.

    Raises
    ------
    ValueError
        If the labels are no integers, or too large for 32 bits.

    Examples
    --------
    >>> label_dtype(np.array([[0, 300]]))
    dtype('uint16')
    """
    if labels.dtype.kind not in "iub":
        raise ValueError(f"labels are of type {labels.dtype}, not integers")
    low, high = limits_of(labels)
    for name in ("int8", "int16", "int32") if low < 0 else ("uint8", "uint16", "uint32"):
        limits = np.iinfo(name)
        if limits.min <= low and high <= limits.max:
            return np.dtype(name)
    raise ValueError(f"labels reach from {low} to {high}, which 32 bits don't hold")


def known_unit(unit: str) -> str | None:
    """The symbol of a unit of length that OME knows, or None.

    Examples
    --------
    >>> known_unit("Micron")
    'µm'
    """
    return _UNITS.get(unit.strip().lower())


def write_labels(
    path: Path,
    labels: np.ndarray | LabelPlanes,
    *,
    name: str = "",
    pixel_size: tuple[float, float] | None = None,
    unit: str = "",
    axes: str | None = None,
    placement: Placement | None = None,
) -> None:
    """Write a label image as a compressed OME-TIFF of the smallest integer type.

    Parameters
    ----------
    path : Path
    labels : numpy.ndarray or LabelPlanes, shape (..., H, W), integer or bool
        Two or more dimensions. Five or fewer are written as (t, z, c, row, col), as many
        as there are; of more, the leading ones are laid out along t.
    name : str
        Name of the image in the metadata.
    pixel_size : tuple of float, optional
        (row, col) in `unit`.
    unit : str
        Unit of length; the pixel size is left out where OME does not know it.
    axes : str, optional
        Letters of the axes, of t, z, c, y, x, where they are known; rows and columns last.
    placement : Placement, optional
        See `write_ome`.

    Raises
    ------
    ValueError
        See `label_dtype`.
    """
    dtype, shape = label_dtype(labels), labels.shape
    if labels.ndim > 5:
        shape = prod(shape[:-4]), *shape[-4:]
    letters = _AXES[len(shape)] if axes is None else axes.upper()
    if not set(letters) <= set("TZCYX") or len(letters) != len(shape):
        letters, placement = _AXES[len(shape)], None
    steps = _steps(letters, pixel_size, unit, placement)
    if isinstance(labels, LabelPlanes):
        values: Any = (plane.astype(dtype) for plane in labels.planes())
    else:
        values = labels.astype(dtype).reshape(shape)
    tifffile.imwrite(
        path,
        values,
        shape=shape,
        dtype=dtype,
        bigtiff=prod(shape) * dtype.itemsize > _MOST_OF_TIFF,
        **_how(letters, name=name, steps=steps),
    )


def write_ome(
    path: Path,
    pixels: np.ndarray,
    axes: str,
    *,
    name: str = "",
    pixel_size: tuple[float, float] | None = None,
    unit: str = "",
    software: str | None = None,
    channels: Sequence[str] = (),
    placement: Placement | None = None,
) -> None:
    """Write an array as a compressed OME-TIFF.

    Parameters
    ----------
    path : Path
    pixels : numpy.ndarray
        Of a type that OME knows: 8 to 32 bit integers, float32, float64.
    axes : str
        One letter of ``TZCYXS`` for each dimension; S are the samples of RGB(A).
    name, pixel_size, unit
        See `write_labels`.
    software : str, optional
        The TIFF tag “Software”.
    channels : sequence of str, optional
        Names along the axis C.
    placement : Placement, optional
        Of each axis but S, in place of `pixel_size`: steps in z and t are kept too. OME-TIFF has
        no place for where an image begins.
    """
    steps = _steps(axes, pixel_size, unit, placement)
    how = _how(axes, name=name, steps=steps, channels=channels)
    tifffile.imwrite(path, pixels, **how, software=software)


def _how(
    axes: str, *, name: str, steps: dict[str, float | str], channels: Sequence[str] = ()
) -> dict[str, Any]:
    """What tifffile is told of every file."""
    names = {"Channel": {"Name": [_xml_text(channel) for channel in channels]}} if channels else {}
    return {
        "ome": True,
        "compression": "zlib",
        "photometric": "rgb" if axes.endswith("S") else "minisblack",
        "metadata": {
            "axes": axes,
            "Name": _xml_text(name),
            **names,
            **steps,
        },
    }


def _xml_text(text: str) -> str:
    """Text without what XML 1.0 can't hold: one such character makes the metadata unreadable."""
    return _NOT_XML.sub("\ufffd", text)


def _steps(
    axes: str, pixel_size: tuple[float, float] | None, unit: str, placement: Placement | None
) -> dict[str, float | str]:
    if placement is not None:
        return _physical_steps(axes, placement)
    return _physical_size(pixel_size, unit)


def _physical_size(pixel_size: tuple[float, float] | None, unit: str) -> dict[str, float | str]:
    known = known_unit(unit)
    if pixel_size is None or known is None:
        return {}
    rows, cols = pixel_size
    return {
        "PhysicalSizeX": float(cols),
        "PhysicalSizeXUnit": known,
        "PhysicalSizeY": float(rows),
        "PhysicalSizeYUnit": known,
    }


def _physical_steps(axes: str, placement: Placement) -> dict[str, float | str]:
    found: dict[str, float | str] = {}
    for letter, step, unit in zip(axes.upper(), placement.scale, placement.units, strict=False):
        known = unit if letter == "T" else _UNITS.get(unit.strip().lower())
        name = _STEPS.get(letter)
        if name is not None and known:
            found |= {name: float(step), f"{name}Unit": known}
    return found
