"""Arrays of blocks in files of their own: compressed, written whole or not at all.

A file is one line of JSON and a Blosc buffer (zstd, bytes shuffled), so that a block that was
finished before a crash is found again, and nothing else is.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numcodecs import Blosc

from napari_vlseg.errors import CacheError
from napari_vlseg.files import atomic_write_bytes, reading

_CODEC = Blosc("zstd", clevel=1, shuffle=Blosc.SHUFFLE)


def write_block(path: Path, array: np.ndarray | None, facts: dict[str, Any]) -> None:
    """Write an array and what is known about it.

    Parameters
    ----------
    path : Path
        Its folder is made where it is missing.
    array : numpy.ndarray, optional
        None for a block in which there is nothing.
    facts : dict
        JSON.

    Raises
    ------
    CacheError
        If the file can't be written.
    """
    about: dict[str, Any] = {"facts": facts}
    content = b""
    if array is not None:
        about |= {"shape": list(array.shape), "dtype": array.dtype.str}
        content = _CODEC.encode(np.ascontiguousarray(array))
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic_write_bytes(path, json.dumps(about).encode() + b"\n" + content, error=CacheError)


def read_facts(path: Path) -> dict[str, Any] | None:
    """What is known about a block; None where there is no file, or none that can be read."""
    try:
        with path.open("rb") as file:
            facts = json.loads(file.readline())["facts"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return facts if isinstance(facts, dict) else None


def read_block(path: Path) -> np.ndarray | None:
    """The array of a block, or None where there is nothing in it.

    Raises
    ------
    CacheError
        If there is no such file, or it is damaged.
    """
    with reading(path, CacheError):
        head, _, content = path.read_bytes().partition(b"\n")
    try:
        about = json.loads(head)
        if "shape" not in about:
            return None
        array = np.frombuffer(_CODEC.decode(content), np.dtype(about["dtype"]))
        return array.reshape(about["shape"])
    except (ValueError, KeyError, TypeError, RuntimeError) as error:
        raise CacheError(
            f"“{path}” is damaged: delete it and run again, which computes it anew."
        ) from error
