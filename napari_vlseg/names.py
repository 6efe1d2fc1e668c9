"""Names that people give, made fit for file systems."""

from __future__ import annotations

import re
import unicodedata

_FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]')
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


def safe_name(name: str, *, longest: int = 80) -> str:
    """A name that every common file system takes, as close to `name` as possible.

    Path separators and the characters that Windows refuses become ``_``.

    Examples
    --------
    >>> safe_name("day 1/field:2.")
    'day 1_field_2'
    """
    readable = name.encode("utf-8", "replace").decode("utf-8")  # names of files may be any bytes
    name = _FORBIDDEN.sub("_", unicodedata.normalize("NFC", readable))
    while len(name.encode("utf-8")) > longest:
        name = name[:-1]
    name = name.strip(" .")
    return f"_{name}" if not name or _RESERVED.fullmatch(name) else name
