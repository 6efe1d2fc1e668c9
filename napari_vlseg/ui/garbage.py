"""Python's search for cyclic garbage, which stops the window while it lasts.

A full search looks at every container there is: 0.25 s for the 650,000 of napari, torch and
transformers. They stay until the program ends, so there is nothing to be found among them.
"""

from __future__ import annotations

import gc


def leave_out_what_there_is() -> None:
    """Let later searches look at what is made from now on only."""
    gc.freeze()


def look_at_all_again() -> None:
    """Undo `leave_out_what_there_is`, so that what a window held can be freed."""
    gc.unfreeze()
