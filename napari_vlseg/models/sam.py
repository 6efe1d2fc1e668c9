"""SAM as a promptable segmenter: prepare a plane once, click into it many times.

Kirillov et al., "Segment Anything", ICCV 2023 (arXiv 2304.02643), with the implementation of
the transformers library. A checkpoint that was trained on whole images sees the whole plane;
one that says ``zoom`` in its ``vlseg.json`` sees windows in which the object has a good
size, each encoded when it is first needed and kept for later prompts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch

from napari_vlseg.errors import PromptError
from napari_vlseg.events import Work, run
from napari_vlseg.models.base import MaskLogits, MaskProposal, PromptableEmbedding
from napari_vlseg.models.devices import precision_name
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
from napari_vlseg.models.sam_network import SamNetwork
from napari_vlseg.models.sam_prompts import ObjectPrompt, read_prompts
from napari_vlseg.models.sam_runner import Question, SamRunner
from napari_vlseg.models.sam_windows import WindowLattice
from napari_vlseg.proposals import ModelInfo


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
        self._identity = info
        self._runner = SamRunner(network, device, dtype)

    @property
    def info(self) -> ModelInfo:
        """Name, revision, hash, and where and how precisely the model runs now."""
        return replace(
            self._identity,
            device=str(self._runner.budget.device),
            precision=precision_name(self._runner.budget.dtype),
        )

    @property
    def input_size(self) -> int:
        """Side of the model's square input, in model pixels."""
        return self._runner.network.input_size

    def embedding_key(self, plane: np.ndarray) -> str:
        """Key that `encode` would give, without encoding."""
        plane = check_plane(plane)
        network = self._runner.network
        weights = self._identity.weights_sha256 or self._identity.revision
        parts = (
            plane.shape,
            weights,
            network.preprocessing,
            network.display,
            self._runner.budget.dtype,
        )
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
        lattice = WindowLattice(plane.shape[:2], self.input_size, self._runner.network.display.zoom)
        content = EncodedPlane(plane, lattice)
        yield from self._runner.encode(content, [lattice.whole])
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
            candidates = yield from self._runner.answer(
                content,
                _by_box(prompts, content),
                three=False,
                views=self._runner.network.display.views,
            )
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
        if lattice.zoom:
            tiers = _tiers(lattice, prompt, mask, self.input_size)
            return (yield from self._zoomed(content, prompt, tiers, three=three))
        previous = None if mask is None else moved(mask, lattice.whole)
        question = Question(prompt, lattice.whole, previous)
        found = yield from self._runner.answer(content, [question], three=three)
        return best_first(found, lattice, prompt)

    def _zoomed(
        self,
        content: EncodedPlane,
        prompt: ObjectPrompt,
        tiers: Sequence[Sequence[Question]],
        *,
        three: bool,
    ) -> Work[list[Candidate]]:
        """The most credible mask of any window; two alternatives of the same window follow."""
        lattice = content.lattice
        found: list[Candidate] = []
        for questions in tiers:
            views = self._views(questions)
            found += yield from self._runner.answer(content, questions, three=False, views=views)
            best = best_first(found, lattice, prompt)[0]
            if credibility(best, lattice, prompt) >= CREDIBLE:
                break
        if not three:
            return [best]
        (again,) = [q for tier in tiers for q in tier if q.window.place == best.logits.window]
        others = yield from self._runner.answer(content, [again], three=True, views=views)
        return different_first([best, *best_first(others, lattice, prompt)], 3)

    def _views(self, questions: Sequence[Question]) -> int:
        """Mirrored views to average: of many windows one each, since another may be chosen."""
        return self._runner.network.display.views if len(questions) == 1 else 1


def _tiers(
    lattice: WindowLattice, prompt: ObjectPrompt, mask: MaskLogits | None, input_size: int
) -> list[list[Question]]:
    """What to ask about an object, in order of trial."""
    if mask is not None:
        window = later_window(lattice, prompt, mask)
        return [[Question(prompt, window, moved(mask, window))]]
    rounds = first_windows(lattice, prompt, input_size)
    return [[Question(prompt, window) for window in windows] for windows in rounds]


def _by_box(prompts: Sequence[ObjectPrompt], content: EncodedPlane) -> list[Question]:
    lattice = content.lattice
    return [Question(p, lattice.for_object(p.extent(), COVERAGE)) for p in prompts]
