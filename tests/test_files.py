"""Writes either happen whole or not at all, and say why not."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from napari_vlseg import files
from napari_vlseg.errors import ExportError, ProjectError
from napari_vlseg.files import (
    atomic_folder,
    atomic_path,
    atomic_write_bytes,
    atomic_write_text,
    file_sha256,
)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def refuse(monkeypatch: pytest.MonkeyPatch, function: str, number: int) -> None:
    def fail(*_args: object, **_kwargs: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, function, fail)


def test_a_file_is_made_and_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    atomic_write_text(path, "one\nµ")
    assert path.read_bytes() == "one\nµ".encode()
    atomic_write_bytes(path, b"two")
    assert path.read_bytes() == b"two"
    assert names(tmp_path) == ["a.txt"]


def test_the_temporary_path_keeps_folder_and_suffixes(tmp_path: Path) -> None:
    with atomic_path(tmp_path / "labels.ome.tif") as temporary:
        assert temporary.parent == tmp_path
        assert temporary.name.endswith(".ome.tif")
        assert temporary.name.startswith(files.TEMPORARY_PREFIX)
        temporary.write_bytes(b"x")


@pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt, MemoryError])
@pytest.mark.parametrize("before", [True, False])
def test_dying_while_writing_leaves_the_old_file(
    tmp_path: Path, failure: type[BaseException], before: bool
) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")

    def die() -> None:
        with atomic_path(path) as temporary:
            if not before:
                temporary.write_bytes(b"half of the n")
            raise failure

    with pytest.raises(failure):
        die()
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["a.bin"]


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.EACCES, "read-only"),
        (errno.EROFS, "read-only"),
        (errno.ENOSPC, "disk is full: free some space"),
        (errno.ENOENT, "folder is gone: reconnect"),
        (errno.EIO, "choose another folder"),
    ],
)
def test_what_the_system_refuses_is_told_and_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, number: int, remedy: str
) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    refuse(monkeypatch, step, number)
    with pytest.raises(ProjectError, match=remedy) as caught:
        atomic_write_bytes(path, b"new")
    monkeypatch.undo()
    assert str(path) in str(caught.value)
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["a.bin"]


def test_the_caller_chooses_the_error(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="folder is gone"):
        atomic_write_text(tmp_path / "no" / "a.txt", "x", error=ExportError)
    (tmp_path / "file").write_text("x")
    with pytest.raises(ExportError, match="a file is in the place of its folder"):
        atomic_write_text(tmp_path / "file" / "a.txt", "x", error=ExportError)


def test_a_folder_in_the_place_of_the_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.txt").mkdir()
    with pytest.raises(ProjectError, match="a folder is in its place"):
        atomic_write_text(tmp_path / "a.txt", "x")
    assert names(tmp_path) == ["a.txt"]


def test_a_folder_appears_whole(tmp_path: Path) -> None:
    out = tmp_path / "new" / "out"
    with atomic_folder(out) as temporary:
        (temporary / "sub").mkdir()
        (temporary / "sub" / "a").write_text("x")
        assert not out.exists()
    assert (out / "sub" / "a").read_text() == "x"
    assert names(out.parent) == ["out"]


def test_an_empty_folder_is_used_and_a_full_one_is_not(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    with atomic_folder(out) as temporary:
        (temporary / "a").write_text("first")
    with pytest.raises(ProjectError, match="already holds files"), atomic_folder(out) as temporary:
        (temporary / "a").write_text("second")
    assert (out / "a").read_text() == "first"
    assert names(tmp_path) == ["out"]


def test_a_folder_is_replaced_when_asked(tmp_path: Path) -> None:
    out = tmp_path / "out"
    for content in ("first", "second"):
        with atomic_folder(out, replace=True) as temporary:
            (temporary / content).write_text("x")
    assert names(out) == ["second"]
    assert names(tmp_path) == ["out"]


def test_a_folder_whose_replacement_fails_is_put_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    with atomic_folder(out) as temporary:
        (temporary / "a").write_text("first")
    rename = os.rename

    def fail_at_the_new_one(source: Path, target: Path) -> None:
        if Path(target) == out and (Path(source) / "b").exists():
            raise OSError(errno.ENOSPC, "full")
        rename(source, target)

    monkeypatch.setattr(os, "rename", fail_at_the_new_one)
    with pytest.raises(ProjectError, match="full"), atomic_folder(out, replace=True) as temporary:
        (temporary / "b").write_text("second")
    assert names(out) == ["a"]
    assert names(tmp_path) == ["out"]


@pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt])
def test_dying_while_filling_a_folder_leaves_nothing(
    tmp_path: Path, failure: type[BaseException]
) -> None:
    def die() -> None:
        with atomic_folder(tmp_path / "out") as temporary:
            (temporary / "a").write_text("x")
            raise failure

    with pytest.raises(failure):
        die()
    assert names(tmp_path) == []


def test_a_link_to_a_folder_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    for content in ("first", "second"):
        with atomic_folder(tmp_path / "link", replace=True) as temporary:
            (temporary / content).write_text("x")
    assert (tmp_path / "link").is_symlink()
    assert names(tmp_path / "real") == ["second"]


def test_reading_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="is missing"):
        file_sha256(tmp_path / "no")
    with pytest.raises(ProjectError, match="can't be read"):
        file_sha256(tmp_path)


def test_the_hash_is_that_of_the_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    # The first test vector of FIPS 180-2.
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert file_sha256(tmp_path / "a") == expected


def test_what_a_killed_program_left_is_removed(tmp_path: Path) -> None:
    (tmp_path / ".tmp-1.tif").write_text("x")
    (tmp_path / ".tmp-2").mkdir()
    (tmp_path / ".tmp-2" / "a").write_text("x")
    (tmp_path / "tmp-3").write_text("x")
    files.remove_unfinished(tmp_path)
    assert names(tmp_path) == ["tmp-3"]
