"""Numbers of the bundled models, put into the pages from their reports and never typed.

In Markdown, ``{{ report MODEL: path/to/value }}`` is a value of the model's ``report.json`` with
three decimals (or as ``| FORMAT`` says), ``{{ scores MODEL: path }}`` a table of what lies there
with its overlaps, and ``{{ about MODEL: field }}`` a field of its specification. What stands
between ``<!-- with MODEL -->`` and ``<!-- end -->`` is shown where that model is bundled.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from napari_vlseg.models import registry
from napari_vlseg.models.spec import BUILT_IN, bundled_folder

_CALL = re.compile(r"\{\{ (\w+) ([\w-]+): ([^|}]+?)(?: \| ([^}]+))? \}\}")
_HEADINGS = {
    "iou": "IoU",
    "dice": "Dice",
    "mean": "mean IoU",
    "above_half": "share above IoU 0.5",
}
_PART = re.compile(r"<!-- with ([\w-]+) -->\n(.*?)<!-- end -->\n", re.DOTALL)


def fill(markdown: str) -> str:
    """Replace every call in a page, and leave out what is about models that are not there.

    Raises
    ------
    LookupError
        If a model, a path or a kind of call does not exist: the message names it.
    """
    there = bundled()
    shown = _PART.sub(lambda part: part[2] if part[1] in there else "", markdown)
    return _CALL.sub(lambda call: _answer(*call.groups()), shown)


def models(task: str) -> str:
    """The package's own models for a task, "text" or "clicks", as a Markdown table.

    Raises
    ------
    LookupError
        If there is none.
    """
    rows = [spec for spec in BUILT_IN if spec.task == task]
    if not rows:
        raise LookupError(f"There are no models for “{task}”: choose text or clicks.")
    lines = ["| model | what it is | licence | size | |", "|---|---|---|---|---|"]
    for spec in rows:
        comes = "bundled" if spec.source == "bundled" else "downloaded when first used"
        size = f"{spec.size_mb:.1f}" if spec.size_mb < 10 else f"{spec.size_mb:.0f}"
        lines.append(f"| `{spec.name}` | {spec.title} | {spec.licence} | {size} MB | {comes} |")
    return "\n".join(lines)


def bundled() -> set[str]:
    """Names of the models whose files came with the package."""
    every, _ = registry.discover()
    return {spec.name for spec in every if spec.source == "bundled" and spec.is_present()}


def _answer(kind: str, model: str, path: str, form: str | None) -> str:
    if kind == "report":
        return _shown(_value(model, path), form)
    if kind == "about":
        return _shown(getattr(_spec(model), path), form)
    if kind == "scores":
        return _table(_value(model, path))
    raise LookupError(f"“{kind}” can't be asked: choose report, about or scores.")


def _shown(value: Any, form: str | None) -> str:
    if form is None:
        form = ".3f" if isinstance(value, float) else ""
    return format(value, form)


def _table(rows: Mapping[str, Any]) -> str:
    """One line per prompt, with the columns that all of them have."""
    columns = [key for key in _HEADINGS if all(key in row for row in rows.values())]
    lines = [
        " | ".join(("| prompt", "asked", *(_HEADINGS[key] for key in columns))) + " |",
        "|---" * (2 + len(columns)) + "|",
    ]
    for name, row in rows.items():
        numbers = " | ".join(f"{row[key]:.3f}" for key in columns)
        lines.append(f"| {name} | {row['n']} | {numbers} |")
    return "\n".join(lines)


def _value(model: str, path: str) -> Any:
    value = _report(model)
    for step in path.split("/"):
        if not isinstance(value, Mapping) or step not in value:
            raise LookupError(f"The report of {model} has no {path}: {step} is missing.")
        value = value[step]
    return value


@lru_cache
def _report(model: str) -> Any:
    text = (bundled_folder(model) / "report.json").read_text("utf-8")
    return json.loads(text)


def _spec(model: str) -> registry.ModelSpec:
    found = {spec.name: spec for spec in registry.discover()[0]}
    if model not in found:
        raise LookupError(f"There is no model {model}: choose {', '.join(found)}.")
    return found[model]
