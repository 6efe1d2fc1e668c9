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
    later_window,
    windows_at_clicks,
)
from napari_vlseg.models.sam_masks import is_cut, moved
from napari_vlseg.models.sam_prompts import PlacedPrompt
from napari_vlseg.models.sam_runner import Question, SamRunner
from napari_vlseg.object_prompts import MaskLogits


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
    clicked = [n for n, prompt in enumerate(prompts) if not _tells_size(prompt)]
    sized = [n for n, prompt in enumerate(prompts) if _tells_size(prompt)]
    at_clicks = yield from _at_clicks(runner, content, [prompts[n] for n in clicked])
    in_window = yield from _in_window(runner, content, [prompts[n] for n in sized], three=three)
    found = dict(zip([*clicked, *sized], [*at_clicks, *in_window], strict=True))
    return [different_first(found[n], 3 if three else 1) for n in range(len(prompts))]


def _tells_size(prompt: PlacedPrompt) -> bool:
    return prompt.box is not None or prompt.mask is not None or prompt.near is not None


class _Search:
    """One clicked object of unknown size, and what came back so far."""

    def __init__(self, runner: SamRunner, content: EncodedPlane, prompt: PlacedPrompt) -> None:
        self.prompt = prompt
        self.lattice = content.lattice
        self.found: list[Candidate] = []
        tiers = windows_at_clicks(self.lattice, prompt, runner.network.input_size)
        self.tiers = [[Question(prompt, window) for window in windows] for windows in tiers]

    def goes_on(self, level: int) -> bool:
        """Whether the questions of a level have to be asked."""
        if level >= len(self.tiers):
            return False
        return level == 0 or credibility(self.found[0], self.lattice, self.prompt) < CREDIBLE

    def add(self, candidates: Sequence[Candidate]) -> None:
        """Keep answers, the most credible first."""
        self.found = best_first([*self.found, *candidates], self.lattice, self.prompt)


def _at_clicks(
    runner: SamRunner, content: EncodedPlane, prompts: Sequence[PlacedPrompt]
) -> Work[list[list[Candidate]]]:
    """The most credible answer of any scale, drawn once more at its size; then the others.

    What a window cuts off even then is drawn a third time, with more around it.
    """
    searches = [_Search(runner, content, prompt) for prompt in prompts]
    for level in range(max((len(one.tiers) for one in searches), default=0)):
        asking = [one for one in searches if one.goes_on(level)]
        questions = [question for one in asking for question in one.tiers[level]]
        answers = iter((yield from runner.answer(content, questions, three=True)))
        for one in asking:
            one.add([found for _ in one.tiers[level] for found in next(answers)])
    drawn = [one.found[0] for one in searches]
    drawn = yield from _redraw(runner, content, prompts, drawn)
    cut = [n for n, found in enumerate(drawn) if is_cut(found.logits, content.lattice.shape)]
    wider = yield from _redraw(runner, content, [prompts[n] for n in cut], [drawn[n] for n in cut])
    for number, candidate in zip(cut, wider, strict=True):
        drawn[number] = candidate
    return [
        [best, *_whole_first(one.found[1:], content)]
        for best, one in zip(drawn, searches, strict=True)
    ]


def _redraw(
    runner: SamRunner,
    content: EncodedPlane,
    prompts: Sequence[PlacedPrompt],
    drawn: Sequence[Candidate],
) -> Work[list[Candidate]]:
    """Each object once more, from its mask and in the window that suits the mask."""
    questions = [
        _correction(runner, content, prompt, found.logits)
        for prompt, found in zip(prompts, drawn, strict=True)
    ]
    answers = yield from runner.answer(content, questions, three=False)
    return [candidate for (candidate,) in answers]


def _whole_first(candidates: Sequence[Candidate], content: EncodedPlane) -> list[Candidate]:
    """The same order, but what a window cuts off comes last: it is no one's object."""
    return sorted(candidates, key=lambda found: is_cut(found.logits, content.lattice.shape))


def _in_window(
    runner: SamRunner, content: EncodedPlane, prompts: Sequence[PlacedPrompt], *, three: bool
) -> Work[list[list[Candidate]]]:
    """Answers for objects of known size, from one window each."""
    questions = [_of_known_size(runner, content, prompt) for prompt in prompts]
    found = yield from runner.answer(content, questions, three=False)
    if not three:
        return found
    others = yield from runner.answer(content, questions, three=True)
    return [
        [*best, *best_first(more, content.lattice, prompt)]
        for best, more, prompt in zip(found, others, prompts, strict=True)
    ]


def _of_known_size(runner: SamRunner, content: EncodedPlane, prompt: PlacedPrompt) -> Question:
    """What to ask; mirrored views are averaged, except at places that are looked at in bulk."""
    lattice, network = content.lattice, runner.network
    if prompt.near is not None:
        window = lattice.for_object(prompt.near, COVERAGE)
        previous = None if prompt.mask is None else moved(prompt.mask, window, network.mask_size)
        return Question(prompt, window, previous)
    views = network.display.views
    if prompt.mask is not None:
        return _correction(runner, content, prompt, prompt.mask, views)
    return Question(prompt, lattice.for_object(prompt.extent(), COVERAGE), None, views)


def _correction(
    runner: SamRunner,
    content: EncodedPlane,
    prompt: PlacedPrompt,
    mask: MaskLogits,
    views: int = 1,
) -> Question:
    """The same prompt with a mask to go on from, in the window that suits the mask."""
    window = later_window(content.lattice, prompt, mask)
    return Question(prompt, window, moved(mask, window, runner.network.mask_size), views)
