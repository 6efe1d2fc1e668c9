"""Image files: pixels, what the axes mean, and how large a pixel is."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from xml.etree import ElementTree

import numpy as np
import tifffile
from PIL import Image, ImageSequence, UnidentifiedImageError

from napari_vlseg.errors import ImageError
from napari_vlseg.planes import ImageView

T = TypeVar("T")

_TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_MICROMETRE = {"micron", "microns", "um", "µm", "μm", "\\u00B5m"}
_WITHOUT_UNIT = {"pixel", "pixels", "null"}


@dataclass(frozen=True, eq=False)
class SourceImage:
    """An image as it came from a file.

    Attributes
    ----------
    data : numpy.ndarray
        Rows and columns are the last axes, followed by RGB(A) alone.
    name : str
        File name without its last suffix.
    view : ImageView
        What the file says about RGB and channels.
    pixel_size : tuple of float, optional
        (row, col) size of a pixel in `unit`.
    unit : str
        "µm", "mm", …; empty where the file does not say.
    path : pathlib.Path, optional
    """

    data: Any
    name: str
    view: ImageView
    pixel_size: tuple[float, float] | None = None
    unit: str = ""
    path: Path | None = None


def read_image(path: Path | str) -> SourceImage:
    """Read an image file: TIFF (OME and ImageJ too), PNG, JPEG, BMP and what Pillow reads.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    SourceImage
        Of a TIFF the first series.

    Raises
    ------
    ImageError
        If there is no such file, or it is not an image, or damaged.
    """
    path = Path(path)
    if _is_tiff(path):
        image = _decode(path, _read_tiff)
    else:
        data = _decode(path, lambda file: _pillow_pixels(file, palette_to_rgb=True))
        image = SourceImage(data, path.stem, ImageView(rgb=data.ndim == 3), path=path)
    if image.data.size == 0:
        raise ImageError(f"“{path}” has no pixels: choose another image.")
    return image


def read_mask(path: Path | str) -> np.ndarray:
    """Read a label image: 0 is background, every other value an object.

    Parameters
    ----------
    path : path-like
        TIFF, PNG, … with one plane of whole numbers. Of a palette image the indices are
        taken; an RGB image must be gray.

    Returns
    -------
    numpy.ndarray, shape (H, W), int32

    Raises
    ------
    ImageError
        If the file can't be read or does not hold such a plane.
    """
    path = Path(path)
    if _is_tiff(path):
        data = _decode(path, _read_tiff).data
    else:
        data = _decode(path, lambda file: _pillow_pixels(file, palette_to_rgb=False))
    labels = _gray(data).squeeze() if data.ndim > 2 else data
    if labels.ndim != 2 or labels.size == 0:
        raise ImageError(
            f"“{path}” has shape {data.shape}, which is not a mask: give one plane of labels."
        )
    if labels.dtype.kind not in "biu" and not (labels == np.rint(labels)).all():
        raise ImageError(f"“{path}” holds fractions, not labels: give an integer image.")
    if labels.min() < 0 or labels.max() > np.iinfo(np.int32).max:
        raise ImageError(
            f"“{path}” holds values from {labels.min()} to {labels.max()}: labels are 0 or "
            "positive and fit 32 bits."
        )
    return labels.astype(np.int32)


def pixels_sha256(data: Any) -> str:
    """Hash of shape, dtype and pixels, the same for lazy arrays and either byte order.

    Parameters
    ----------
    data : array-like
        A lazy array is read plane by plane along its first axis.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    dtype = np.dtype(data.dtype).newbyteorder("<")
    digest = hashlib.sha256(f"{tuple(map(int, data.shape))} {dtype.str}".encode())
    parts = (data[i] for i in range(data.shape[0])) if len(data.shape) > 2 else [data]
    for part in parts:
        digest.update(np.ascontiguousarray(part, dtype).data)
    return digest.hexdigest()


def _decode(path: Path, decode: Callable[[Path], T]) -> T:
    """Call a decoder; whatever it fails with becomes one sentence."""
    try:
        return decode(path)
    except MemoryError as error:
        raise ImageError(f"“{path}” does not fit into memory: give a smaller image.") from error
    except UnidentifiedImageError as error:
        raise ImageError(f"“{path}” is not an image: give a TIFF, PNG or JPEG file.") from error
    except Exception as error:  # decoders of other libraries raise errors of all kinds
        readable = isinstance(error, (OSError, ValueError, tifffile.TiffFileError))
        reason = f" ({str(error).splitlines()[0]})" if readable and str(error) else ""
        raise ImageError(
            f"“{path}” is damaged or of an unknown kind{reason}: give a TIFF, PNG or JPEG file."
        ) from error


