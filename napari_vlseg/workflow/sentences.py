"""One edit of one object in plain words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True)
class Happening:
    """What one edit did to one object.

    Attributes
    ----------
    op : str
        Kind of the edit; for “undo” and “redo” that of the edit they are about is in `what`.
    uid : str
        The object.
    old, new : mapping or None
        Cells of its row that change; None where there is no row before or after.
    row : mapping
        All its cells afterwards, or before it went.
    cause : mapping
        Of the edit.
    gained, lost : int
        Pixels of the object.
    others : int
        Other objects of the edit.
    what : str
    """

    op: str
    uid: str
    old: Mapping[str, Any] | None
    new: Mapping[str, Any] | None
    row: Mapping[str, Any]
    cause: Mapping[str, Any] = field(default_factory=dict)
    gained: int = 0
    lost: int = 0
    others: int = 0
    what: str = ""


def sentence(one: Happening) -> str:
    """What happened, without who and when."""
    if one.op in ("undo", "redo"):
        verb = "undone" if one.op == "undo" else "done again"
        return f"{verb}: edit {one.cause.get('of', '?')} ({one.what}){_pixels(one)}"
    return _SENTENCES.get(one.op, _other)(one)


def _proposed(one: Happening) -> str:
    if one.new is None:
        return f"gone from what was proposed{_pixels(one)}"
    row = one.row
    verb = "proposed" if one.old is None else "proposed anew"
    by = f" by {row['model']}" if row.get("model") else ""
    prompt = f" from prompt “{row['prompt']}”" if row.get("prompt") else ""
    limit = _number(" at threshold ", row.get("threshold"))
    return f"{verb}{by}{prompt}{limit}{_number(' with score ', row.get('score'))}{_pixels(one)}"


def _thresholded(one: Happening) -> str:
    if one.new is None:
        return f"gone with another threshold{_pixels(one)}"
    verb = "came with" if one.old is None else "drawn anew at"
    return f"{verb} threshold{_number(' ', one.row.get('threshold'))}{_pixels(one)}"


def _drawn(one: Happening) -> str:
    verb = _VERBS[one.op]
    if one.old is None:
        return f"drawn: {verb}{_pixels(one)}"
    if one.new is None:
        return f"{verb} until nothing was left{_pixels(one)}"
    if one.lost and not one.gained and one.others and one.op != "erase":
        return f"lost to another object: {verb}{_pixels(one)}"
    return f"{verb}{_pixels(one)}"


def _committed(one: Happening) -> str:
    model = f" by {one.cause['model']}" if one.cause.get("model") else ""
    prompt = f" from {one.cause['prompt']}" if one.cause.get("prompt") else ""
    if one.old is None:
        return f"outlined{model}{prompt}{_pixels(one)}"
    if one.new is None:
        return f"covered by another outline{_pixels(one)}"
    if one.lost and not one.gained and one.cause.get("mode") != "subtract":
        return f"lost to another outline{_pixels(one)}"
    return f"corrected by clicks{model}{prompt}{_pixels(one)}"


def _propagated(one: Happening) -> str:
    model = f" by {one.cause['model']}" if one.cause.get("model") else ""
    origin = f" from plane {one.cause['from']}" if "from" in one.cause else ""
    return f"followed{origin}{model}{_pixels(one)}"


def _linked(one: Happening) -> str:
    if one.new is None:
        return f"found to be a part of another object{_pixels(one)}"
    return f"joined with what it is on other planes{_pixels(one)}"


def _merged(one: Happening) -> str:
    into = one.cause.get("merged_into", "")
    if into == one.uid:
        merged = ", ".join(map(str, one.cause.get("merged", ())))
        return f"merged with {merged or 'others'}{_pixels(one)}"
    return f"merged into {into or 'another object'}{_pixels(one)}"


def _split(one: Happening) -> str:
    origin = one.cause.get("split_of", "")
    if one.old is None:
        return f"split off from {origin or 'another object'}{_pixels(one)}"
    return f"split{_pixels(one)}"


def _classed(one: Happening) -> str:
    before, after = (dict(cells or {}).get("class", "") for cells in (one.old, one.new))
    return f"class changed from “{before}” to “{after}”" if before != after else "class confirmed"


def _flagged(one: Happening) -> str:
    is_flagged = dict(one.new or {}).get("status") == "flagged"
    return "flagged" if is_flagged else "flag taken away"


def _commented(one: Happening) -> str:
    text = dict(one.new or {}).get("comment", "")
    return f"commented: “{text}”" if text else "comment taken away"


def _imported(one: Happening) -> str:
    return f"came with labels from elsewhere{_pixels(one)}"


def _other(one: Happening) -> str:
    if one.old is None:
        return f"saved by a program as {one.row.get('status') or 'it was'}{_pixels(one)}"
    gone = " away" if one.new is None else ""
    return f"changed{gone} by a program{_pixels(one)}"


def _plainly(text: str) -> Callable[[Happening], str]:
    return lambda one: f"{text}{_pixels(one)}"


_VERBS = MappingProxyType(
    {"paint": "painted", "erase": "erased", "fill": "filled", "polygon": "drawn as a polygon"}
)
_SENTENCES: Mapping[str, Callable[[Happening], str]] = MappingProxyType(
    {
        "propose": _proposed,
        "threshold": _thresholded,
        **dict.fromkeys(_VERBS, _drawn),
        "commit": _committed,
        "propagate": _propagated,
        "link": _linked,
        "merge": _merged,
        "split": _split,
        "class": _classed,
        "flag": _flagged,
        "comment": _commented,
        "import": _imported,
        "accept": _plainly("accepted"),
        "reject": _plainly("rejected"),
        "restore": _plainly("restored"),
        "delete": _plainly("deleted"),
        "relabel": _plainly("renumbered"),
    }
)


def _pixels(one: Happening) -> str:
    parts = [f"+{one.gained}"] if one.gained else []
    parts += [f"−{one.lost}"] if one.lost else []
    return f" ({' '.join(parts)} pixels)" if parts else ""


def _number(before: str, value: Any) -> str:
    """A number with two digits, nothing where there is none."""
    if not isinstance(value, int | float) or value != value:
        return ""
    return f"{before}{value:.2f}"
