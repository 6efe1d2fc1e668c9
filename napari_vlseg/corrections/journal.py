"""One writer at a time, and one line for each file written."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from napari_vlseg.corrections.documents import (
    VERSION,
    damage_told,
    encode_document,
    read_document,
)
from napari_vlseg.corrections.pending import PendingWrites
from napari_vlseg.corrections.people import clock
from napari_vlseg.errors import ProjectError
from napari_vlseg.files import atomic_write_bytes, remove_unfinished, writing
from napari_vlseg.line_files import append_line, read_lines

EVENTS_NAME = "events.jsonl"
LOCK_NAME = ".lock"
PROJECT_KIND = "project"
PROJECT_NAME = "project.json"

_PATIENCE_S = 10.0


class Journal:
    """The list of writes of a project, ``events.jsonl``.

    Parameters
    ----------
    root : Path
        The project folder.
    annotator : str
        Opaque id of the person, noted with each write; may be empty.
    """

    def __init__(self, root: Path, annotator: str = "") -> None:
        self.root = root
        self.annotator = annotator
        self._clock = clock()
        self._is_current = False
        self._pending = PendingWrites(root)

    @contextmanager
    def locked(self, folder: Path) -> Iterator[None]:
        """Hold the project for writing; other programs and threads wait.

        Not re-entrant. What a killed program left in `folder`, the one to write into, is
        removed: holding the lock, nobody else is writing there.

        Raises
        ------
        ProjectError
            If the folder is gone or can't be written, or another program keeps it for long.
        """
        self.require_folder()
        lock = FileLock(self.root / LOCK_NAME)
        with writing(self.root):
            try:
                lock.acquire(timeout=_PATIENCE_S)
            except Timeout as failure:
                raise ProjectError(
                    f"Another program is writing to the project “{self.root}”: "
                    "try again when it has finished."
                ) from failure
        try:
            remove_unfinished(folder)
            self._note_announced()  # by a program that was killed
            self._bring_up_to_date()
            try:
                yield
            finally:
                # What can't be noted now stays announced, and is noted before the next write.
                with suppress(ProjectError):
                    self._note_announced()
        finally:
            lock.release()

    def require_folder(self, folder: Path | None = None) -> None:
        """Refuse to go on without a folder: locking would make it anew, empty.

        Parameters
        ----------
        folder : Path, optional
            In the project; that of the project itself if not given.

        Raises
        ------
        ProjectError
            If it is gone.
        """
        if not self.root.is_dir():
            raise ProjectError(
                f"The project folder “{self.root}” is gone: reconnect its drive or put it back."
            )
        if folder is not None and not folder.is_dir():
            raise ProjectError(
                f"“{folder}” can't be written because its folder is gone: reconnect the drive "
                "or put it back."
            )

    def announce(self, what: str, path: Path, sha256: str, **details: Any) -> None:
        """Tell that a file is about to be put in its place; it is noted once it is.

        To be called while the project is `locked`.

        Parameters
        ----------
        what : str
            The action: "create_project", "save_labels", ...
        path : Path
            The file, inside the project.
        sha256 : str
            Hash of the bytes that it will have.
        **details
            Further JSON values, such as the image.

        Raises
        ------
        ProjectError
            If that can't be written.
        """
        event = {
            "time": self._clock(),
            "annotator": self.annotator,
            "what": what,
            "file": path.relative_to(self.root).as_posix(),
            "sha256": sha256,
            **details,
        }
        self._pending.add(event)

    def write(self, what: str, path: Path, data: bytes, **details: Any) -> None:
        """Announce a file and write it all at once; see `announce`."""
        self.announce(what, path, hashlib.sha256(data).hexdigest(), **details)
        atomic_write_bytes(path, data)

    def announced(self) -> tuple[dict[str, Any], ...]:
        """Writes that happened and are not noted yet."""
        return tuple(self._pending.done())

    def _note_announced(self) -> None:
        for event in self._pending.done():
            append_line(self.root / EVENTS_NAME, json.dumps(event, ensure_ascii=False))
        self._pending.clear()

    def _bring_up_to_date(self) -> None:
        """Before the first write, have older programs refuse the project.

        Documents of earlier versions stay as they are; only ``project.json`` is written anew.
        """
        path = self.root / PROJECT_NAME
        if self._is_current or not path.exists():
            return
        data = read_document(path, PROJECT_KIND)
        if data["version"] < VERSION:
            body = {name: data[name] for name in data if name not in ("format", "version")}
            self.write("upgrade_project", path, encode_document(PROJECT_KIND, body))
        self._is_current = True

    def events(self) -> tuple[dict[str, Any], ...]:
        """All writes, oldest first; a torn last line is left out.

        Raises
        ------
        ProjectError
            If the file is missing or a complete line is damaged.
        """
        path = self.root / EVENTS_NAME
        lines, _torn = read_lines(path)
        with damage_told(path):
            return tuple(dict(json.loads(line)) for line in lines)
