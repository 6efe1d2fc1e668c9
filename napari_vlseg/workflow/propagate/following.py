"""Objects followed from plane to plane, with stops and their reasons.

How an object is found on the next plane is the business of a `Finder`; here it is decided
whether what was found is the object, which of several objects has it, and when one stops.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

import numpy as np
import numpy.typing as npt

from napari_vlseg.events import Event, Partial, Progress, Work
from napari_vlseg.models.base import PromptableSegmenter
from napari_vlseg.models.video import VideoSegmenter
from napari_vlseg.workflow.cache import EmbeddingCache
from napari_vlseg.workflow.propagate.appearance import appearance
from napari_vlseg.workflow.propagate.candidates import Candidate
from napari_vlseg.workflow.propagate.competing import divide, settle
from napari_vlseg.workflow.propagate.finding import Finder, Found, Track
from napari_vlseg.workflow.propagate.objections import GONE, LEFT, objection
from napari_vlseg.workflow.propagate.pieces import Mask, Piece, painted
from napari_vlseg.workflow.propagate.plane_to_plane import PlaneToPlane
from napari_vlseg.workflow.propagate.plans import (
    Anchors,
    Direction,
    check_anchors,
    plan_for,
    steps_of,
)
from napari_vlseg.workflow.propagate.propagated import Propagated
from napari_vlseg.workflow.propagate.records import PropagationLog, Stop, Stopped
from napari_vlseg.workflow.propagate.settings import PropagateSettings
from napari_vlseg.workflow.propagate.with_memory import WithMemory

Plane = npt.NDArray[np.float32]
Planes = Callable[[int], Plane]
Occupied = Callable[[int], Mask | None]
Follows = PromptableSegmenter | VideoSegmenter


def propagate(
    model: Follows,
    planes: Planes,
    n_planes: int,
    anchors: Anchors,
    *,
    direction: Direction = "both",
    first: int = 0,
    last: int | None = None,
    todo: Mapping[int, Iterable[int]] | None = None,
    occupied: Occupied | None = None,
    cache: EmbeddingCache | None = None,
    settings: PropagateSettings | None = None,
) -> Work[Propagated]:
    """Follow objects from the planes on which they are known to the others.

    Parameters
    ----------
    model : PromptableSegmenter or VideoSegmenter
        The latter follows by its memory; the former is asked on each plane.
    planes : callable
        ``planes(number)``: float32 (H, W, 3) in [0, 1]; called for one plane after another,
        and two of them are in memory.
    n_planes : int
    anchors : mapping of int to mapping of int to Piece
        Object, from 1 → plane → its outline there.
    direction : {"both", "forward", "backward"}
    first, last : int
        Range of planes; both belong to it. All of them if not given.
    todo : mapping of int to iterable of int, optional
        Object → planes to look for it on; all of the range if not given.
    occupied : callable, optional
        ``occupied(number)``: pixels of a plane, bool (H, W), that none of the objects may
        have, or None.
    cache : EmbeddingCache, optional
        Keeps encoded planes, so that following again encodes nothing.
    settings : PropagateSettings, optional

    Yields
    ------
    Progress, Notice or Partial
        A notice for each object that stops; after each plane the outlines found there, all
        else 0. A plane that is come to from both sides is told twice, with different objects.

    Returns
    -------
    Propagated
        With the anchors.

    Raises
    ------
    PromptError
        If there is no object, or one lies outside the planes.
    SettingsError
        If the range of planes is empty or outside the stack.
    ImageError, ModelError
        See `PromptableSegmenter.encode`.
    """
    end = n_planes - 1 if last is None else last
    check_anchors(anchors, n_planes, first, end)
    plans = {step: plan_for(anchors, first, end, todo, step) for step in steps_of(direction)}
    settings = settings or PropagateSettings()
    finder: Finder = (
        WithMemory(model)
        if isinstance(model, VideoSegmenter)
        else PlaneToPlane(model, settings.reach, cache)
    )
    follower = _Follower(finder, planes, anchors, occupied, settings, plans)
    for step in plans:
        yield from follower.go(step, first, end)
    return follower.result(n_planes)


class _Follower:
    """Follows objects in one direction after the other, and notes what it finds."""

    def __init__(
        self,
        finder: Finder,
        planes: Planes,
        anchors: Anchors,
        occupied: Occupied | None,
        settings: PropagateSettings,
        plans: Mapping[int, Mapping[int, set[int]]],
    ) -> None:
        self._finder, self._planes = finder, planes
        self._anchors, self._occupied, self._settings = anchors, occupied, settings
        self._plans = plans
        self._total = len({p for plan in plans.values() for of in plan.values() for p in of})
        self._done: set[int] = set()
        self._shape = (0, 0)
        self._pieces: dict[int, dict[int, Piece]] = {}
        self._sources: dict[int, dict[int, int]] = {}
        self._scores: dict[int, dict[int, float]] = {}
        self._stops: list[Stop] = []
        for number, of in anchors.items():
            for plane, piece in of.items():
                self._note(number, plane, piece, plane)

    def go(self, step: int, first: int, last: int) -> Iterator[Event]:
        """Follow all objects upwards (1) or downwards (-1)."""
        plan = self._plans[step]
        self._finder.turn(step)
        tracks: dict[int, Track] = {}
        before: Plane | None = None
        for plane in range(first, last + 1) if step > 0 else range(last, first - 1, -1):
            goes_on = {n for n, asked in plan.items() if plane + step in asked}
            known = {
                n: of[plane] for n, of in self._anchors.items() if plane in of and n in goes_on
            }
            tracks = {n: track for n, track in tracks.items() if plane in plan[n]}
            if not tracks and not known:
                before = None
                continue
            after = self._planes(plane)
            self._shape = after.shape[:2]
            if tracks and before is not None:
                found = yield from self._finder.find(tracks, plane, before, after)
                tracks = yield from self._decide(tracks, found, plane, step)
                yield from self._tell(tracks, plane)
            if known:
                yield from self._finder.learn(known, plane, after)
                tracks |= self._started(known, after)
            before = after

    def result(self, n_planes: int) -> Propagated:
        """What was found."""
        log = PropagationLog(self._sources, self._scores, tuple(self._stops), self._finder.name)
        return Propagated(self._pieces, self._shape, n_planes, log)

    def _started(self, known: Mapping[int, Piece], plane: Plane) -> dict[int, Track]:
        taken = painted(known, self._shape) > 0
        return {
            number: Track(piece, appearance(plane, piece.top, piece.left, piece.mask, taken))
            for number, piece in known.items()
        }

    def _decide(
        self, tracks: Mapping[int, Track], found: Found, plane: int, step: int
    ) -> Work[dict[int, Track]]:
        """Tracks that go on to a plane; the others stop, each with a notice."""
        settings = self._settings
        sound: dict[int, list[Candidate]] = {}
        for number, candidates in found.candidates.items():
            good = [one for one in candidates if not objection(tracks[number], one, settings)]
            if good:
                sound[number] = good
            elif number in found.leaving:
                yield self._stop(number, plane, LEFT)
            elif candidates:
                reason = objection(tracks[number], candidates[0], settings)
                yield self._stop(number, plane, reason)
            else:
                yield self._stop(number, plane, GONE)
        chosen, claimed = settle(sound, settings.most_overlap)
        for number, other in claimed.items():
            yield self._stop(number, plane, f"it can't be told from object {other}")
        outlines = {number: candidate.outline for number, candidate in chosen.items()}
        pieces = divide(outlines, self._shape, self._not_free(plane))
        going: dict[int, Track] = {}
        for number, candidate in chosen.items():
            piece, whole = pieces.get(number), np.count_nonzero(candidate.outline.mask)
            if piece is None or piece.area < settings.least_area * whole:
                yield self._stop(number, plane, "other objects have its place")
                continue
            if candidate.look is not None:
                going[number] = tracks[number].followed(piece, candidate.look)
                self._note(number, plane, piece, plane - step, candidate.score)
        return going

    def _not_free(self, plane: int) -> Mask | None:
        """Pixels of a plane that belong to others, or were found on the way there."""
        found = self._pieces.get(plane, {})
        mask = None if self._occupied is None else self._occupied(plane)
        if not found:
            return mask
        own = painted(found, self._shape) > 0
        return own if mask is None else own | mask

    def _note(
        self, number: int, plane: int, piece: Piece, source: int, score: float | None = None
    ) -> None:
        self._pieces.setdefault(plane, {})[number] = piece
        self._sources.setdefault(number, {})[plane] = source
        if score is not None:
            self._scores.setdefault(number, {})[plane] = score

    def _stop(self, number: int, plane: int, reason: str) -> Stopped:
        stop = Stop(number, plane, reason)
        self._stops.append(stop)
        return Stopped(f"O{str(stop)[1:]}.", stop)

    def _tell(self, tracks: Mapping[int, Track], plane: int) -> Iterator[Event]:
        if tracks:
            windows = [track.piece.window for track in tracks.values()]
            rows, cols = (
                slice(min(w[axis].start for w in windows), max(w[axis].stop for w in windows))
                for axis in (0, 1)
            )
            labels = painted({n: track.piece for n, track in tracks.items()}, self._shape)
            yield Partial((plane,), rows, cols, labels[rows, cols])
        self._done.add(plane)
        yield Progress("following", len(self._done), self._total)


def again(
    model: Follows,
    planes: Planes,
    known: Propagated,
    number: int,
    plane: int,
    piece: Piece,
    *,
    first: int = 0,
    last: int | None = None,
    occupied: Occupied | None = None,
    cache: EmbeddingCache | None = None,
    settings: PropagateSettings | None = None,
) -> Work[Propagated]:
    """Follow one object again after it was corrected on a plane, and nothing else.

    Only planes whose outline follows from that plane are done again, and those behind them on
    which the object is not known, up to the next plane that a person corrected.

    Parameters
    ----------
    model, planes, occupied, cache, settings
        See `propagate`. Pixels of the other objects of `known` are occupied as well.
    known : Propagated
    number : int
        The object that was corrected.
    plane : int
        Where.
    piece : Piece
        What it is there.
    first, last : int
        Range of planes; all if not given.

    Yields
    ------
    Progress, Notice or Partial

    Returns
    -------
    Propagated
        All objects; what does not depend on the correction is what it was.

    Raises
    ------
    PromptError, SettingsError, ImageError, ModelError
        See `propagate`.
    """
    end = known.n_planes - 1 if last is None else last
    redone = {number: [plane, *known.log.open_planes(number, plane, first, end)]}
    rest = known.without(redone)

    def not_free(where: int) -> Mask | None:
        others = painted(rest.pieces.get(where, {}), rest.shape) > 0
        given = None if occupied is None else occupied(where)
        return others if given is None else others | given

    found = yield from propagate(
        model,
        planes,
        known.n_planes,
        {number: {plane: piece}},
        first=first,
        last=end,
        todo=redone,
        occupied=not_free,
        cache=cache,
        settings=settings,
    )
    return known.joined(found, redone)
