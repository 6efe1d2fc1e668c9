"""What is said about an object, in a cell, in a line and in a tooltip."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

_UNITS = {"micrometer": "µm", "nanometer": "nm", "millimeter": "mm", "micron": "µm"}
_NONE = "–"


def fraction(value: float) -> str:
    """A score or an uncertainty."""
    return _NONE if math.isnan(value) else f"{value:.2f}"


def pixels(area: float) -> str:
    """An area in four characters or five."""
    if math.isnan(area):
        return _NONE
    for size, letter in ((1e6, "M"), (1e4, "k")):
        if area >= size:
            shown = area / (1e6 if letter == "M" else 1e3)
            return f"{shown:.1f}{letter}" if shown < 100 else f"{shown:.0f}{letter}"
    return f"{area:.0f}"


def physical(area: float, pixel_size: tuple[float, float] | None, unit: str) -> str:
    """An area with its unit; empty where the size of a pixel or its unit is not known."""
    if pixel_size is None or not unit or math.isnan(area):
        return ""
    return f"{area * pixel_size[0] * pixel_size[1]:.4g} {_UNITS.get(unit, unit)}²"


def line(row: Mapping[str, Any], area: str, reason: str = "") -> str:
    """An object in one line.

    Parameters
    ----------
    row : mapping of str to object
        Its row of the table of objects.
    area : str
        See `physical`.
    reason : str
        Why somebody gave it.
    """
    name = f"#{row['label']} {row['class']}".rstrip()
    parts = [reason, name, row["status"], row["source"], area or f"{row['area']} px"]
    return " · ".join(part for part in parts if part)


def story(row: Mapping[str, Any], area: str, reason: str = "") -> str:
    """An object in a few lines: everything that the table knows and no column shows."""
    said = {
        "": line(row, "", reason),
        "area": area,
        "score": "" if math.isnan(row["score"]) else f"{row['score']:.3f}",
        "uncertainty": "" if math.isnan(row["uncertainty"]) else f"{row['uncertainty']:.3f}",
        "comment": row["comment"],
        "prompt": row["prompt"],
        "model": row["model"],
        "created": row["created_at"],
        "changed": row["modified_at"],
        "edits": row["n_edits"] or "",
        "uid": row["object_uid"],
    }
    return "\n".join(
        f"{name}: {text}" if name else str(text) for name, text in said.items() if text
    )
