"""Encoded planes kept on disk, for the next session, the next command, another program.

Files appear by a rename and are checked when they are read, so several processes can share a
folder without waiting for one another. The files that were used least recently go first.
"""

from __future__ import annotations

import hashlib
import math
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from napari_vlseg.errors import CacheError, SettingsError
from napari_vlseg.files import TEMPORARY_PREFIX, writing
from napari_vlseg.models.base import PackedEmbedding
from napari_vlseg.workflow.embedding_files import (
    SUFFIX,
    EmbeddingFacts,
    read_embedding,
    read_facts,
    write_embedding,
)

FOLDER_VARIABLE = "NAPARI_VLSEG_CACHE"
"""Environment variable with the folder to use instead of the user's cache folder."""
LIMIT_VARIABLE = "NAPARI_VLSEG_CACHE_GB"
"""Environment variable with the most gigabytes to keep; 0 switches the cache off."""

GB = 10**9
_DEFAULT_LIMIT = 5 * GB
_SHARE_OF_DISK = 0.1
_KEPT_SHARE = 0.9
_UNFINISHED_SECONDS = 3600


@dataclass(frozen=True)
class CacheContents:
    """What a folder of embeddings holds.

    Attributes
    ----------
    n_files, n_bytes : int
    by_model : dict of str to (int, int)
        Files and bytes of each model; files that can't be read are under "".
    """

    n_files: int
    n_bytes: int
    by_model: dict[str, tuple[int, int]]


@dataclass(frozen=True)
class _StoredFile:
    path: Path
    used: float
    n_bytes: int


class DiskCache:
    """Packed embeddings in a folder, bounded by their size.

    Parameters
    ----------
    folder : Path, optional
        Else `FOLDER_VARIABLE`, else a folder in the user's cache folder. It is made when
        something is written.
    max_bytes : int, optional
        Else `LIMIT_VARIABLE`, else 5 GB, or a tenth of what the disk has to spare where that
        is less. 0 keeps and reads nothing.
    """

    def __init__(self, folder: Path | None = None, max_bytes: int | None = None) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._limit = 0
        self._room = -1

    @property
    def folder(self) -> Path:
        """Where the files are."""
        named = self._folder or os.environ.get(FOLDER_VARIABLE)
        if named:
            return Path(named).expanduser()
        return platformdirs.user_cache_path("napari-vlseg", appauthor=False) / "embeddings"

    @property
    def max_bytes(self) -> int:
        """Most bytes to keep.

        Raises
        ------
        SettingsError
            If the environment variable is no number from 0.
        """
        return self._limit_beside(sum(file.n_bytes for file in self._files()))

    @property
    def is_on(self) -> bool:
        """Whether anything is kept or read."""
        return self._wanted_bytes() != 0

    def read(self, key: str) -> PackedEmbedding | None:
        """The embedding of a key, or None where there is none that can be trusted."""
        if not self.is_on:
            return None
        path = self._path(key)
        try:
            packed = read_embedding(path, key)
        except (OSError, CacheError):
            return None
        # A folder that others share may be read-only: its files serve all the same.
        with suppress(OSError):
            os.utime(path)
        return packed

    def write(self, packed: PackedEmbedding, facts: EmbeddingFacts) -> None:
        """Keep an embedding, and drop those unused for longest where there is no more room.

        One larger than the bound is not kept.

        Raises
        ------
        CacheError
            If the folder can't be written.
        """
        if not self.is_on:
            return
        folder = self.folder
        with writing(folder, CacheError):
            folder.mkdir(parents=True, exist_ok=True)
        if self._room < 0:
            self._make_room()
        if sum(tensor.nbytes for tensor in packed.tensors.values()) > self._limit:
            return
        # Counting every file takes time, so it is done when what was room is full.
        self._room -= write_embedding(self._path(packed.key), packed, facts)
        if self._room < 0:
            self._make_room()

    def contents(self) -> CacheContents:
        """Count the files and what they are of."""
        by_model: dict[str, tuple[int, int]] = {}
        files = list(self._files())
        for file in files:
            try:
                model = read_facts(file.path).model
            except (OSError, CacheError):
                model = ""
            n_files, n_bytes = by_model.get(model, (0, 0))
            by_model[model] = n_files + 1, n_bytes + file.n_bytes
        return CacheContents(len(files), sum(file.n_bytes for file in files), by_model)

    def clear(self) -> int:
        """Delete every embedding in the folder, and nothing else; gives their number.

        Raises
        ------
        CacheError
            If one can't be deleted.
        """
        files = list(self._files())
        with writing(self.folder, CacheError):
            for file in files:
                file.path.unlink(missing_ok=True)
        self._room = -1
        return len(files)

    def _path(self, key: str) -> Path:
        # Keys are any text; the same one is in the file and compared when it is read.
        name = hashlib.blake2b(key.encode(), digest_size=20).hexdigest()
        return self.folder / f"{name}{SUFFIX}"

    def _files(self) -> Iterator[_StoredFile]:
        """Embeddings in the folder; what is being written by others is left alone."""
        try:
            entries = list(os.scandir(self.folder))
        except OSError:
            return
        for entry in entries:
            if not entry.name.endswith(SUFFIX):
                continue
            with suppress(OSError):  # another process deleted it
                facts = entry.stat()
                unfinished = entry.name.startswith(TEMPORARY_PREFIX)
                if not unfinished or time.time() - facts.st_mtime > _UNFINISHED_SECONDS:
                    yield _StoredFile(Path(entry.path), facts.st_mtime, facts.st_size)

    def _make_room(self) -> None:
        files = sorted(self._files(), key=lambda file: file.used)
        used = sum(file.n_bytes for file in files)
        self._limit = self._limit_beside(used)
        if used > self._limit:
            for file in files:
                if used <= self._limit * _KEPT_SHARE:
                    break
                with suppress(OSError):  # another process reads it or has deleted it
                    file.path.unlink(missing_ok=True)
                    used -= file.n_bytes
        self._room = self._limit - used

    def _limit_beside(self, used: int) -> int:
        """Most bytes to keep where so many are in use."""
        wanted = self._wanted_bytes()
        if wanted is not None:
            return wanted
        return min(_DEFAULT_LIMIT, int((_free_bytes(self.folder) + used) * _SHARE_OF_DISK))

    def _wanted_bytes(self) -> int | None:
        """The bound that was chosen, if one was."""
        text = os.environ.get(LIMIT_VARIABLE, "").strip()
        if self._max_bytes is not None or not text:
            return self._max_bytes
        try:
            gigabytes = float(text)
        except ValueError:
            gigabytes = math.nan
        if not 0 <= gigabytes < math.inf:
            raise SettingsError(
                f"{LIMIT_VARIABLE} is “{text}” but must be a number of gigabytes from 0, which "
                "switches the cache off: set it anew or unset it."
            )
        return int(gigabytes * GB)


def _free_bytes(folder: Path) -> int:
    """Room on the disk of a folder that may not exist yet."""
    for path in (folder, *folder.parents):
        with suppress(OSError):
            return shutil.disk_usage(path).free
    return 0
