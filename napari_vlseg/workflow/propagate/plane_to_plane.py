"""Objects found on the next plane by asking a click model where they are expected.

The idea of a mask as the prompt of the next frame is that of the video models (Ravi et al. 2024,
"SAM 2: Segment Anything in Images and Videos", arXiv 2408.00714), here without their memory: an
object is asked for by mask, by box and by a click, all objects in one batch, and the answers are
scored by how well they fit what is known of it. A mask that is asked for pulls the answer towards
itself: where the answer differs from it, the answer is asked for once more, so that an object
which shrinks or grows is not held back.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from napari_vlseg.events import Progress, Work
from napari_vlseg.models.base import MaskProposal, PromptableSegmenter
from napari_vlseg.workflow.cache import EmbeddingCache, encode
from napari_vlseg.workflow.propagate.candidates import Candidate, candidates_at, prompts_at
from napari_vlseg.workflow.propagate.finding import Found, Track
from napari_vlseg.workflow.propagate.motion import expected_shift
from napari_vlseg.workflow.propagate.pieces import Piece, painted

Plane = npt.NDArray[np.float32]

_LEAST_INSIDE = 0.25
_LEAVING = 0.9
_AT_ONCE = 8
_ROUNDS = 2
_SAME = 0.9
_SLOWEST, _FASTEST = 0.6, 1.3


class PlaneToPlane:
    """A `Finder` over a click model.

    Parameters
    ----------
    model : PromptableSegmenter
    reach : float
        See `PropagateSettings`.
    cache : EmbeddingCache, optional
    """

    def __init__(
        self, model: PromptableSegmenter, reach: float, cache: EmbeddingCache | None = None
    ) -> None:
        self._model, self._reach, self._cache = model, reach, cache

    @property
    def name(self) -> str:
        """See `Finder.name`."""
        return str(self._model.info)

    def turn(self, step: int) -> None:
        """See `Finder.turn`; there is nothing to forget."""

    def learn(self, known: Mapping[int, Piece], number: int, plane: Plane) -> Work[None]:
        """See `Finder.learn`; the tracks say enough."""
        yield from ()

    def find(
        self, tracks: Mapping[int, Track], number: int, before: Plane, after: Plane
    ) -> Work[Found]:
        """See `Finder.find`."""
        expected, leaving = yield from self._expected(tracks, before, after)
        judged: dict[int, list[Candidate]] = {n: [] for n in tracks}
        asked = expected
        for _ in range(_ROUNDS):
            judged |= yield from self._judged(tracks, asked, expected, after)
            best = {n: judged[n][0] for n in asked if judged[n][0].score > 0}
            found = {n: _outline_of(one) for n, one in best.items()}
            asked = {n: piece for n, piece in found.items() if piece.iou(asked[n]) < _SAME}
        return Found(judged, leaving)

    def _expected(
        self, tracks: Mapping[int, Track], before: Plane, after: Plane
    ) -> Work[tuple[dict[int, Piece], frozenset[int]]]:
        """Where objects should be, without those that are outside; and which are moving out."""
        shape = (after.shape[0], after.shape[1])
        expected: dict[int, Piece] = {}
        leaving: set[int] = set()
        for place, (n, track) in enumerate(tracks.items()):
            shift = expected_shift(before, after, track.piece, track.velocity, self._reach)
            grown = track.piece.grown(min(max(track.growth, _SLOWEST), _FASTEST))
            moved = grown.moved(shift, shape)
            share = 0.0 if moved is None else moved.area / grown.area
            if moved is not None and share >= _LEAST_INSIDE:
                expected[n] = moved
            if share < _LEAVING:
                leaving.add(n)
            if place % _AT_ONCE == 0:
                yield Progress("looking", place, len(tracks))
        return expected, frozenset(leaving)

    def _judged(
        self,
        tracks: Mapping[int, Track],
        asked: Mapping[int, Piece],
        expected: Mapping[int, Piece],
        after: Plane,
    ) -> Work[dict[int, list[Candidate]]]:
        """What the model says to outlines, with how much each answer is believed."""
        answers = yield from self._asked(asked, after)
        taken = painted(expected, after.shape[:2]) > 0
        judged: dict[int, list[Candidate]] = {}
        for place, (n, given) in enumerate(answers.items()):
            judged[n] = candidates_at(
                expected[n],
                given,
                after,
                area=tracks[n].piece.area,
                look=tracks[n].look,
                taken=taken,
            )
            if place % _AT_ONCE == 0:
                yield Progress("comparing", place, len(answers))
        return judged

    def _asked(
        self, expected: Mapping[int, Piece], plane: Plane
    ) -> Work[dict[int, list[MaskProposal]]]:
        """Answers about each object, one for each way to ask."""
        if not expected:
            return {}
        asked = {n: prompts_at(piece) for n, piece in expected.items()}
        embedding = yield from encode(self._model, plane, cache=self._cache)
        prompts = [prompt for of in asked.values() for prompt in of]
        answers = iter((yield from self._model.predict_objects_steps(embedding, prompts)))
        return {n: [next(answers)[0] for _ in of] for n, of in asked.items()}


def _outline_of(found: Candidate) -> Piece:
    return Piece.of(found.outline.top, found.outline.left, found.outline.mask)
