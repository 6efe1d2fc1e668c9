"""Labels that are too large for memory: zarr arrays in a folder that is deleted with them.

They are a copy of what the journal says, so that nothing is lost with them. A lock file tells
the folder of a session that lives from what one left that was killed.
"""

from __future__ import annotations

import os
import shutil
import uuid
import weakref
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
import zarr
from filelock import FileLock, Timeout
from zarr.codecs import ZstdCodec

from napari_vlseg.errors import ImageError
from napari_vlseg.files import writing

FOLDER_VARIABLE = "NAPARI_VLSEG_WORKING"
"""Environment variable with the folder for labels that are too large for memory."""

_SIDE = 512
"""Of a chunk, in pixels: little to write for a stroke, few files for a plane."""

_LOCK_SUFFIX = ".lock"


def working_folder() -> Path:
    """`FOLDER_VARIABLE`, else a folder in the user's cache folder."""
    named = os.environ.get(FOLDER_VARIABLE, "").strip()
    base = platformdirs.user_cache_path("napari-vlseg", appauthor=False) / "working"
    return Path(named).expanduser() if named else base


def make_volume(
    shape: Sequence[int], dtype: Any = np.int32, folder: Path | None = None
) -> zarr.Array:
    """An empty array of labels on the disk; its files go when nobody holds it any more.

    Parameters
    ----------
    shape : sequence of int
        Rows and columns last.
    dtype : data type
    folder : Path, optional
        Else `working_folder`. What sessions left there that were killed is deleted.

    Raises
    ------
    ImageError
        If the folder can't be written.
    """
    base = working_folder() if folder is None else folder
    place = base / uuid.uuid4().hex
    with writing(base, ImageError):
        base.mkdir(parents=True, exist_ok=True)
        _clean(base)
        lock = _lock_of(place)
        lock.acquire(timeout=0)
        array = zarr.create_array(
            place / "labels.zarr",
            shape=tuple(int(side) for side in shape),
            chunks=(*(1 for _ in shape[:-2]), *(min(int(side), _SIDE) for side in shape[-2:])),
            dtype=np.dtype(dtype),
            fill_value=0,
            compressors=ZstdCodec(level=1),
        )
    weakref.finalize(array, _delete, place, lock)
    return array


def copy_planes(source: Any, target: Any) -> None:
    """Copy labels plane by plane; both have as many planes, maybe along other axes."""
    for here, there in zip(
        np.ndindex(*source.shape[:-2]), np.ndindex(*target.shape[:-2]), strict=True
    ):
        target[there] = np.asarray(source[here]).astype(target.dtype, copy=False)


def is_unwritten(array: zarr.Array) -> bool:
    """Whether no chunk of an array was ever written, so that it holds nothing but its filling."""
    return array.fill_value == 0 and array.nchunks_initialized == 0


def _lock_of(place: Path) -> FileLock:
    """The lock of an array, taken before its folder is there."""
    return FileLock(place.with_suffix(_LOCK_SUFFIX), thread_local=False)


def _delete(place: Path, lock: FileLock) -> None:
    shutil.rmtree(place, ignore_errors=True)
    lock.release()
    Path(lock.lock_file).unlink(missing_ok=True)


def _clean(base: Path) -> None:
    """Delete arrays of sessions that ended without doing so."""
    for place in base.glob("*/"):
        lock = _lock_of(place)
        with suppress(Timeout, OSError):
            lock.acquire(timeout=0)
            _delete(place, lock)
