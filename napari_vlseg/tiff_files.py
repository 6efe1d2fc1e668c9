"""TIFF files: small ones read at once, large and pyramidal ones where they are looked at."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import tifffile
from PIL import Image, ImageSequence

from napari_vlseg.errors import ImageError
from napari_vlseg.image_axes import Arrangement, arrange, check_axes
from napari_vlseg.lazy_arrays import ArrangedArray, ClosedBetweenReads, FlatFile, ToldErrors
from napari_vlseg.source_image import Placement, SourceImage

READ_AT_ONCE = 2**26
"""Bytes of pixels up to which a TIFF without a pyramid is read when it is opened."""

_MICROMETRE = {"micron", "microns", "um", "µm", "μm", "\\u00B5m"}
_WITHOUT_UNIT = {"pixel", "pixels", "null"}
_SVS_SIZE = re.compile(r"\bMPP\s*=\s*([0-9.]+)")

Size = tuple[float, str]
"""Step along an axis and its unit."""


def read_tiff(path: Path, axes: str | None = None) -> SourceImage:
    """Read the first series of a TIFF file: OME, ImageJ, SVS, and plain ones.

    Parameters
    ----------
    path : Path
    axes : str, optional
        Letters of the axes, in place of what the file says.

    Returns
    -------
    SourceImage
        With a NumPy array up to `READ_AT_ONCE` where there are no coarser levels; with lazy
        arrays otherwise.

    Raises
    ------
    ImageError
        If the letters do not fit the file, or it is compressed in a way that is not known
        here and too large for the ways that are.
    """
    with tifffile.TiffFile(path) as tiff:
        series = tiff.series[0]
        letters = series.axes if axes is None else check_axes(axes, series.shape, path.name)
        arrangement = arrange(series.shape, letters)
        sizes = _ome_sizes(tiff) or _imagej_sizes(tiff) or _svs_sizes(tiff)
        levels = _levels(tiff, path, arrangement)
    return SourceImage(
        levels[0],
        path.stem,
        arrangement.view,
        *_pixel_size(sizes),
        path,
        levels,
        arrangement.axes,
        _placement(arrangement, sizes),
    )


def read_small_tiff(path: Path) -> np.ndarray:
    """All pixels of the first series, whatever its size, arranged as by `read_tiff`."""
    with tifffile.TiffFile(path) as tiff:
        series = tiff.series[0]
        return _pixels(path, series).transpose(arrange(series.shape, series.axes).order)


def _levels(tiff: tifffile.TiffFile, path: Path, arrangement: Arrangement) -> tuple[Any, ...]:
    series = tiff.series[0]
    lazy = len(series.levels) > 1 or series.nbytes > READ_AT_ONCE
    if not lazy or not _is_decodable(series, path):
        return (_pixels(path, series).transpose(arrangement.order),)
    lock = threading.RLock()
    return tuple(
        ArrangedArray(ToldErrors(_lazy(tiff, path, level, lock), path), arrangement.order)
        for level in series.levels
        if len(level.shape) == len(series.shape)
    )


def _lazy(
    tiff: tifffile.TiffFile, path: Path, level: tifffile.TiffPageSeries, lock: threading.RLock
) -> ClosedBetweenReads | FlatFile:
    """One resolution; the file may be closed after this."""
    import zarr  # takes half a second, which small images need not wait for

    if level.dataoffset is not None:
        dtype = np.dtype(tiff.byteorder + level.dtype.char)
        return FlatFile(path, dtype, level.shape, level.dataoffset)
    array = zarr.open_array(store=level.aszarr(level=0), mode="r", zarr_format=2)
    return ClosedBetweenReads(array, tiff.filehandle, lock)


def _is_decodable(series: tifffile.TiffPageSeries, path: Path) -> bool:
    """Whether parts can be read; Pillow, which knows more, reads small images at once.

    Raises
    ------
    ImageError
        If the image is too large for that.
    """
    page = series.keyframe
    if page.compression in tifffile.TIFF.DECOMPRESSORS:
        return True
    if len(series.levels) == 1 and series.nbytes <= READ_AT_ONCE:
        return False
    name = getattr(page.compression, "name", page.compression)
    raise ImageError(
        f"“{path}” is compressed with {name}, which needs one more package: "
        'pip install "napari-vlseg[slides]".'
    )


def _pixels(path: Path, series: tifffile.TiffPageSeries) -> np.ndarray:
    try:
        return series.asarray()
    except ValueError:
        # Compressions that tifffile leaves to an optional package; Pillow knows some.
        with Image.open(path) as image:
            frames = np.stack([np.array(f) for f in ImageSequence.Iterator(image)])
        return frames.reshape(series.shape)


def _placement(arrangement: Arrangement, sizes: dict[str, Size]) -> Placement:
    letters = arrangement.axes[:-1] if arrangement.view.rgb else arrangement.axes
    steps = [sizes.get(letter, (1.0, "")) for letter in letters]
    scale, units = tuple(size for size, _ in steps), tuple(unit for _, unit in steps)
    return Placement(scale, (0.0,) * len(scale), units)


def _pixel_size(sizes: dict[str, Size]) -> tuple[tuple[float, float] | None, str]:
    if "y" not in sizes or "x" not in sizes:
        return None, ""
    return (sizes["y"][0], sizes["x"][0]), sizes["y"][1]


def _ome_sizes(tiff: tifffile.TiffFile) -> dict[str, Size]:
    if not tiff.ome_metadata:
        return {}
    pixels = ElementTree.fromstring(tiff.ome_metadata).find(".//{*}Pixels")
    if pixels is None:
        return {}
    return dict(_ome_steps(pixels.attrib))


def _ome_steps(pixels: dict[str, str]) -> Iterator[tuple[str, Size]]:
    names = {"x": "PhysicalSizeX", "y": "PhysicalSizeY", "z": "PhysicalSizeZ"}
    for letter, name in {**names, "t": "TimeIncrement"}.items():
        if float(pixels.get(name, 0)) > 0:
            unit = pixels.get(f"{name}Unit", "s" if letter == "t" else "µm")
            yield letter, (float(pixels[name]), plain_unit(unit))


def _imagej_sizes(tiff: tifffile.TiffFile) -> dict[str, Size]:
    metadata = tiff.imagej_metadata or {}
    unit = plain_unit(str(metadata.get("unit", "")))
    if not unit:
        return {}
    sizes = {}
    for letter, name in (("y", "YResolution"), ("x", "XResolution")):
        pixels, units = tiff.pages[0].tags[name].value if name in tiff.pages[0].tags else (0, 1)
        if not pixels:
            return {}
        sizes[letter] = (units / pixels, unit)
    if float(metadata.get("spacing", 0)) > 0:
        sizes["z"] = (float(metadata["spacing"]), unit)
    if float(metadata.get("finterval", 0)) > 0:
        sizes["t"] = (float(metadata["finterval"]), "s")
    return sizes


def _svs_sizes(tiff: tifffile.TiffFile) -> dict[str, Size]:
    found = _SVS_SIZE.search(tiff.pages[0].description) if tiff.is_svs else None
    if found is None or float(found[1]) <= 0:
        return {}
    return dict.fromkeys("yx", (float(found[1]), "µm"))


def plain_unit(text: str) -> str:
    """A unit as it is shown; empty where the text means pixels."""
    text = text.strip()
    if text in _MICROMETRE:
        return "µm"
    return "" if text.lower() in _WITHOUT_UNIT else text
