"""Whether an image was segmented before in just this way."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from napari_vlseg._version import __version__
from napari_vlseg.errors import ExportError, ImageError
from napari_vlseg.files import file_sha256, reading
from napari_vlseg.proposals import ModelInfo


def question_fingerprint(question: Mapping[str, Any]) -> str:
    """Hash of everything that decides the labels of an image beside its pixels.

    Parameters
    ----------
    question : mapping
        JSON values: prompts, models, settings. The version of this package is added.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    text = json.dumps({"version": __version__, **question}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def model_identity(info: ModelInfo) -> list[str]:
    """What of a model decides its answers: not the device, but the precision."""
    return [info.name, info.revision, info.hashes, info.precision]


def image_stamp(path: Path) -> str:
    """Size and time of change of a file, to the nanosecond; of a folder, of all files in it.

    Raises
    ------
    ImageError
        If it can't be looked at.
    """
    with reading(path, ImageError):
        if not path.is_dir():
            return _stamp(path.stat())
        digest = hashlib.sha256()
        for file in _files_in(path):
            digest.update(f"{file.relative_to(path)} {_stamp(file.stat())}\n".encode())
        return digest.hexdigest()


def labels_sha256(path: Path) -> str:
    """Hash of a label file; of a Zarr folder, of the names and sizes of the files in it.

    Raises
    ------
    ExportError
        If it can't be read.
    """
    if not path.is_dir():
        return file_sha256(path, error=ExportError)
    digest = hashlib.sha256()
    with reading(path, ExportError):
        for file in _files_in(path):
            digest.update(f"{file.relative_to(path).as_posix()} {file.stat().st_size}\n".encode())
    return digest.hexdigest()


def _files_in(path: Path) -> Iterator[Path]:
    """All files below a folder, in an order of their own."""
    for folder, folders, names in os.walk(path):
        folders.sort()
        yield from (Path(folder, name) for name in sorted(names))


def _stamp(facts: os.stat_result) -> str:
    return f"{facts.st_size}:{facts.st_mtime_ns}"
