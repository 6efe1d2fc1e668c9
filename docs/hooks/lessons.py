"""The pictures of the tutorial: what its commands work on, and what comes out of them.

``python docs/hooks/lessons.py FOLDER`` draws them into a folder, for a look without a build.
"""

from __future__ import annotations

import sys
from functools import lru_cache
from pathlib import Path

import numpy as np
from albums import Album, Figure
from asking import vlseg_mini
from drawing import Panel

from napari_vlseg.events import run
from napari_vlseg.models.clipseg import ClipSegSegmenter
from napari_vlseg.training.finetune.corrected import CorrectedPlane, reviewed_pixels
from napari_vlseg.training.finetune.training import finetune
from napari_vlseg.training.simulation.pools import Pool, painted_pool
from napari_vlseg.workflow.propose import propose

_WIDTH = 196
_N_SHOWN, _N_CORRECTED, _PER_IMAGE = 4, 5, 3


@lru_cache(maxsize=1)
def slides() -> Pool:
    """The images of the tutorial."""
    return painted_pool(1, n_work=10, n_test=6)


def corrections() -> list[CorrectedPlane]:
    """What the tutorial draws: some objects of the first images, and their surroundings."""
    planes = []
    for image in slides().work[:_N_CORRECTED]:
        drawn = [int(label) for label in np.unique(image.labels) if label][:_PER_IMAGE]
        labels = np.where(np.isin(image.labels, drawn), image.labels, 0)
        classes = dict.fromkeys(drawn, slides().class_name)
        reviewed = reviewed_pixels(labels, drawn)
        planes.append(CorrectedPlane(image.plane, labels, classes, reviewed, image.group))
    return planes


def taught() -> ClipSegSegmenter:
    """The model that has learned from them."""
    base = vlseg_mini()
    assert isinstance(base, ClipSegSegmenter)
    return base.with_adapter(run(finetune(base, slides().prompts, corrections())))


def _images() -> list[Panel]:
    return [Panel(plane.plane, plane.labels) for plane in corrections()[:_N_SHOWN]]


def _taught() -> list[Panel]:
    model = taught()
    found = [
        (image.plane, run(propose(model, image.plane, slides().prompts)).labels)
        for image in slides().test[:_N_SHOWN]
    ]
    return [Panel(plane, labels) for plane, labels in found]


LESSONS = {
    "lesson-images": Figure(
        "Painted slides with the objects that are corrected outlined", _images, _WIDTH
    ),
    "lesson-taught": Figure(
        "What the model finds in images it never saw, once it was taught", _taught, _WIDTH
    ),
}
"""All pictures, by the names under which the page asks for them."""

ALBUM = Album("pictures", "", LESSONS)


if __name__ == "__main__":
    ALBUM.write(Path(sys.argv[1]))
