"""The place of a labels layer in a project."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from napari_vlseg.corrections.ledger import Ledger
from napari_vlseg.corrections.store import ImageEntry, Project

_EDITS_BETWEEN = 200
_SECONDS_BETWEEN = 180.0


@dataclass(eq=False)
class Home:
    """Where the edits of a layer are written.

    Attributes
    ----------
    project : Project
    entry : ImageEntry
    ledger : Ledger
    is_unsaved : bool
        Whether it is work without a project of the person's.
    saved : int
        Last edit that the label image holds.
    saved_at : float
        Monotonic time of that.
    """

    project: Project
    entry: ImageEntry
    ledger: Ledger
    is_unsaved: bool = False
    saved: int = 0
    saved_at: float = field(default_factory=time.monotonic)

    @property
    def is_behind(self) -> bool:
        """Whether the label image is far behind the journal."""
        behind = self.ledger.last - self.saved
        late = time.monotonic() - self.saved_at > _SECONDS_BETWEEN
        return behind >= _EDITS_BETWEEN or (behind > 0 and late)

    def note_saved(self, number: int) -> None:
        """Note that the label image holds an edit and all before it."""
        self.saved, self.saved_at = number, time.monotonic()
