"""The program that is killed: it segments images of a folder and tells of each that is done.

``python -m tests.workflow.killed_batch IMAGES OUT``.
"""

from __future__ import annotations

import sys
from pathlib import Path

from napari_vlseg.events import run
from napari_vlseg.prompts import PromptTable
from napari_vlseg.workflow.batch import segment_files
from napari_vlseg.workflow.inputs import find_inputs
from napari_vlseg.workflow.jobs import plan_jobs
from tests.fakes import BrightnessSegmenter


def segment_folder(images: Path, out: Path, on_event=None):
    """What the command does, with a model that needs no weights."""
    found, _ = find_inputs([images], out)
    work = segment_files(plan_jobs(found, out), BrightnessSegmenter(), PromptTable.build("bright"))
    return run(work, on_event)


if __name__ == "__main__":
    segment_folder(
        Path(sys.argv[1]),
        Path(sys.argv[2]),
        lambda event: print(event, flush=True),  # noqa: T201
    )
