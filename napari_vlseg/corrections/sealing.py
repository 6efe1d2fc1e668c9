"""Lines of JSON that end with a checksum, and values that JSON can hold."""

from __future__ import annotations

import json
import math
import re
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from napari_vlseg.errors import LedgerError

_AS_THEY_ARE = frozenset((str, int, bool, type(None)))
_NESTED = frozenset((dict, list))
_SEAL = re.compile(rb',"crc32":"([0-9a-f]{8})"\}')
_SEAL_LENGTH = len(b',"crc32":"00000000"}')


def sealed(body: Mapping[str, Any]) -> str:
    """JSON values on one line whose last field is the CRC-32 of all before it."""
    return seal(encode_json(body)[:-1])


def is_sealed(line: bytes) -> bool:
    """Whether a line ends with the right checksum."""
    found = _SEAL.fullmatch(line[-_SEAL_LENGTH:])
    return found is not None and int(found[1], 16) == zlib.crc32(line[:-_SEAL_LENGTH])


def unsealed(line: str | bytes) -> dict[str, Any]:
    """The values of a line that `sealed` made.

    Raises
    ------
    LedgerError
        If the line is damaged.
    """
    data = line.encode("utf-8", "surrogatepass") if isinstance(line, str) else line
    if not is_sealed(data):
        raise damaged_line()
    try:
        body = json.loads(data)
        if not isinstance(body, dict):
            raise ValueError("no object")
    except ValueError as failure:
        raise damaged_line() from failure
    del body["crc32"]
    return body


def plain(value: Any) -> Any:
    """A value as JSON can hold it; whatever it does not know becomes text, nothing is refused."""
    if type(value) in _AS_THEY_ARE:  # nearly all there is, and there is much of it
        return value
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"float": str(value)}
    if isinstance(value, Mapping):
        return {
            str(key): item if type(item) in _AS_THEY_ARE else plain(item)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    return str(value)


def unplain(value: Any) -> Any:
    """Inverse of `plain` for JSON values; JSON has no word for nan and infinity."""
    if isinstance(value, dict):
        if len(value) == 1 and "float" in value:
            return float(value["float"])
        return {
            key: unplain(item) if type(item) in _NESTED else item for key, item in value.items()
        }
    if isinstance(value, list):
        return [unplain(item) for item in value]
    return value


def seal(text: str) -> str:
    """Put the checksum behind JSON whose closing brace is missing."""
    return f'{text},"crc32":"{zlib.crc32(text.encode("ascii")):08x}"}}'


def encode_json(value: Any) -> str:
    """JSON on one line, without spaces."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def damaged_line() -> LedgerError:
    """What is raised about a line that is not as it was written."""
    return LedgerError("A line of the journal of edits is damaged: put it back from a backup.")