def _is_tiff(path: Path) -> bool:
    if path.is_dir():
        raise ImageError(f"“{path}” is a folder: give an image file in it.")
    try:
        with path.open("rb") as file:
            return file.read(4) in _TIFF_MAGIC
    except FileNotFoundError as error:
        raise ImageError(f"There is no file “{path}”: check the path.") from error
    except OSError as error:
        raise ImageError(
            f"“{path}” can't be opened ({error.strerror}): check that you may read it."
        ) from error


def _pillow_pixels(path: Path, *, palette_to_rgb: bool) -> np.ndarray:
    """First frame of a file, (H, W) or (H, W, 3 or 4)."""
    with Image.open(path) as image:
        if image.mode in ("P", "PA") and palette_to_rgb:
            return np.array(image.convert("RGBA" if image.has_transparency_data else "RGB"))
        if image.mode in ("LA", "La", "RGBa"):
            return np.array(image.convert("RGBA"))
        if image.mode in ("CMYK", "YCbCr", "LAB", "HSV", "RGBX"):
            return np.array(image.convert("RGB"))
        return np.array(image)


def _read_tiff(path: Path) -> SourceImage:
    with tifffile.TiffFile(path) as tiff:
        series = tiff.series[0]
        try:
            data = series.asarray()
        except ValueError:
            # Compressions that tifffile leaves to an optional package; Pillow knows some.
            data = _pillow_frames(path, series.shape)
        data, view = _arrange(data, series.axes)
        pixel_size, unit = _ome_pixel_size(tiff) or _imagej_pixel_size(tiff) or (None, "")
    return SourceImage(data, path.stem, view, pixel_size, unit, path)


def _pillow_frames(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    with Image.open(path) as image:
        return np.stack([np.array(f) for f in ImageSequence.Iterator(image)]).reshape(shape)


def _arrange(data: np.ndarray, axes: str) -> tuple[np.ndarray, ImageView]:
    """Rows and columns last, RGB after them; the letters are those of tifffile."""
    is_rgb = "S" in axes and data.shape[axes.index("S")] in (3, 4)
    if "Y" in axes and "X" in axes:
        last = "YXS" if is_rgb else "YX"
        order = [axis for axis in range(len(axes)) if axes[axis] not in last]
        order += [axes.index(letter) for letter in last]
        data, axes = data.transpose(order), "".join(axes[axis] for axis in order)
    channel = next((axes.index(letter) for letter in ("C", "S") if letter in axes), None)
    return data, ImageView(rgb=True) if is_rgb else ImageView(channel_axis=channel)


def _ome_pixel_size(tiff: tifffile.TiffFile) -> tuple[tuple[float, float], str] | None:
    if not tiff.ome_metadata:
        return None
    pixels = ElementTree.fromstring(tiff.ome_metadata).find(".//{*}Pixels")
    size = {} if pixels is None else pixels.attrib
    if "PhysicalSizeY" not in size or "PhysicalSizeX" not in size:
        return None
    unit = _unit(size.get("PhysicalSizeYUnit", "µm"))
    return (float(size["PhysicalSizeY"]), float(size["PhysicalSizeX"])), unit


def _imagej_pixel_size(tiff: tifffile.TiffFile) -> tuple[tuple[float, float], str] | None:
    unit = _unit(str((tiff.imagej_metadata or {}).get("unit", "")))
    if not unit:
        return None
    sizes = []
    for name in ("YResolution", "XResolution"):
        pixels, units = tiff.pages[0].tags[name].value if name in tiff.pages[0].tags else (0, 1)
        if not pixels:
            return None
        sizes.append(units / pixels)
    return (sizes[0], sizes[1]), unit


def _unit(text: str) -> str:
    text = text.strip()
    if text in _MICROMETRE:
        return "µm"
    return "" if text.lower() in _WITHOUT_UNIT else text


def _gray(data: np.ndarray) -> np.ndarray:
    """One channel of an RGB(A) image whose colours are gray; other arrays as they are."""
    if data.shape[-1] in (3, 4) and (data[..., 1:3] == data[..., :1]).all():
        return data[..., 0]
    return data
