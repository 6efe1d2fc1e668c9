"""Keys and mouse of the window, read from its source: importing that would need Qt."""

from __future__ import annotations

import ast
from functools import lru_cache
from pathlib import Path

_SOURCE = Path(__file__).parents[2] / "napari_vlseg" / "ui" / "keys.py"
_GROUPS = {
    "everywhere": "KEYS",
    "clicks": "CLICK_KEYS",
    "mouse": "CLICK_GESTURES",
    "review": "REVIEW_KEYS",
}


def table(group: str) -> str:
    """One group as a Markdown table.

    Parameters
    ----------
    group : {"everywhere", "clicks", "mouse", "review"}

    Raises
    ------
    LookupError
        If there is no such group, or the source no longer has it.
    """
    rows = entries(group)
    shown = (lambda key: key) if group == "mouse" else _key
    head = "mouse" if group == "mouse" else "key"
    lines = [f"| {head} | what it does |", "|---|---|"]
    return "\n".join(lines + [f"| {shown(key)} | {text} |" for key, text in rows])


def entries(group: str) -> list[tuple[str, str]]:
    """Key or gesture and what it does, in the order of the window."""
    if group not in _GROUPS:
        raise LookupError(f"There are no keys “{group}”: choose {', '.join(_GROUPS)}.")
    name, rows = _GROUPS[group], _assigned()
    if name not in rows:
        raise LookupError(f"{_SOURCE} no longer assigns {name}.")
    at = 0 if group == "mouse" else 1  # the action's name comes before its key
    return [(row[at], row[-1]) for row in rows[name]]


@lru_cache(maxsize=1)
def _assigned() -> dict[str, list[list[str]]]:
    """Tuples of rows that the source assigns to a name; a row is a call or a tuple of texts."""
    found = {}
    for node in ast.parse(_SOURCE.read_text("utf-8")).body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Tuple):
            rows = [_texts(row) for row in node.value.elts]
            for target in node.targets:
                if isinstance(target, ast.Name):
                    found[target.id] = rows
    return found


def _texts(row: ast.expr) -> list[str]:
    parts = row.args if isinstance(row, ast.Call) else getattr(row, "elts", [])
    return [ast.literal_eval(part) for part in parts]


def _key(key: str) -> str:
    parts = key.replace("Return", "Enter").split("+")
    return "+".join(f"<kbd>{part}</kbd>" for part in parts)
