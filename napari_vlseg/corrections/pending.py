"""Writes that are announced before they happen, so that one a crash cut short can be told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from napari_vlseg.files import file_sha256, reading, writing

PENDING_NAME = ".pending"


class PendingWrites:
    """The announced writes of a project, ``.pending``; only whoever holds its lock may use it.

    Parameters
    ----------
    root : Path
        The project folder.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._path = root / PENDING_NAME

    def add(self, event: dict[str, Any]) -> None:
        """Announce a write: an event as it will be noted, with file and hash.

        Raises
        ------
        ProjectError
            If that can't be written; nothing else should be then.
        """
        with writing(self._path), self._path.open("ab") as stream:
            stream.write(json.dumps(event).encode("ascii") + b"\n")

    def done(self) -> Iterator[dict[str, Any]]:
        """Those announced writes that happened: their files are as announced."""
        if not self._path.exists():
            return
        with reading(self._path):
            lines = self._path.read_bytes().split(b"\n")
        for line in lines:
            try:
                event = json.loads(line)
            except ValueError:
                continue  # cut short: then the write did not begin
            path = self._root / event["file"]
            if path.is_file() and file_sha256(path) == event["sha256"]:
                yield event

    def clear(self) -> None:
        """Forget all."""
        with writing(self._path):
            self._path.unlink(missing_ok=True)
