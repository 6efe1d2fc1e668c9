"""Image files of every kind: pixels, what the axes mean, and how large a pixel is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
import tifffile
from PIL import Image, UnidentifiedImageError

from napari_vlseg.errors import ImageError
from napari_vlseg.image_axes import arrange, check_axes
from napari_vlseg.ome_zarr import METADATA_FILES, is_zarr, read_zarr
from napari_vlseg.source_image import SourceImage
from napari_vlseg.tiff_files import read_small_tiff, read_tiff

T = TypeVar("T")

_TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def read_image(path: Path | str, axes: str | None = None) -> SourceImage:
    """Read an image file or folder: TIFF (OME, ImageJ, SVS), OME-Zarr, Zarr, PNG, JPEG, ….

    Of large TIFF files, of those with coarser levels, and of Zarr folders nothing but the
    metadata is read; pixels follow where they are looked at.

    Parameters
    ----------
    path : path-like
        A file, or the folder of an OME-Zarr image or a Zarr array, or ``zarr.json`` in it.
    axes : str, optional
        One letter for each axis of the array in the file, in place of what the file says:
        Y rows, X columns, C channels, S the samples of a pixel, T time, Z depth, or any other.

    Returns
    -------
    SourceImage
        Of a TIFF the first series, of OME-Zarr the first multiscale image.

    Raises
    ------
    ImageError
        If there is no such file, it is not an image, or damaged, or the axes don't fit.
    """
    path = Path(path)
    if path.name in METADATA_FILES and path.is_file():  # a dialog of files can't choose a folder
        path = path.parent
    if path.is_dir() and is_zarr(path):
        image = _decode(path, lambda folder: read_zarr(folder, axes))
    elif _is_tiff(path):
        image = _decode(path, lambda file: read_tiff(file, axes))
    else:
        data = _decode(path, lambda file: _pillow_pixels(file, palette_to_rgb=True))
        letters = "YXS"[: data.ndim] if axes is None else check_axes(axes, data.shape, path.name)
        found = arrange(data.shape, letters)
        data = data.transpose(found.order)
        image = SourceImage(data, path.stem, found.view, path=path, axes=found.axes)
    if 0 in image.data.shape:
        raise ImageError(f"“{path}” has no pixels: choose another image.")
    return image


def read_mask(path: Path | str) -> np.ndarray:
    """Read a label image: 0 is background, every other value an object.

    Parameters
    ----------
    path : path-like
        TIFF, PNG, OME-Zarr labels, … with one plane of whole numbers. Of a palette image the
        indices are taken; an RGB image must be gray.

    Returns
    -------
    numpy.ndarray, shape (H, W), int32

    Raises
    ------
    ImageError
        If the file can't be read or does not hold such a plane.
    """
    path = Path(path)
    if path.is_dir() and is_zarr(path):
        data = np.asarray(_decode(path, read_zarr).data)
    elif _is_tiff(path):
        data = _decode(path, read_small_tiff)
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


def _decode(path: Path, decode: Callable[[Path], T]) -> T:
    """Call a decoder; whatever it fails with becomes one sentence."""
    try:
        return decode(path)
    except ImageError:
        raise
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
        raise ImageError(f"“{path}” is a folder: give an image file in it, or an OME-Zarr folder.")
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


def _gray(data: np.ndarray) -> np.ndarray:
    """One channel of an RGB(A) image whose colours are gray; other arrays as they are."""
    if data.shape[-1] in (3, 4) and (data[..., 1:3] == data[..., :1]).all():
        return data[..., 0]
    return data
