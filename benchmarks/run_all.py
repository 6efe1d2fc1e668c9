"""Run every benchmark of this folder, each in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SUBJECTS = (
    "thresholding",
    "prompting",
    "bundled_model",
    "clicks",
    "embedding_cache",
    "worker_thread",
    "gui_stalls",
    "clicks_in_window",
    "propagation",
    "finetuning",
    "train_in_window",
    "journalling",
    "replaying",
    "blocks",
    "large_images",
    "review_table",
    "cluster",
)


def main() -> int:
    """Exit status: how many subjects missed a goal. Options are passed on to each."""
    folder = Path(__file__).parent
    commands = [[sys.executable, str(folder / f"{name}.py"), *sys.argv[1:]] for name in SUBJECTS]
    return sum(subprocess.run(command, check=False).returncode != 0 for command in commands)


if __name__ == "__main__":
    sys.exit(main())
