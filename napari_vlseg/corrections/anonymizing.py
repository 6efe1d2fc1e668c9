"""Removing what is recorded about people from a project; what they made stays.

Ids and seconds go, times keep the day. Each file is replaced whole, so that a program that is
killed leaves a project that is sound; running it again does the rest.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from napari_vlseg.corrections.documents import encode_document
from napari_vlseg.corrections.journal import EVENTS_NAME, Journal
from napari_vlseg.corrections.people import day_of
from napari_vlseg.corrections.sealing import sealed, unsealed
from napari_vlseg.corrections.segments import ACTIVE_NAME
from napari_vlseg.corrections.store import Project
from napari_vlseg.errors import LedgerError, ProjectError
from napari_vlseg.events import Progress, Work
from napari_vlseg.files import atomic_write_bytes, reading

_IDS = frozenset({"annotator", "created_by", "modified_by"})
_TIMES = frozenset({"time", "created", "added", "created_at", "modified_at"})
_SECONDS = frozenset({"edit_seconds", "seconds"})
_NO_TEXT = re.compile(rb'"(annotator|created_by|modified_by)":\s*"[^"]*"')
_KINDS = re.compile(r"napari-vlseg-(project|image|objects|proposals)")


def anonymize(folder: Path | str) -> Work[int]:
    """Remove ids of people, times of day and seconds from all files of a project.

    Parameters
    ----------
    folder : Path or str
        The project. No image of it may be open for editing.

    Yields
    ------
    Progress
        Stage “anonymizing”, one for each image.

    Returns
    -------
    int
        Number of files that were changed.

    Raises
    ------
    ProjectError
        If an image is open for editing, a journal is damaged, or the project can't be written.
    """
    project = Project.open(folder)
    journal = Journal(project.folder)
    changed = 0
    for done, entry in enumerate(project.images):
        yield Progress("anonymizing", done, len(project.images))
        if (entry.folder / ACTIVE_NAME).exists():
            entry.open_ledger().close()  # mends what a crash left
        with entry.kept_from_editing(), journal.locked(entry.folder):
            changed += _anonymize_folder(entry.folder, journal, entry.id)
            changed += _anonymize_folder(entry.folder / "proposals", journal, entry.id)
    with journal.locked(project.folder):
        changed += _anonymize_folder(project.folder, journal)
    with journal.locked(project.folder):  # once more: the writes of the first are noted now
        events = _rewritten(project.folder / EVENTS_NAME, _events)
        if events is not None:
            atomic_write_bytes(project.folder / EVENTS_NAME, events)
            changed += 1
    yield Progress("anonymizing", len(project.images), len(project.images))
    return changed


def without_person(value: Any, name: str = "") -> Any:
    """A JSON value without ids of people, times of day and seconds.

    Parameters
    ----------
    value : JSON value
    name : str
        Of the field or column that holds it.
    """
    if isinstance(value, Mapping):
        if {"name", "values"} <= value.keys():  # a column of a table
            cells = [without_person(cell, value["name"]) for cell in value["values"]]
            return {**value, "values": cells}
        return {key: without_person(item, key) for key, item in value.items()}
    if isinstance(value, list):
        return [without_person(item) for item in value]
    if name in _IDS and isinstance(value, str):
        return ""
    if name in _TIMES and isinstance(value, str):
        return day_of(value)
    if name in _SECONDS and isinstance(value, int | float):
        return 0.0
    return value


def _anonymize_folder(folder: Path, journal: Journal, image: str | None = None) -> int:
    details = {} if image is None else {"image": image}
    changed = 0
    for path, rewrite in _rewrites(folder):
        data = _rewritten(path, rewrite)
        if data is None:
            continue
        if path.name != ACTIVE_NAME and path.suffix != ".torn":
            journal.write("anonymize", path, data, **details)
        else:
            atomic_write_bytes(path, data)
        changed += 1
    return changed


def _rewrites(folder: Path) -> Iterator[tuple[Path, Callable[[bytes], bytes]]]:
    paths = sorted(folder.iterdir()) if folder.is_dir() else []
    for path in paths:
        if path.suffix == ".torn":
            yield path, _pieces
        elif re.fullmatch(r"edits(\.\d+)?\.jsonl", path.name):
            yield path, _edits
        elif re.fullmatch(r"edits\.\d+\.jsonl\.gz", path.name):
            yield path, _packed_edits
        elif path.suffix == ".json":
            yield path, _document


def _rewritten(path: Path, rewrite: Callable[[bytes], bytes]) -> bytes | None:
    """What a file becomes; None if it stays as it is."""
    with reading(path):
        before = path.read_bytes()
    try:
        after = rewrite(before)
    except (LedgerError, ValueError, KeyError, OSError, EOFError) as failure:
        raise ProjectError(f"“{path}” is damaged: put it back from a backup.") from failure
    return None if after == before else after


def _document(data: bytes) -> bytes:
    body = json.loads(data)
    kind = _KINDS.fullmatch(str(body.get("format"))) if isinstance(body, dict) else None
    if kind is None:
        return data
    bare = without_person(body)
    if bare == body:
        return data
    return encode_document(
        kind[1], {name: bare[name] for name in bare if name not in ("format", "version")}
    )


def _edits(data: bytes) -> bytes:
    lines = data.split(b"\n")
    if lines.pop():
        raise ValueError("a torn line")
    made = [sealed(_without_annotator(unsealed(line))) for line in lines]
    return "".join(f"{line}\n" for line in made).encode("ascii")


def _without_annotator(body: dict[str, Any]) -> dict[str, Any]:
    bare = without_person(body)
    bare.pop("annotator", None)
    return bare


def _packed_edits(data: bytes) -> bytes:
    plain = gzip.decompress(data)
    bare = _edits(plain)
    return data if bare == plain else gzip.compress(bare, mtime=0)


def _events(data: bytes) -> bytes:
    lines = [line for line in data.split(b"\n") if line]
    bare = (without_person(json.loads(line)) for line in lines)
    return "".join(f"{json.dumps(line, ensure_ascii=False)}\n" for line in bare).encode("utf-8")


def _pieces(data: bytes) -> bytes:
    """What is no whole line any more: ids are blotted out."""
    return _NO_TEXT.sub(rb'"\1":""', data)
