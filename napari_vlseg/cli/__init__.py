"""The command line: ``napari-vlseg``. Nothing heavy is imported before a command runs."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(args: Sequence[str] | None = None) -> None:
    """Run a command and exit with its code.

    0: done; 1: the input or the surroundings are at fault, said in one sentence on stderr;
    2: the command was called wrongly; 130: interrupted.

    Parameters
    ----------
    args : sequence of str, optional
        Arguments after the program's name; those of the process when omitted.
    """
    from napari_vlseg.cli.app import app

    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a console that lacks “ or ↔ must not end the run
            stream.reconfigure(errors="replace")
    app(args=None if args is None else list(args), prog_name="napari-vlseg")
