"""Objects of one plane, each clicked until it is right: one person per object, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from napari_vlseg.errors import SettingsError
from napari_vlseg.events import Work
from napari_vlseg.metrics import iou
from napari_vlseg.models.base import MaskProposal, PromptableEmbedding, PromptableSegmenter
from napari_vlseg.object_prompts import ObjectPrompt
from napari_vlseg.training.simulation.clicker import Click, Mask, next_click
from napari_vlseg.workflow.clicking import ClickSession
from napari_vlseg.workflow.outlines import Outline

MOST_CLICKS = 20


@dataclass(frozen=True)
class Clicking:
    """How a simulated person clicks.

    Attributes
    ----------
    enough : float
        IoU with the truth at which the person is content.
    most_clicks : int
        After which the person gives up on clicking.
    jitter : float
        See `next_click`, in pixels.

    Raises
    ------
    SettingsError
        If a value is out of range.
    """

    enough: float = 0.9
    most_clicks: int = MOST_CLICKS
    jitter: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.enough <= 1:
            raise SettingsError(
                f"The wanted IoU is {self.enough:g}: choose a number above 0 and up to 1."
            )
        if self.most_clicks < 1:
            raise SettingsError(f"There are {self.most_clicks} clicks at most: choose 1 or more.")
        if not self.jitter >= 0:
            raise SettingsError(f"The jitter is {self.jitter:g} pixels: choose 0 or more.")


@dataclass(frozen=True, eq=False)
class Task:
    """One object that somebody wants outlined.

    Attributes
    ----------
    truth : numpy.ndarray, shape (H, W), bool
    start : numpy.ndarray, shape (H, W), bool, or None
        What there is already, to be corrected.
    seed : sequence of int
        Of the jitter.
    """

    truth: Mask = field(repr=False)
    start: Mask | None = field(repr=False, default=None)
    seed: Sequence[int] = (0,)


@dataclass(frozen=True)
class Clicked:
    """What clicking one object came to.

    Attributes
    ----------
    ious : tuple of float
        With the truth: before the first click (0 from scratch), then after each.
    clicks : tuple of Click
        No two at one place.
    """

    ious: tuple[float, ...]
    clicks: tuple[Click, ...]

    def needed(self, wanted: float) -> int | None:
        """Clicks until an IoU was reached first; None where it never was."""
        reached = (number for number, value in enumerate(self.ious) if value >= wanted)
        return next(reached, None)


def click_objects(
    model: PromptableSegmenter,
    embedding: PromptableEmbedding,
    tasks: Sequence[Task],
    clicking: Clicking,
) -> Work[tuple[Clicked, ...]]:
    """Click objects until each is right, or the clicks are used up.

    The objects don't know of each other. The same click of all of them is answered in one call.
    The model is told after each click what the window would tell it (`ClickSession`), and the
    candidate that it takes for the best is gone on from.

    Parameters
    ----------
    model : PromptableSegmenter
    embedding : PromptableEmbedding
    tasks : sequence of Task
    clicking : Clicking

    Yields
    ------
    Progress or Notice

    Returns
    -------
    tuple of Clicked
        In the order of the tasks.
    """
    people = [_Person(task, clicking) for task in tasks]
    while asking := [(person, prompt) for person in people if (prompt := person.click())]:
        # One click has several answers; with what it gave, or a mask, a single one is more exact.
        for three in (True, False):
            group = [(who, prompt) for who, prompt in asking if (prompt.mask is None) is three]
            if group:
                prompts = [prompt for _, prompt in group]
                answers = yield from model.predict_objects_steps(
                    embedding, prompts, multimask=three
                )
                for (person, _), candidates in zip(group, answers, strict=True):
                    person.see(candidates)
    return tuple(person.account for person in people)


class _Person:
    """Somebody at one object."""

    def __init__(self, task: Task, clicking: Clicking) -> None:
        self._truth, self._clicking = task.truth, clicking
        self._rng = np.random.default_rng(list(task.seed))
        shape = (task.truth.shape[0], task.truth.shape[1])
        self._session = ClickSession(shape, task.start)
        self._found = np.zeros(shape, bool) if task.start is None else task.start
        self._ious = [iou(self._found, self._truth)]
        self._clicks: list[Click] = []

    @property
    def account(self) -> Clicked:
        return Clicked(tuple(self._ious), tuple(self._clicks))

    def click(self) -> ObjectPrompt | None:
        """Click once more, and ask; None where the person is done."""
        clicking = self._clicking
        if self._ious[-1] >= clicking.enough or len(self._clicks) >= clicking.most_clicks:
            return None
        click = next_click(
            self._found,
            self._truth,
            {click.place for click in self._clicks},
            jitter=clicking.jitter,
            rng=self._rng,
        )
        if click is None:
            return None
        self._clicks.append(click)
        self._session.click(*click.place, click.includes)
        asked = self._session.wanted
        assert asked is not None, "a click is a question"
        return asked[1]

    def see(self, candidates: Sequence[MaskProposal]) -> None:
        """Look at the answer to the last click."""
        outlines = tuple(map(Outline.of_proposal, candidates))
        self._session.answer(self._session.step.number, outlines)
        self._found = outlines[0].on_plane(self._session.shape)
        self._ious.append(iou(self._found, self._truth))
