"""SAM as a promptable segmenter: prepare a plane once, click into it many times.

Kirillov et al., "Segment Anything", ICCV 2023 (arXiv 2304.02643), with the implementation of
the transformers library. A checkpoint that was trained on whole images sees the whole plane;
one that says ``zoom`` in its ``vlseg.json`` sees windows in which the object has a good
size, each encoded when it is first needed and kept for later prompts.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import numpy.typing as npt
import torch

from napari_vlseg.errors import PromptError
from napari_vlseg.events import Notice, Progress, Work, run
from napari_vlseg.models.base import MaskLogits, MaskProposal, PromptableEmbedding
from napari_vlseg.models.devices import (
    is_out_of_memory,
    precision_name,
    release_memory,
    unless_short_of_memory,
)
from napari_vlseg.models.memory import MemoryBudget
from napari_vlseg.models.preprocessing import check_plane
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
from napari_vlseg.models.sam_masks import moved, plane_mask
from napari_vlseg.models.sam_network import ModelPrompt, SamNetwork
from napari_vlseg.models.sam_prompts import ObjectPrompt, in_window, read_prompts
from napari_vlseg.models.sam_windows import Window, WindowLattice
from napari_vlseg.proposals import ModelInfo

_MOST_WINDOWS_AHEAD = 24

_Question = tuple[ObjectPrompt, Window, npt.NDArray[np.float32] | None]


class SamSegmenter:
    """A `PromptableSegmenter` over a SAM checkpoint.

    Build one with `napari_vlseg.load_model`.

    Parameters
    ----------
    network : SamNetwork
        Weights, preprocessing and how the checkpoint wants to be shown windows.
    info : ModelInfo
        Name, revision and hash; device and precision are filled in here.
    device : torch.device
    dtype : torch.dtype
        Precision of the image encoder.

    Notes
    -----
    When memory runs out the work goes on with fewer windows at a time, then on the CPU, and
    stays there for later calls; each step is a `Notice`.
    """

    def __init__(
        self, network: SamNetwork, info: ModelInfo, *, device: torch.device, dtype: torch.dtype
    ) -> None:
        self._network = network
        self._identity = info
        self._budget = MemoryBudget(device, dtype)
        self._pending: list[Notice] = []
        try:
            network.move(device, dtype)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            self._relieve(*self._budget.on_cpu())

    @property
    def info(self) -> ModelInfo:
        """Name, revision, hash, and where and how precisely the model runs now."""
        return replace(
            self._identity,
            device=str(self._budget.device),
            precision=precision_name(self._budget.dtype),
        )

    @property
    def input_size(self) -> int:
        """Side of the model's square input, in model pixels."""
        return self._network.input_size

    def embedding_key(self, plane: np.ndarray) -> str:
        """Key that `encode` would give, without encoding."""
        plane = check_plane(plane)
        network = self._network
        weights = self._identity.weights_sha256 or self._identity.revision
        parts = (plane.shape, weights, network.preprocessing, network.display, self._budget.dtype)
        digest = hashlib.sha256(repr(parts).encode())
        digest.update(plane.data)
        return digest.hexdigest()

    def encode(self, plane: np.ndarray) -> PromptableEmbedding:
        """Prepare a plane for prompts.

        Parameters
        ----------
        plane : numpy.ndarray, shape (H, W, 3), float32 in [0, 1]

        Returns
        -------
        PromptableEmbedding
            Starting point of `predict`. It holds the plane and its encoded windows, to which
            `predict` adds, 128 MB at most.

        Raises
        ------
        ImageError
            If the plane has another shape or no pixels.
        ModelError
            If even the CPU has too little memory.
        """
        return run(self.encode_steps(plane))

    def encode_steps(self, plane: np.ndarray) -> Work[PromptableEmbedding]:
        """`encode` as a generator that yields `Progress` after each batch of windows."""
        plane = check_plane(plane)
        lattice = WindowLattice(plane.shape[:2], self.input_size, self._network.display.zoom)
        content = EncodedPlane(plane, lattice)
        yield from self._encode(content, _windows_ahead(lattice))
        return PromptableEmbedding(self.embedding_key(plane), plane.shape[:2], content)

    def predict(
        self,
        embedding: PromptableEmbedding,
        *,
        points: npt.ArrayLike | None = None,
        point_labels: npt.ArrayLike | None = None,
        boxes: npt.ArrayLike | None = None,
        mask: MaskLogits | None = None,
        multimask: bool = True,
    ) -> list[MaskProposal]:
        """Outline one object by clicks, a box or both, or one object per box.

        Parameters
        ----------
        embedding : PromptableEmbedding
            From `encode`.
        points : array_like, shape (n, 2), optional
            (row, col) in plane pixels: (0, 0) is the centre of the first pixel.
        point_labels : array_like, shape (n,), optional
            1 where the object is, 0 where it is not; all 1 if omitted.
        boxes : array_like, shape (n_boxes, 4) or (4,), optional
            (top, left, bottom, right) edges in the same coordinates: a box that is tight
            around the rows r … s has its top at r - 0.5 and its bottom at s + 0.5. What
            reaches beyond the plane is cut off.
        mask : MaskLogits, optional
            `logits` of an earlier proposal for the same object, to be corrected.
        multimask : bool
            Three proposals for the object rather than one. One click often has several
            answers; after further clicks or with a box a single proposal is more exact.

        Returns
        -------
        list of MaskProposal
            For one object the best first: three, or one without `multimask`. For several
            boxes one each, in their order.

        Raises
        ------
        PromptError
            If there is neither click nor box, something lies outside the plane, the labels
            don't fit the clicks, or a mask or clicks come with several boxes.
        ModelError
            If even the CPU has too little memory.
        """
        return run(
            self.predict_steps(
                embedding,
                points=points,
                point_labels=point_labels,
                boxes=boxes,
                mask=mask,
                multimask=multimask,
            )
        )

    def predict_steps(
        self,
        embedding: PromptableEmbedding,
        *,
        points: npt.ArrayLike | None = None,
        point_labels: npt.ArrayLike | None = None,
        boxes: npt.ArrayLike | None = None,
        mask: MaskLogits | None = None,
        multimask: bool = True,
    ) -> Work[list[MaskProposal]]:
        """`predict` as a generator that yields `Progress` after each pass of the model."""
        prompts = read_prompts(embedding.shape, points, point_labels, boxes)
        content: EncodedPlane = embedding.content
        if len(prompts) > 1:
            if mask is not None:
                raise PromptError(
                    f"There is one mask to correct and {len(prompts)} boxes: give the box of "
                    "the same object alone."
                )
            candidates = yield from self._answer(content, _by_box(prompts, content), three=False)
        else:
            candidates = yield from self._one_object(content, prompts[0], mask, three=multimask)
        return [
            MaskProposal(plane_mask(found.logits, embedding.shape), found.score, found.logits)
            for found in candidates
        ]

    def _one_object(
        self,
        content: EncodedPlane,
        prompt: ObjectPrompt,
        mask: MaskLogits | None,
        *,
        three: bool,
    ) -> Work[list[Candidate]]:
        """Candidates of one object, the best first."""
        lattice = content.lattice
        if not lattice.zoom:
            previous = None if mask is None else moved(mask, lattice.whole)
            found = yield from self._answer(
                content, [(prompt, lattice.whole, previous)], three=three
            )
            return best_first(found, lattice, prompt)
        if mask is not None:
            window = later_window(lattice, prompt, mask)
            tiers = [[(prompt, window, moved(mask, window))]]
        else:
            rounds = first_windows(lattice, prompt, self.input_size)
            tiers = [[(prompt, window, None) for window in windows] for windows in rounds]
        found = []
        for questions in tiers:
            found += yield from self._answer(content, questions, three=False)
            best = best_first(found, lattice, prompt)[0]
            if credibility(best, lattice, prompt) >= CREDIBLE:
                break
        if not three:
            return [best]
        (again,) = [q for tier in tiers for q in tier if _place(q[1]) == best.logits.window]
        others = yield from self._answer(content, [again], three=True)
        return different_first([best, *best_first(others, lattice, prompt)], 3)

    def _answer(
        self,
        content: EncodedPlane,
        asked: Sequence[_Question],
        *,
        three: bool,
    ) -> Work[list[Candidate]]:
        """Candidates in the order asked, as few passes as possible."""
        encoded = yield from self._encode(content, [window for _, window, _ in asked])
        questions = [in_window(prompt, window, self.input_size) for prompt, window, _ in asked]
        groups: dict[tuple[int, bool, bool], list[int]] = defaultdict(list)
        for number, (question, (_, _, previous)) in enumerate(zip(questions, asked, strict=True)):
            questions[number] = replace(question, previous=previous)
            groups[questions[number].layout].append(number)
        answers: dict[int, list[Candidate]] = {}
        for numbers in groups.values():
            embeddings = torch.stack([encoded[asked[n][1]] for n in numbers])
            prompts = [questions[n] for n in numbers]
            decoded = yield from self._decode(embeddings, prompts, three=three)
            for number, logits, scores in zip(numbers, *decoded, strict=True):
                answers[number] = _candidates(logits, scores, asked[number][1])
            yield Progress("segmenting", len(answers), len(asked))
        return [candidate for number in range(len(asked)) for candidate in answers[number]]

    def _encode(
        self, content: EncodedPlane, windows: Sequence[Window]
    ) -> Work[dict[Window, torch.Tensor]]:
        """Embeddings of windows, those at hand and those encoded now."""
        encoded = content.find(windows)
        missing = [window for window in dict.fromkeys(windows) if window not in encoded]
        done = 0
        while done < len(missing):
            yield from self._take_pending()
            some = missing[done : done + self._budget.tiles_per_pass(self.input_size)]
            found = unless_short_of_memory(partial(self._network.encode, content.plane, some))
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
        self, embeddings: torch.Tensor, prompts: Sequence[ModelPrompt], *, three: bool
    ) -> Work[tuple[np.ndarray, np.ndarray]]:
        """Logits and scores of prompts of one layout, in as many passes as memory needs."""
        parts: list[tuple[np.ndarray, np.ndarray]] = []
        done = 0
        while done < len(prompts):
            yield from self._take_pending()
            step = self._budget.pairs_per_pass(self.input_size)
            some = slice(done, done + step)
            decode = partial(self._network.decode, embeddings[some], prompts[some], three=three)
            found = unless_short_of_memory(decode)
            if found is None:
                self._relieve(*self._budget.decode_less(min(step, len(prompts) - done)))
                continue
            parts.append(found)
            done += len(found[0])
            yield Progress("decoding", done, len(prompts))
        return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])

    def _less(self, n_windows: int) -> tuple[MemoryBudget, str]:
        """Fewer windows at a time, else the CPU: a window has one size only."""
        size = self.input_size
        if n_windows > 1:
            return self._budget.encode_less(n_windows, size, size, size)
        return self._budget.on_cpu()

    def _relieve(self, budget: MemoryBudget, message: str) -> None:
        release_memory(self._budget.device)
        if budget.device != self._budget.device:
            self._network.move(budget.device, budget.dtype)
        self._budget = budget
        self._pending.append(Notice(message))

    def _take_pending(self) -> Iterator[Notice]:
        """Tell what happened since the last event, in order and once."""
        while self._pending:
            yield self._pending.pop(0)


def _by_box(prompts: Sequence[ObjectPrompt], content: EncodedPlane) -> list[_Question]:
    lattice = content.lattice
    return [(prompt, lattice.for_object(prompt.extent(), COVERAGE), None) for prompt in prompts]


def _candidates(logits: np.ndarray, scores: np.ndarray, window: Window) -> list[Candidate]:
    return [
        Candidate(MaskLogits(values, _place(window)), float(score))
        for values, score in zip(logits, scores, strict=True)
    ]


def _place(window: Window) -> tuple[int, int, int]:
    return window.top, window.left, window.side


def _windows_ahead(lattice: WindowLattice) -> list[Window]:
    """The coarse windows that cover the plane, as long as they are few."""
    ahead: list[Window] = []
    for side in reversed(lattice.sides()):
        windows = lattice.cover(side)
        if len(ahead) + len(windows) > _MOST_WINDOWS_AHEAD:
            break
        ahead += windows
    return ahead
