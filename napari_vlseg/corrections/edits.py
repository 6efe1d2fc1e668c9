"""One edit of an image's labels and objects, and the line of the journal that tells it.

The line is described in docs/on-disk-format.md.
"""

from __future__ import annotations

import base64
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from napari_vlseg.corrections.sealing import (
    damaged_line,
    encode_json,
    is_sealed,
    plain,
    seal,
    unplain,
    unsealed,
)
from napari_vlseg.object_table import RowChange
from napari_vlseg.pixel_changes import PixelChange

OPS = (
    "propose",
    "threshold",
    "paint",
    "erase",
    "fill",
    "polygon",
    "commit",
    "propagate",
    "link",
    "merge",
    "split",
    "delete",
    "relabel",
    "class",
    "accept",
    "reject",
    "restore",
    "flag",
    "comment",
    "import",
    "other",
    "undo",
    "redo",
)
"""Kinds of edits. “undo” and “redo” name another edit and carry nothing of their own."""

_TYPES = ("<i2", "<i4", "<i8")
_HEAD = re.compile(rb'\{"n":(\d+),"op":"([a-z_]+)"(?:,"of":(\d+))?,')


@dataclass(frozen=True, eq=False)
class Edit:
    """One edit, as a person or the program made it.

    Attributes
    ----------
    op : str
        One of `OPS`.
    pixels : PixelChange or None
        Pixels of the whole labels array that change.
    rows : tuple of RowChange
        Rows of the table of objects that change.
    plane : tuple of int
        Leading position of the plane that the person looked at.
    cause : mapping
        What it came from, as JSON: prompt, model, proposal, threshold, policy, and so on;
        ``of`` is the number of the edit that “undo” and “redo” are about.
    number : int
        Place in the journal of the image, from 1; 0 before it is journalled.
    time : str
        UTC, ISO 8601; stamped by the ledger, as `annotator` is.
    annotator : str
        Opaque id of the person, may be empty.
    text : str
        JSON of `rows` and `pixels`, where `packed` made it beforehand.
    """

    op: str
    pixels: PixelChange | None = None
    rows: tuple[RowChange, ...] = ()
    plane: tuple[int, ...] = ()
    cause: Mapping[str, Any] = field(default_factory=dict)
    number: int = 0
    time: str = ""
    annotator: str = ""
    text: str = field(default="", repr=False)

    def inverted(self) -> Edit:
        """The edit that takes this one back; what is not about pixels and rows stays."""
        return replace(
            self,
            pixels=None if self.pixels is None else self.pixels.inverted(),
            rows=tuple(row.inverted() for row in reversed(self.rows)),
            text="",
        )


@dataclass(frozen=True)
class Head:
    """What the beginning of a line tells without decoding its pixels.

    Attributes
    ----------
    number : int
    op : str
    of : int
        Number of the edit that “undo” and “redo” are about, 0 for others.
    """

    number: int
    op: str
    of: int = 0


def encode_edit(edit: Edit) -> str:
    """An edit as one line of JSON, sealed with a checksum; see `decode_edit`."""
    cause = {str(key): plain(value) for key, value in edit.cause.items()}
    of = cause.pop("of", None) if edit.op in ("undo", "redo") else None
    body: dict[str, Any] = {"n": edit.number, "op": edit.op}
    if of is not None:
        body["of"] = of
    body["time"] = edit.time
    if edit.annotator:
        body["annotator"] = edit.annotator
    if edit.plane:
        body["plane"] = [int(position) for position in edit.plane]
    if cause:
        body["cause"] = cause
    return seal(encode_json(body)[:-1] + (edit.text or _contents(edit)))


def packed(edit: Edit) -> Edit:
    """The same edit with what is dear to write down written down, to be journalled quickly.

    Rows and pixels are not to be exchanged afterwards.
    """
    return replace(edit, text=_contents(edit))


def decode_edit(line: str | bytes) -> Edit:
    """Inverse of `encode_edit`.

    Raises
    ------
    LedgerError
        If the line is damaged.
    """
    body = unsealed(line)
    try:
        of = {"of": int(body["of"])} if "of" in body else {}
        pixels = body.get("pixels")
        return Edit(
            str(body["op"]),
            None if pixels is None else _decode_pixels(pixels),
            tuple(_decode_row(row) for row in body.get("rows", ())),
            tuple(int(position) for position in body.get("plane", ())),
            {**{key: unplain(value) for key, value in body.get("cause", {}).items()}, **of},
            int(body["n"]),
            str(body["time"]),
            str(body.get("annotator", "")),
        )
    except (KeyError, TypeError, ValueError, AttributeError, zlib.error) as failure:
        raise damaged_line() from failure


def read_head(line: bytes) -> Head:
    """Number and kind of the edit of a line, after a look at its checksum.

    Raises
    ------
    LedgerError
        If the line is damaged.
    """
    found = _HEAD.match(line)
    if found is None or not is_sealed(line):
        raise damaged_line()
    number, op, of = found.groups()
    return Head(int(number), op.decode(), int(of or 0))


def _contents(edit: Edit) -> str:
    """The last fields of a line: rows and pixels."""
    parts = []
    if edit.rows:
        parts.append(f',"rows":{_encode_rows(edit.rows)}')
    if edit.pixels is not None:
        parts.append(f',"pixels":{encode_json(_encode_pixels(edit.pixels))}')
    return "".join(parts)


def _encode_rows(rows: Sequence[RowChange]) -> str:
    body = [{"uid": row.uid, "old": row.old, "new": row.new} for row in rows]
    try:
        return encode_json(body)
    except (TypeError, ValueError):  # some cell is none of JSON's, nan for example
        return encode_json(plain(body))


def _decode_row(body: Mapping[str, Any]) -> RowChange:
    return RowChange(str(body["uid"]), unplain(body["old"]), unplain(body["new"]))


def _encode_pixels(change: PixelChange) -> dict[str, Any]:
    ends = change.starts + change.lengths
    gaps = change.starts - np.concatenate([change.starts[:1], ends[:-1]])
    table = np.stack([gaps, change.lengths, change.old, change.new])
    low, high = int(table.min()), int(table.max())
    kind = next(t for t in _TYPES if np.iinfo(t).min <= low and high <= np.iinfo(t).max)
    packed = zlib.compress(table.astype(kind).tobytes(), 1)
    return {
        "first": int(change.starts[0]),
        "runs": int(change.starts.size),
        "type": kind,
        "data": base64.b64encode(packed).decode("ascii"),
    }


def _decode_pixels(body: Mapping[str, Any]) -> PixelChange:
    if body["type"] not in _TYPES:
        raise ValueError(f"type {body['type']}")
    data = zlib.decompress(base64.b64decode(body["data"], validate=True))
    table = np.frombuffer(data, body["type"]).reshape(4, int(body["runs"])).astype(np.int64)
    gaps, lengths, old, new = table
    starts = int(body["first"]) + np.cumsum(gaps + lengths) - lengths
    return PixelChange(starts, lengths, old, new)
