"""One picture for each kind of prompt: sample images, asked and answered by the bundled models.

``python docs/hooks/figures.py FOLDER`` draws them into a folder, for a look without a build.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from albums import Album, Figure
from asking import as_labels, encoded, sam_mini, vlseg_mini
from drawing import Panel, Pen, Window
from pictures import COINS

import napari_vlseg
from napari_vlseg.images import extract_plane
from napari_vlseg.samples import load_sample
from napari_vlseg.workflow.api import default_view
from napari_vlseg.workflow.clicking import ClickSession, Outline

_NOT = "#4db8ff"
_NUCLEUS: Window = (105, 219, 154, 279)
_BOXES: tuple[Window, ...] = (
    _NUCLEUS,
    (90, 20, 150, 57),
    (157, 98, 198, 156),
    (40, 92, 67, 117),
)


def _text() -> list[Panel]:
    image, plane = _sample("purple_on_white")
    found = napari_vlseg.segment(image, text="nuclei", model=vlseg_mini())
    probabilities = found.probabilities[0][..., None].repeat(3, axis=-1)
    return [Panel(plane), Panel(probabilities), Panel(plane, found.labels)]


def _references() -> list[Panel]:
    image, plane = _sample("purple_on_purple")
    other, other_plane = _sample("purple_on_white")
    shown = {"nuclei": [(image, _NUCLEUS)]}
    here, there = (
        napari_vlseg.segment(one, references=shown, model=vlseg_mini()).labels
        for one in (image, other)
    )

    def box(pen: Pen) -> None:
        pen.box(_NUCLEUS)

    return [Panel(plane, draw=box), Panel(plane, here), Panel(other_plane, there)]


def _points() -> list[Panel]:
    image, plane = _sample("purple_on_purple")
    window, here, not_here = (80, 130, 160, 230), (117, 172), (108, 209)
    session = ClickSession(plane.shape[:2])

    def one(pen: Pen) -> None:
        pen.click(*here)

    def two(pen: Pen) -> None:
        one(pen)
        pen.click(*not_here, include=False)

    session.click(*here)
    _answer(session, image)
    panels = []
    for _ in session.step.candidates:
        panels.append(_shown(session, plane, one, window))
        session.cycle()
    session.click(*not_here, include=False)
    _answer(session, image)
    return [*panels, _shown(session, plane, two, window)]


def _boxes() -> list[Panel]:
    image, plane = _sample("purple_on_purple")
    edges = np.array(_BOXES) - 0.5
    found = sam_mini().predict(encoded(image), boxes=edges, multimask=False)

    def boxes(pen: Pen) -> None:
        for window in _BOXES:
            pen.box(window)

    return [Panel(plane, draw=boxes), Panel(plane, as_labels(found))]


def _drawing() -> list[Panel]:
    image, plane = _sample("purple_on_purple")
    window = (112, 40, 212, 170)
    along = [(128, 78), (140, 72), (152, 64), (166, 54)]
    beside = [(145, 105), (156, 96), (168, 84), (182, 74)]
    turn = np.linspace(0, 2 * np.pi, 24)
    around = np.stack([175 + 26 * np.sin(turn), 127 + 36 * np.cos(turn)], axis=1)
    scribbled, drawn = ClickSession(plane.shape[:2]), ClickSession(plane.shape[:2])
    panels = []

    def first(pen: Pen) -> None:
        pen.line(along)

    def both(pen: Pen) -> None:
        first(pen)
        pen.line(beside, _NOT)

    def lasso(pen: Pen) -> None:
        pen.line(around)

    scribbled.scribble(along)
    _answer(scribbled, image)
    panels.append(_shown(scribbled, plane, first, window))
    scribbled.scribble(beside, include=False)
    _answer(scribbled, image)
    panels.append(_shown(scribbled, plane, both, window))
    drawn.lasso(around)
    _answer(drawn, image)
    return [*panels, _shown(drawn, plane, lasso, window)]


def _refine() -> list[Panel]:
    image, plane = _sample("purple_on_white")
    found, refined = (
        napari_vlseg.segment(image, text="nuclei", model=vlseg_mini(), refine=outliner).labels
        for outliner in (None, sam_mini())
    )
    return [Panel(plane, found), Panel(plane, refined)]


def _everything() -> list[Panel]:
    image = COINS.load()
    plane = extract_plane(image)
    found = napari_vlseg.segment_everything(image, model=sam_mini())
    return [Panel(plane), Panel(plane, found.labels)]


FIGURES = {
    "text": Figure(
        "An image, the probabilities of “nuclei” in grey, and the objects made of them", _text, 264
    ),
    "references": Figure(
        "A box around one nucleus, what is like it there, and what is like it in another image",
        _references,
        264,
    ),
    "points": Figure(
        "Three candidates for one click, and the outline after a second click beside the object",
        _points,
        196,
    ),
    "boxes": Figure("Four boxes, and the object in each of them", _boxes, 400),
    "drawing": Figure(
        "An outline by a line over the object, by a second line over its neighbour, and by a lasso",
        _drawing,
        264,
    ),
    "refine": Figure(
        "Nuclei found by text, and the same outlined one by one by a click model", _refine, 400
    ),
    "everything": Figure("Coins, and what was outlined without a prompt", _everything, 400),
}
"""All pictures, by the names under which pages ask for them."""

ALBUM = Album("prompts/pictures", "prompts", FIGURES)


def _sample(name: str) -> tuple[np.ndarray, np.ndarray]:
    """A sample image, and the same as a plane (H, W, 3)."""
    image, _ = load_sample(name)
    return image, extract_plane(image, (), default_view(image))


def _answer(session: ClickSession, image: np.ndarray) -> None:
    """Do as the window does with the question that is open."""
    assert session.wanted is not None
    number, prompt = session.wanted
    (found,) = sam_mini().predict_objects(encoded(image), [prompt], multimask=True)
    session.answer(number, tuple(map(Outline.of_proposal, found)))


def _shown(
    session: ClickSession, plane: np.ndarray, draw: Callable[[Pen], None], window: Window
) -> Panel:
    assert session.outline is not None
    return Panel(plane, session.outline.on_plane(plane.shape[:2]).astype(int), draw, window)


if __name__ == "__main__":
    ALBUM.write(Path(sys.argv[1]))
