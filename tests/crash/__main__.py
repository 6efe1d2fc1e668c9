"""Kill a program that works many times, and look each time that nothing was lost.

``python -m tests.crash --kills 200`` without a window; ``--window 20`` with one, and
``--learning 50`` while a training runs beside it, as well. Prints what the kills struck, and exits
with 1 where an edit or a finished epoch is missing.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table

from tests.crash.campaign import HEADLESS, LEARNING, WINDOW, Kind, campaign


def main() -> int:
    """Exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--kills", type=int, default=200, help="of a program without a window")
    parser.add_argument("--window", type=int, default=0, help="of a program with a window")
    parser.add_argument("--learning", type=int, default=0, help="of a program that learns")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of what happens when")
    options = parser.parse_args()
    Console().print(f"seed {options.seed}")
    sound = True
    campaigns = ((HEADLESS, options.kills), (WINDOW, options.window), (LEARNING, options.learning))
    for kind, n_kills in campaigns:
        if n_kills:
            sound &= run(kind, n_kills, options.seed)
    return not sound


def run(kind: Kind, n_kills: int, seed: int) -> bool:
    """Whether nothing was lost."""
    phases: Counter[str] = Counter()
    n_reported = n_found = n_epochs = 0
    with tempfile.TemporaryDirectory() as folder:
        try:
            kills = campaign(kind, Path(folder), n_kills, seed)
            for killed, account in track(kills, kind.name, n_kills):
                phases[killed.phase or "in between"] += 1
                n_reported, n_found = n_reported + len(killed.done), account.n_edits
                n_epochs += len(killed.epochs)
        except AssertionError as failure:
            Console().print(f"[red]{kind.name}: after {phases.total()} kills: {failure}")
            return False
    title = f"{kind.name}: {n_found} of {n_reported} edits found"
    if n_epochs:
        title += f", and all of {n_epochs} finished epochs"
    table = Table("killed while", "kills", title=title)
    for phase, count in phases.most_common():
        table.add_row(phase, str(count))
    Console().print(table)
    return n_found == n_reported


def with_a_screen() -> int | None:
    """Run again on a virtual screen where there is none; None where there is one."""
    if sys.platform in ("darwin", "win32") or {"DISPLAY", "WAYLAND_DISPLAY"} & os.environ.keys():
        return None
    again = [sys.executable, "-m", "tests.crash", *sys.argv[1:]]
    return subprocess.run(["xvfb-run", "-a", *again], check=False).returncode


if __name__ == "__main__":
    status = with_a_screen() if "--window" in sys.argv else None
    sys.exit(main() if status is None else status)
