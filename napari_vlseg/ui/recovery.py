"""Work that has no project, kept in a folder of the person until it has one.

Each session has a project of its own there, made at the first edit. A lock file tells a
session that lives from one that ended.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import platformdirs
from filelock import FileLock, Timeout

from napari_vlseg.corrections.people import annotator_id
from napari_vlseg.corrections.store import Project
from napari_vlseg.errors import ProjectError, VlsegError
from napari_vlseg.events import Progress, Work
from napari_vlseg.files import writing

FOLDER_VARIABLE = "NAPARI_VLSEG_UNSAVED"
"""Environment variable with the folder for work without a project; ``off`` keeps none."""
OFF = "off"

_LOCK_NAME = "session.lock"
_PROJECT_NAME = "project"


@dataclass(frozen=True)
class Leftover:
    """Work of a session that ended without a project.

    Attributes
    ----------
    folder : Path
    when : datetime
        Of the last edit, local time.
    n_images : int
    """

    folder: Path
    when: datetime
    n_images: int

    @property
    def text(self) -> str:
        """What it is, for people."""
        images = f"{self.n_images} image{'s'[: self.n_images != 1]}"
        return f"Unsaved work from {self.when:%Y-%m-%d %H:%M} ({images})"


class UnsavedWork:
    """The folder of this session, and what earlier ones left.

    Parameters
    ----------
    folder : Path, optional
        Else `FOLDER_VARIABLE`, else a folder in the user's data folder.
    """

    def __init__(self, folder: Path | None = None) -> None:
        named = os.environ.get(FOLDER_VARIABLE, "").strip()
        self.is_on = folder is not None or named.lower() != OFF
        base = platformdirs.user_data_path("napari-vlseg", appauthor=False) / "unsaved"
        self._folder = folder or (Path(named).expanduser() if named else base)
        self._lock: FileLock | None = None
        self.project: Project | None = None

    def begin(self) -> Project:
        """The project of this session, made where there is none yet.

        Raises
        ------
        ProjectError
            If the folder can't be written.
        """
        if self.project is None:
            session = self._folder / f"{datetime.now():%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:8]}"
            with writing(session):
                session.mkdir(parents=True)
            self._hold(session)
            self.project = Project.create(session / _PROJECT_NAME, annotator=annotator_id())
        return self.project

    def leftovers(self) -> Work[tuple[Leftover, ...]]:
        """What earlier sessions left, newest first; those without an edit are deleted."""
        yield Progress("looking for unsaved work", 0, 1)
        if not self.is_on or not self._folder.is_dir():
            return ()
        found = [self._leftover(folder) for folder in self._folder.iterdir() if folder.is_dir()]
        return tuple(sorted(filter(None, found), key=lambda left: left.when, reverse=True))

    def restore(self, leftover: Leftover) -> Project:
        """Go on with what a session left.

        Raises
        ------
        ProjectError
            If another window does, or it can't be read.
        """
        if self.project is not None:
            raise ProjectError("There is other unsaved work: make a project of it with New… first.")
        self._hold(leftover.folder)
        self.project = Project.open(leftover.folder / _PROJECT_NAME)
        return self.project

    def leave(self) -> None:
        """Let go of the work of this session: it is there for the next one."""
        self.project = None
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def discard(self) -> None:
        """Delete the work of this session, after it was written to a project."""
        folder = None if self.project is None else self.project.folder.parent
        self.leave()
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)

    def _hold(self, session: Path) -> None:
        lock = FileLock(session / _LOCK_NAME, thread_local=False)
        with writing(session):
            try:
                lock.acquire(timeout=0)
            except Timeout as failure:
                raise ProjectError(
                    "This unsaved work is open in another window: go on with it there."
                ) from failure
        self._lock = lock

    def _leftover(self, folder: Path) -> Leftover | None:
        """What a session left; None where it lives, or left nothing."""
        lock = FileLock(folder / _LOCK_NAME, thread_local=False)
        try:
            lock.acquire(timeout=0)
        except (Timeout, OSError):
            return None
        try:
            left = _read(folder)
        finally:
            lock.release()
        if left is not None and not left.n_images:
            shutil.rmtree(folder, ignore_errors=True)
            return None
        return left


def discard(leftovers: Sequence[Leftover]) -> Work[None]:
    """Delete what sessions left."""
    yield Progress("deleting unsaved work", 0, 1)
    for leftover in leftovers:
        shutil.rmtree(leftover.folder, ignore_errors=True)


def _read(folder: Path) -> Leftover | None:
    """What is in the folder of a session; None where it can't be read and is left alone."""
    if not (folder / _PROJECT_NAME / "project.json").is_file():
        return Leftover(folder, datetime.fromtimestamp(0), 0)
    try:
        project = Project.open(folder / _PROJECT_NAME)
        edited = [entry for entry in project.images if entry.has_labels]
    except VlsegError:
        return None
    times = [0.0]
    for entry in edited:
        for path in entry.folder.iterdir():
            with suppress(OSError):
                times.append(path.stat().st_mtime)
    return Leftover(folder, datetime.fromtimestamp(max(times)), len(edited))
