"""The JSON documents of a project: each names its format and version and is written whole."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from napari_vlseg.errors import ProjectError
from napari_vlseg.files import reading

VERSION = 2
"""Version of the on-disk format that this program writes, and the latest that it reads."""


def encode_document(kind: str, body: Mapping[str, Any]) -> bytes:
    """A document as UTF-8 JSON, one line for each field; format and version come first."""
    document = {"format": f"napari-vlseg-{kind}", "version": VERSION, **body}
    lines = [f"  {_json(name)}: {_json(value)}" for name, value in document.items()]
    text = "{{\n{}\n}}\n".format(",\n".join(lines))
    # Paths may hold bytes that are no text; json reads them back from surrogates.
    return text.encode("utf-8", "surrogatepass")


def read_document(path: Path, kind: str) -> dict[str, Any]:
    """Read a document that `encode_document` made.

    Raises
    ------
    ProjectError
        If it is missing, damaged, of another kind or of a later version.
    """
    with reading(path), damage_told(path):
        document = json.loads(path.read_bytes())
        if document["format"] != f"napari-vlseg-{kind}":
            raise ValueError(f"format {document['format']}")
        version = document["version"]
        if type(version) is not int or version < 1:
            raise ValueError(f"version {version}")
    check_version(version, path)
    return document


def check_version(version: int, path: Path) -> None:
    """Refuse a format that this program does not know yet.

    Raises
    ------
    ProjectError
        If the version is later than `VERSION`.
    """
    if version > VERSION:
        raise ProjectError(
            f"“{path}” was written by a newer program (format version {version}; this one "
            f"reads up to {VERSION}): update napari-vlseg."
        )


@contextmanager
def damage_told(path: Path) -> Iterator[None]:
    """Turn what reading a malformed document raises into a `ProjectError` about `path`."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as failure:
        raise ProjectError(
            f"“{path}” is damaged or not a napari-vlseg file: put it back from a backup."
        ) from failure


def now() -> str:
    """The time in UTC, ISO 8601 with microseconds."""
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
