"""The pictures of the tutorial: what its commands work on, and what comes out of them.

``python docs/hooks/lessons.py FOLDER`` draws them into a folder, for a look without a build.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from asking import vlseg_mini
from drawing import Panel, side_by_side

from napari_vlseg.events import run
from napari_vlseg.models.clipseg import ClipSegSegmenter
from napari_vlseg.training.finetune.corrected import CorrectedPlane, reviewed_pixels
from napari_vlseg.training.finetune.training import finetune
from napari_vlseg.training.simulation.pools import Pool, painted_pool
from napari_vlseg.workflow.propose import propose

FOLDER = "pictures"
_WIDTH = 196
_N_SHOWN, _N_CORRECTED, _PER_IMAGE = 4, 5, 3


def lesson(name: str) -> str:
    """A picture as Markdown, for a page at the top.

    Raises
    ------
    LookupError
        If there is no such picture.
    """
    if name not in LESSONS:
        raise LookupError(f"There is no picture “{name}”: choose {', '.join(LESSONS)}.")
    return f"![{LESSONS[name][0]}]({FOLDER}/{name}.webp)"


@lru_cache(maxsize=1)
def pictures() -> dict[str, bytes]:
    """All pictures as WebP files, by path in the docs; drawn once."""
    return {
        f"{FOLDER}/{name}.webp": side_by_side(panels(), _WIDTH)
        for name, (_, panels) in LESSONS.items()
    }


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


LESSONS: dict[str, tuple[str, Callable[[], Sequence[Panel]]]] = {
    "lesson-images": ("Painted slides with the objects that are corrected outlined", _images),
    "lesson-taught": ("What the model finds in images it never saw, once it was taught", _taught),
}
"""All pictures with what they say, by the names under which the page asks for them."""


def main(folder: str) -> None:
    """Draw all pictures into a folder."""
    for path, picture in pictures().items():
        target = Path(folder) / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(picture)


if __name__ == "__main__":
    main(sys.argv[1])
