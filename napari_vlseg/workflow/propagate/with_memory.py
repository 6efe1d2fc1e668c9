"""Objects found on the next plane by what a video model remembers of them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from napari_vlseg.events import Progress, Work
from napari_vlseg.models.video import VideoSegmenter
from napari_vlseg.workflow.propagate.candidates import remembered
from napari_vlseg.workflow.propagate.finding import Found, Track
from napari_vlseg.workflow.propagate.pieces import Piece, painted

Plane = npt.NDArray[np.float32]


class WithMemory:
    """A `Finder` over a video model.

    Parameters
    ----------
    model : VideoSegmenter
    """

    def __init__(self, model: VideoSegmenter) -> None:
        self._model = model
        self._memory = model.begin()
        self._known: set[int] = set()
        self._seen: int | None = None
        self._reverse = False

    @property
    def name(self) -> str:
        """See `Finder.name`."""
        return str(self._model.info)

    def turn(self, step: int) -> None:
        """See `Finder.turn`."""
        self._memory, self._known = self._model.begin(), set()
        self._seen, self._reverse = None, step < 0

    def learn(self, known: Mapping[int, Piece], number: int, plane: Plane) -> Work[None]:
        """See `Finder.learn`."""
        yield from self._look(plane, number)
        for place, (key, piece) in enumerate(known.items()):
            self._memory.learn(key, piece.on_plane((plane.shape[0], plane.shape[1])))
            self._known.add(key)
            yield Progress("remembering", place + 1, len(known))

    def find(
        self, tracks: Mapping[int, Track], number: int, before: Plane, after: Plane
    ) -> Work[Found]:
        """See `Finder.find`."""
        for key in self._known - set(tracks):
            self._memory.forget(key)
        self._known &= set(tracks)
        yield from self._look(after, number)
        taken = painted({n: track.piece for n, track in tracks.items()}, after.shape[:2]) > 0
        candidates = {}
        for place, (key, track) in enumerate(tracks.items()):
            answer = self._memory.find(key)
            candidates[key] = remembered(
                track.piece, answer, after, area=track.piece.area, look=track.look, taken=taken
            )
            yield Progress("segmenting", place + 1, len(tracks))
        return Found(candidates)

    def _look(self, plane: Plane, number: int) -> Work[None]:
        if number != self._seen:
            yield from self._memory.look(plane, number, reverse=self._reverse)
            self._seen = number
