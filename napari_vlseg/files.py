"""Writing files so that a crash, a full disk or a lost drive never costs what was there.

A file is written under a temporary name in its own folder, flushed to the disk and renamed
over the old one: a reader sees the whole old file or the whole new one. What the operating
system reports is told as one sentence with the remedy.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from napari_vlseg.errors import ProjectError, VlsegError

TEMPORARY_PREFIX = ".tmp-"
"""Start of the names of unfinished files and folders; after a crash they may be deleted."""

_READ_ONLY = "the folder is read-only: choose another folder or change its permissions"
_FULL = "the disk is full: free some space and try again"
_REMEDIES = {
    errno.EACCES: _READ_ONLY,
    errno.EPERM: _READ_ONLY,
    errno.EROFS: _READ_ONLY,
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EFBIG: "it is too large for this disk: choose another disk",
    errno.ENOENT: "its folder is gone: reconnect the drive or choose another folder",
    errno.ESTALE: "its folder is gone: reconnect the drive or choose another folder",
    errno.ENOTDIR: "a file is in the place of its folder: choose another folder",
    errno.EEXIST: "a file is in the place of a folder: choose another folder",
    errno.EISDIR: "a folder is in its place: move the folder away",
    errno.ENAMETOOLONG: "its name is too long: choose a shorter one",
}
_BLOCK = 1 << 20


@contextmanager
def writing(path: Path, error: type[VlsegError] = ProjectError) -> Iterator[None]:
    """Turn an `OSError` of the block into one sentence about `path` with the remedy.

    Parameters
    ----------
    path : Path
        What is being written.
    error : type of VlsegError
        Class of the error raised.

    Raises
    ------
    VlsegError
        Of class `error`, from the original one.
    """
    try:
        yield
    except OSError as failure:
        cause = _REMEDIES.get(failure.errno or 0)
        if cause is None:
            cause = f"the system reports “{failure.strerror or failure}”: choose another folder"
        raise error(f"“{path}” can't be written because {cause}.") from failure


@contextmanager
def reading(path: Path, error: type[VlsegError] = ProjectError) -> Iterator[None]:
    """Turn an `OSError` of the block into one sentence about reading `path`.

    Raises
    ------
    VlsegError
        Of class `error`, from the original one.
    """
    try:
        yield
    except (FileNotFoundError, NotADirectoryError) as failure:
        raise error(f"“{path}” is missing: put it back from a backup.") from failure
    except OSError as failure:
        reason = failure.strerror or failure
        raise error(
            f"“{path}” can't be read because the system reports “{reason}”: "
            "check the drive and the permissions."
        ) from failure


@contextmanager
def atomic_path(path: Path, *, error: type[VlsegError] = ProjectError) -> Iterator[Path]:
    """Write a file all at once: yields a temporary path that becomes `path` at the end.

    Parameters
    ----------
    path : Path
        The file to make or replace. Its folder exists.
    error : type of VlsegError
        Class of the error for what the operating system refuses.

    Yields
    ------
    Path
        A new name in the same folder with the same suffixes. If the block raises, the
        file at `path` stays as it was and the temporary one is removed.

    Raises
    ------
    VlsegError
        Of class `error`: read-only or vanished folder, full disk, and so on.
    """
    path = Path(path)
    temporary = _temporary_beside(path)
    with writing(path, error):
        try:
            yield temporary
            _flush_file(temporary)
            temporary.replace(path)
        except BaseException:
            _discard(temporary)
            raise
        flush_folder(path.parent)


def atomic_write_bytes(path: Path, data: bytes, *, error: type[VlsegError] = ProjectError) -> None:
    """Write `data` to `path` all at once, see `atomic_path`."""
    with atomic_path(path, error=error) as temporary:
        temporary.write_bytes(data)


def atomic_write_text(path: Path, text: str, *, error: type[VlsegError] = ProjectError) -> None:
    """Write `text` as UTF-8 with ``\\n`` line ends, see `atomic_path`."""
    atomic_write_bytes(path, text.encode("utf-8"), error=error)


@contextmanager
def atomic_folder(
    path: Path, *, replace: bool = False, error: type[VlsegError] = ProjectError
) -> Iterator[Path]:
    """Fill a folder all at once: yields a temporary folder that becomes `path` at the end.

    Parameters
    ----------
    path : Path
        The folder to make; missing parents are made too. An empty folder there is used.
    replace : bool
        Whether a folder with contents there is replaced; it is kept until the new one is
        in its place, and put back if that fails.
    error : type of VlsegError
        Class of the error for what the operating system refuses.

    Yields
    ------
    Path
        A new, empty folder beside `path`, removed if the block raises.

    Raises
    ------
    VlsegError
        Of class `error`, also where `path` has contents and `replace` is False.
    """
    with writing(path, error):
        path = Path(path).resolve()  # through a link, to rename on the disk it leads to
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = _temporary_beside(path)
        temporary.mkdir()
        try:
            yield temporary
            _flush_tree(temporary)
            _put_folder(temporary, path, replace, error)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        flush_folder(path.parent)


def file_sha256(path: Path, *, error: type[VlsegError] = ProjectError) -> str:
    """Hash of a file's bytes, in hexadecimal."""
    digest = hashlib.sha256()
    with reading(path, error), Path(path).open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def remove_unfinished(folder: Path, *, error: type[VlsegError] = ProjectError) -> None:
    """Delete what a killed program left in a folder; no other may be writing there now."""
    with writing(folder, error):
        for path in folder.glob(f"{TEMPORARY_PREFIX}*"):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()


def flush_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk, where the system can do that."""
    if not hasattr(os, "O_DIRECTORY"):  # Windows flushes names itself
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as failure:
        if failure.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network drives
            raise
    finally:
        os.close(descriptor)


def _temporary_beside(path: Path) -> Path:
    # The suffixes stay: libraries choose their format by them.
    return path.with_name(f"{TEMPORARY_PREFIX}{uuid.uuid4().hex[:12]}{''.join(path.suffixes[-2:])}")


def _flush_file(path: Path) -> None:
    with path.open("r+b") as stream:
        os.fsync(stream.fileno())


def _flush_tree(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_dir():
            flush_folder(path)
        else:
            _flush_file(path)
    flush_folder(folder)


def _put_folder(temporary: Path, path: Path, replace: bool, error: type[VlsegError]) -> None:
    if not path.is_dir():
        temporary.rename(path)
        return
    if not any(path.iterdir()):
        path.rmdir()
        temporary.rename(path)
        return
    if not replace:
        raise error(f"“{path}” already holds files: choose another folder.")
    aside = _temporary_beside(path)
    path.rename(aside)
    try:
        temporary.rename(path)
    except BaseException:
        aside.rename(path)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def _discard(temporary: Path) -> None:
    # The failure that led here is the one to report.
    try:
        temporary.unlink(missing_ok=True)
    except OSError:
        return
