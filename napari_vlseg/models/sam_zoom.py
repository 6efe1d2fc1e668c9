"""Many objects, each in the windows that show it well: what is asked, and in which order."""

from __future__ import annotations

from collections.abc import Sequence

from napari_vlseg.events import Work
from napari_vlseg.models.sam_cache import EncodedPlane
from napari_vlseg.models.sam_choice import (
    COVERAGE,
    CREDIBLE,
    Candidate,
    best_first,
    credibility,
    different_first,
    first_windows,
    later_window,
)
from napari_vlseg.models.sam_masks import moved
from napari_vlseg.models.sam_network import SamNetwork
from napari_vlseg.models.sam_prompts import PlacedPrompt
from napari_vlseg.models.sam_runner import Question, SamRunner
from napari_vlseg.models.sam_windows import Window


class _Search:
    """One object, what has been asked about it and what came back."""

    def __init__(
        self, prompt: PlacedPrompt, tiers: Sequence[Sequence[Question]], content: EncodedPlane
    ) -> None:
        self.prompt = prompt
        self.tiers = tiers
        self._lattice = content.lattice
        self._found: list[Candidate] = []

    def goes_on(self, level: int) -> bool:
        """Whether the questions of a level have to be asked."""
        if level >= len(self.tiers):
            return False
        return level == 0 or credibility(self.best, self._lattice, self.prompt) < CREDIBLE

    def add(self, candidates: Sequence[Candidate]) -> None:
        """Keep answers, the most credible first."""
        self._found = best_first([*self._found, *candidates], self._lattice, self.prompt)

    @property
    def best(self) -> Candidate:
        """The most credible answer so far."""
        return self._found[0]

    def question_of_best(self) -> Question:
        """The one whose answer is believed."""
        place = self.best.logits.window
        return next(q for tier in self.tiers for q in tier if q.window.place == place)

    def with_alternatives(self, others: Sequence[Candidate]) -> list[Candidate]:
        """The best and two others of the same window."""
        following = best_first(others, self._lattice, self.prompt)
        return different_first([self.best, *following], 3)


def search(
    runner: SamRunner, content: EncodedPlane, prompts: Sequence[PlacedPrompt], *, three: bool
) -> Work[list[list[Candidate]]]:
    """The most credible mask of each object in any window; two alternatives may follow.

    Parameters
    ----------
    runner : SamRunner
    content : EncodedPlane
    prompts : sequence of PlacedPrompt
        One per object.
    three : bool
        Three candidates for each object instead of one.
    """
    searches = [_Search(prompt, _tiers(runner, content, prompt), content) for prompt in prompts]
    for level in range(max((len(one.tiers) for one in searches), default=0)):
        asking = [one for one in searches if one.goes_on(level)]
        questions = [question for one in asking for question in one.tiers[level]]
        answers = iter((yield from runner.answer(content, questions, three=False)))
        for one in asking:
            one.add([found for _ in one.tiers[level] for found in next(answers)])
    if not three:
        return [[one.best] for one in searches]
    again = [one.question_of_best() for one in searches]
    others = yield from runner.answer(content, again, three=True)
    return [one.with_alternatives(found) for one, found in zip(searches, others, strict=True)]


def _tiers(runner: SamRunner, content: EncodedPlane, prompt: PlacedPrompt) -> list[list[Question]]:
    """What to ask about an object, in order of trial."""
    lattice, network = content.lattice, runner.network
    if prompt.near is not None:
        return [[_question_near(prompt, lattice.for_object(prompt.near, COVERAGE), network)]]
    if prompt.mask is not None:
        window = later_window(lattice, prompt, prompt.mask)
        previous = moved(prompt.mask, window, network.mask_size)
        return [[Question(prompt, window, previous, network.display.views)]]
    return [
        [
            Question(prompt, window, None, _views(windows, network.display.views))
            for window in windows
        ]
        for windows in first_windows(lattice, prompt, network.input_size)
    ]


def _question_near(prompt: PlacedPrompt, window: Window, network: SamNetwork) -> Question:
    """The one look at a place that is known; many objects are asked about in this way."""
    previous = None if prompt.mask is None else moved(prompt.mask, window, network.mask_size)
    return Question(prompt, window, previous)


def _views(windows: Sequence[Window], most: int) -> int:
    """Mirrored views to average: of many windows one each, since another may be chosen."""
    return most if len(windows) == 1 else 1
