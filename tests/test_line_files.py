"""Lines are appended whole, and a torn one costs nothing else."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_vlseg import line_files
from napari_vlseg.errors import ProjectError
from napari_vlseg.line_files import append_line, read_lines


def test_lines_are_appended(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    append_line(path, '{"a": "µ"}')
    append_line(path, "{}")
    assert read_lines(path) == (['{"a": "µ"}', "{}"], "")
    with pytest.raises(ValueError, match="line break"):
        append_line(path, "a\nb")
    assert len(read_lines(path)[0]) == 2


@given(
    whole=st.lists(st.text(st.characters(exclude_characters="\r\n", codec="utf-8"), max_size=20)),
    line=st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), min_size=1, max_size=20),
    cut=st.floats(0, 1, exclude_max=True),
)
def test_a_line_torn_anywhere_is_set_aside(
    tmp_path_factory: pytest.TempPathFactory, whole: list[str], line: str, cut: float
) -> None:
    path = tmp_path_factory.mktemp("torn") / "events.jsonl"
    for sound in whole:
        append_line(path, sound)
    record = line.encode()
    torn = record[: int(cut * len(record))]
    with path.open("ab") as stream:
        stream.write(torn)
    assert read_lines(path) == (whole, torn.decode(errors="replace"))
    append_line(path, "next")
    assert read_lines(path) == ([*whole, "next"], "")
    aside = path.with_name("events.jsonl.torn")
    assert (aside.read_bytes() if torn else b"\n") == torn + b"\n"


def test_a_torn_line_longer_than_a_block_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line_files, "_BLOCK", 4)
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"first\nsecond\n" + b"x" * 30)
    append_line(path, "third")
    assert read_lines(path)[0] == ["first", "second", "third"]


def test_a_disk_that_fills_up_within_a_line_is_told_and_mended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "events.jsonl"
    append_line(path, "first")

    def half(target: Path, data: bytes) -> None:
        with target.open("ab") as stream:
            stream.write(data[:3])
        raise OSError(errno.ENOSPC, "full")

    with monkeypatch.context() as patched:
        patched.setattr(line_files, "_append", half)
        with pytest.raises(ProjectError, match="disk is full"):
            append_line(path, "second")
    assert read_lines(path) == (["first"], "sec")
    append_line(path, "second")
    assert read_lines(path) == (["first", "second"], "")


def test_reading_what_is_missing_or_no_text_is_told(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="is missing"):
        read_lines(tmp_path / "no")
    (tmp_path / "bad").write_bytes(b"\xff\xfe\n")
    with pytest.raises(ProjectError, match="damaged"):
        read_lines(tmp_path / "bad")
