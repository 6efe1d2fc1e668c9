"""What is remembered of the edits of a layer beside what they left: by their numbers."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from napari_vlseg.corrections.edits import Edit
from napari_vlseg.ui.editing.spread import Index
from napari_vlseg.ui.packing import Packed

OF_THE_PLUGIN = frozenset(("propose", "threshold", "propagate", "link", "import"))
"""Kinds of edits that nobody drew: composing anew may take them back."""

MANY = 2000
"""Objects from which on an edit is made ready beside the window."""


@dataclass(frozen=True)
class Origin:
    """Where an object was followed from.

    Attributes
    ----------
    plane : int
        On which a person said what it is.
    axis : int
        Along which of the leading axes.
    model : str
    """

    plane: int
    axis: int
    model: str = ""


@dataclass(eq=False)
class Past:
    """Of some edits of a layer.

    Attributes
    ----------
    counts : dict of index to numpy.ndarray or Packed
        How often people edited each pixel of planes: int16 in row-major order.
    decisions : dict of (uid, status) to (number, status)
        The edit that rejected or flagged an object last, and the status before.
    heavy : set of int
        Edits of very many objects.
    followed : dict of int to dict of index to Origin
        Label → plane → where propagation came from that wrote it there.
    """

    counts: dict[Index, np.ndarray | Packed] = field(default_factory=dict)
    decisions: dict[tuple[str, str], tuple[int, str]] = field(default_factory=dict)
    heavy: set[int] = field(default_factory=set)
    followed: dict[int, dict[Index, Origin]] = field(default_factory=dict)

    def note(self, edit: Edit) -> None:
        """Take in an edit as it is journalled."""
        if len(edit.rows) > MANY:
            self.heavy.add(edit.number)
        if edit.op == "propagate" and edit.pixels is not None:
            origin = Origin(
                int(edit.cause.get("from", 0)),
                int(edit.cause.get("axis", 0)),
                str(edit.cause.get("model", "")),
            )
            for label in edit.pixels.gained():
                self.followed.setdefault(label, {})[edit.plane] = origin
        for row in edit.rows:
            if row.old is None or row.new is None:
                continue
            status = row.new.get("status")
            if status in ("rejected", "flagged"):
                self.decisions[row.uid, status] = edit.number, str(row.old["status"])

    def follow(self, earlier: Past) -> None:
        """Take in what was before, but for the counts."""
        self.decisions = earlier.decisions | self.decisions
        self.heavy |= earlier.heavy
        for label, planes in earlier.followed.items():
            self.followed[label] = planes | self.followed.get(label, {})

    def shift(self, offset: int) -> None:
        """The edits have higher numbers now."""
        self.heavy = {number + offset for number in self.heavy}
        self.decisions = {
            key: (number + offset, status) for key, (number, status) in self.decisions.items()
        }
