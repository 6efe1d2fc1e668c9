"""Passes of SAM's two halves over windows, with what to do when memory runs out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
import numpy.typing as npt
import torch

from napari_vlseg.events import Notice, Progress, Work
from napari_vlseg.models.devices import (
    is_out_of_memory,
    release_memory,
    unless_short_of_memory,
)
from napari_vlseg.models.memory import MemoryBudget
from napari_vlseg.models.sam_cache import EncodedPlane
from napari_vlseg.models.sam_choice import Candidate
from napari_vlseg.models.sam_network import Features, ModelPrompt, PromptNetwork
from napari_vlseg.models.sam_prompts import PlacedPrompt, in_window
from napari_vlseg.models.sam_windows import Window, flipped
from napari_vlseg.object_prompts import MaskLogits

_QUESTIONS_AT_ONCE = 256
"""So many have their windows in memory together."""

# Places of embeddings that the mask decoder takes at once. On a CPU more than two of SAM's
# own 64 × 64 leave the processor's cache, and each takes longer.
_PLACES = {"cpu": 2 * 64**2, "mps": 16 * 64**2, "cuda": 64 * 64**2}


@dataclass(frozen=True, eq=False)
class Question:
    """What is asked of one window.

    Attributes
    ----------
    prompt : PlacedPrompt
    window : Window
    previous : numpy.ndarray, shape (m, m), float32, or None
        Logits to go on from, as the window sees them.
    views : {1, 2, 4}
        How many mirrored views of the window are answered; logits and scores are averaged.
    """

    prompt: PlacedPrompt
    window: Window
    previous: npt.NDArray[np.float32] | None = field(default=None, repr=False)
    views: int = 1


class SamRunner:
    """Encodes windows and answers questions in as few passes as memory allows.

    Parameters
    ----------
    network : PromptNetwork
    device : torch.device
    dtype : torch.dtype
        Precision of the image encoder.

    Attributes
    ----------
    network : PromptNetwork
    budget : MemoryBudget
        Where it runs now and how much at once.
    """

    def __init__(self, network: PromptNetwork, device: torch.device, dtype: torch.dtype) -> None:
        self.network = network
        self.budget = MemoryBudget(device, dtype)
        self._pending: list[Notice] = []
        try:
            network.move(device, dtype)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            self._relieve(*self.budget.on_cpu())

    def answer(
        self, content: EncodedPlane, asked: Sequence[Question], *, three: bool
    ) -> Work[list[list[Candidate]]]:
        """Candidates for each question, in as few passes as possible.

        Parameters
        ----------
        content : EncodedPlane
        asked : sequence of Question
        three : bool
            Three candidates for each question instead of one.
        """
        answers: list[list[Candidate]] = []
        for first in range(0, len(asked), _QUESTIONS_AT_ONCE):
            some = asked[first : first + _QUESTIONS_AT_ONCE]
            answers += yield from self._answer(content, some, three=three)
            yield Progress("segmenting", len(answers), len(asked))
        return answers

    def _answer(
        self, content: EncodedPlane, asked: Sequence[Question], *, three: bool
    ) -> Work[list[list[Candidate]]]:
        shown = [_mirrored(question, way) for question in asked for way in range(question.views)]
        encoded = yield from self.encode(content, [question.window for question in shown])
        prompts = [self._model_prompt(question) for question in shown]
        groups: dict[tuple[int, bool, bool], list[int]] = defaultdict(list)
        for number, prompt in enumerate(prompts):
            groups[prompt.layout].append(number)
        answers: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        for numbers in groups.values():
            features = [encoded[shown[n].window] for n in numbers]
            decoded = yield from self._decode(features, [prompts[n] for n in numbers], three=three)
            for number, logits, scores in zip(numbers, *decoded, strict=True):
                answers[number] = flipped(logits, shown[number].window.mirror), scores
        in_order = iter([answers[number] for number in range(len(shown))])
        return [
            _averaged([next(in_order) for _ in range(question.views)], question.window)
            for question in asked
        ]

    def _model_prompt(self, question: Question) -> ModelPrompt:
        prompt = in_window(question.prompt, question.window, self.network.input_size)
        return replace(prompt, previous=question.previous)

    def encode(
        self, content: EncodedPlane, windows: Sequence[Window]
    ) -> Work[dict[Window, Features]]:
        """Embeddings of windows, those at hand and those encoded now."""
        encoded = content.find(windows)
        missing = [window for window in dict.fromkeys(windows) if window not in encoded]
        done = 0
        while done < len(missing):
            yield from self._take_pending()
            some = missing[done : done + self.budget.tiles_per_pass(self.network.input_size)]
            found = unless_short_of_memory(partial(self.network.encode, content.plane, some))
            if found is None:
                self._relieve(*self._less(len(some)))
                continue
            fresh = dict(zip(some, found, strict=True))
            content.keep(fresh)
            encoded |= fresh
            done += len(some)
            yield Progress("encoding", done, len(missing))
        return encoded

    def _decode(
        self, features: Sequence[Features], prompts: Sequence[ModelPrompt], *, three: bool
    ) -> Work[tuple[np.ndarray, np.ndarray]]:
        """Logits and scores of prompts of one layout, in as many passes as memory needs."""
        parts: list[tuple[np.ndarray, np.ndarray]] = []
        done = 0
        while done < len(prompts):
            yield from self._take_pending()
            step = self._prompts_per_pass()
            some = slice(done, done + step)
            decode = partial(self.network.decode, features[some], prompts[some], three=three)
            found = unless_short_of_memory(decode)
            if found is None:
                self._relieve(*self.budget.decode_less(min(step, len(prompts) - done)))
                continue
            parts.append(found)
            done += len(found[0])
            yield Progress("decoding", done, len(prompts))
        return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])

    def _prompts_per_pass(self) -> int:
        fitting = max(1, _PLACES[self.budget.device.type] // (self.network.mask_size // 4) ** 2)
        return min(fitting, self.budget.max_pairs or fitting)

    def _less(self, n_windows: int) -> tuple[MemoryBudget, str]:
        """Fewer windows at a time, else the CPU: a window has one size only."""
        size = self.network.input_size
        if n_windows > 1:
            return self.budget.encode_less(n_windows, size, size, size)
        return self.budget.on_cpu()

    def _relieve(self, budget: MemoryBudget, message: str) -> None:
        release_memory(self.budget.device)
        if budget.device != self.budget.device:
            self.network.move(budget.device, budget.dtype)
        self.budget = budget
        self._pending.append(Notice(message))

    def _take_pending(self) -> Iterator[Notice]:
        """Tell what happened since the last event, in order and once."""
        while self._pending:
            yield self._pending.pop(0)


def _mirrored(question: Question, way: int) -> Question:
    """The same question to a mirrored view of its window."""
    previous = question.previous
    return replace(
        question,
        window=replace(question.window, mirror=way),
        previous=None if previous is None else flipped(previous, way),
    )


def _averaged(answers: Sequence[tuple[np.ndarray, np.ndarray]], window: Window) -> list[Candidate]:
    """Candidates of one question from the logits and scores of its views."""
    logits = np.mean([values for values, _ in answers], axis=0)
    scores = np.mean([scores for _, scores in answers], axis=0)
    return [
        Candidate(MaskLogits(values, window.place), float(score))
        for values, score in zip(logits, scores, strict=True)
    ]
