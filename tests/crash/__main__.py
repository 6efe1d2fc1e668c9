"""Kill a program that works many times, and look each time that nothing was lost.

``python -m tests.crash --kills 200`` without a window; ``--window 20`` with one, as well. Prints
what the kills struck, and exits with 1 where an edit is missing.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table

from tests.crash.campaign import campaign


def main() -> int:
    """Exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--kills", type=int, default=200, help="of a program without a window")
    parser.add_argument("--window", type=int, default=0, help="of a program with a window")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of what happens when")
    options = parser.parse_args()
    Console().print(f"seed {options.seed}")
    sound = True
    if options.kills:
        sound &= _run("without a window", options.kills, campaign, options.seed)
    return not sound


def _run(title: str, n_kills: int, kind: object, seed: int) -> bool:
    phases: Counter[str] = Counter()
    ops: Counter[str] = Counter()
    n_reported = n_found = 0
    with tempfile.TemporaryDirectory() as folder:
        try:
            for killed, account in track(campaign(Path(folder), n_kills, seed), title, n_kills):
                phases[killed.phase or "in between"] += 1
                ops.update(done.op for done in killed.done)
                n_reported, n_found = n_reported + len(killed.done), account.n_edits
        except AssertionError as failure:
            Console().print(f"[red]{title}: after {phases.total()} kills: {failure}")
            return False
    table = Table("killed while", "kills", title=f"{title}: {n_found} of {n_reported} edits found")
    for phase, count in phases.most_common():
        table.add_row(phase, str(count))
    Console().print(table)
    Console().print(dict(ops.most_common()))
    return n_found == n_reported


if __name__ == "__main__":
    sys.exit(main())
