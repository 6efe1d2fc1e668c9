"""What propagation did: where each outline comes from, and where and why it stopped."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from napari_vlseg.errors import ProjectError
from napari_vlseg.events import Notice
from napari_vlseg.files import atomic_write_text, reading

V = TypeVar("V")

_FORMAT = "napari-vlseg propagation 1"


@dataclass(frozen=True)
class Stop:
    """Where an object was not followed any further.

    Attributes
    ----------
    number : int
        The object.
    plane : int
        The first plane on which it was not found.
    reason : str
        In plain words, such as "area fell to 20 %".
    """

    number: int
    plane: int
    reason: str

    def __str__(self) -> str:
        return f"object {self.number}, plane {self.plane}: {self.reason}"


@dataclass(frozen=True)
class Stopped(Notice):
    """Tells of a stop while the work goes on.

    Attributes
    ----------
    stop : Stop
    """

    stop: Stop


@dataclass(frozen=True)
class PropagationLog:
    """For each object and plane, the plane that its outline was made from.

    Attributes
    ----------
    sources : mapping of int to mapping of int to int
        Object → plane → plane that its outline there comes from: a neighbour, or the plane
        itself where a person said what the object is (an anchor).
    scores : mapping of int to mapping of int to float
        Object → plane → score, for outlines that were propagated.
    stops : tuple of Stop
    model : str
        Name and revision of the model.
    """

    sources: Mapping[int, Mapping[int, int]] = field(default_factory=dict)
    scores: Mapping[int, Mapping[int, float]] = field(default_factory=dict)
    stops: tuple[Stop, ...] = ()
    model: str = ""

    def anchors(self, number: int) -> list[int]:
        """Planes on which a person said what an object is, ascending."""
        return sorted(p for p, source in self.sources.get(number, {}).items() if p == source)

    def dependents(self, number: int, plane: int) -> list[int]:
        """Planes whose outlines follow, over any number of steps, from that on a plane.

        An anchor follows from nothing, so that what lies behind it is not among them.
        """
        sources = self.sources.get(number, {})
        found: list[int] = []
        for step in (1, -1):
            here = plane
            while sources.get(here + step) == here:
                here += step
                found.append(here)
        return sorted(found)

    def open_planes(self, number: int, plane: int, first: int, last: int) -> list[int]:
        """Planes to do again, or for the first time, when an object is corrected on a plane.

        Parameters
        ----------
        number : int
        plane : int
            Where it was corrected, or drawn for the first time.
        first, last : int
            The range of planes; both belong to it.

        Returns
        -------
        list of int
            Ascending: in both directions its dependents and the planes behind them on which
            the object is not known, up to the first one that comes from somewhere else.
        """
        sources = self.sources.get(number, {})
        dependents = set(self.dependents(number, plane))
        found: list[int] = []
        for step, end in ((1, last), (-1, first)):
            here = plane + step
            while step * here <= step * end and (here in dependents or here not in sources):
                found.append(here)
                here += step
        return sorted(found)

    def with_anchor(self, number: int, plane: int) -> PropagationLog:
        """The same with an outline that a person drew or corrected."""
        sources = {n: dict(of) for n, of in self.sources.items()}
        sources.setdefault(number, {})[plane] = plane
        scores = {
            n: {p: s for p, s in of.items() if (n, p) != (number, plane)}
            for n, of in self.scores.items()
        }
        return replace(self, sources=sources, scores=scores)

    def updated(self, later: PropagationLog, redone: Mapping[int, Iterable[int]]) -> PropagationLog:
        """This log after planes of some objects were done again.

        Parameters
        ----------
        later : PropagationLog
            Of that work.
        redone : mapping of int to iterable of int
            Object → planes that were done again, whether something was found there or not.
        """
        dropped = {number: set(planes) for number, planes in redone.items()}
        sources, scores = (
            _merged(old, new, dropped)
            for old, new in ((self.sources, later.sources), (self.scores, later.scores))
        )
        stops = [s for s in self.stops if s.plane not in dropped.get(s.number, ())]
        stops += [s for s in later.stops if s not in stops]
        return PropagationLog(sources, scores, tuple(stops), later.model or self.model)

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "format": _FORMAT,
            "model": self.model,
            "sources": _with_text_keys(self.sources),
            "scores": _with_text_keys(self.scores),
            "stops": [asdict(stop) for stop in self.stops],
        }

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> PropagationLog:
        """From the JSON form.

        Raises
        ------
        ProjectError
            If it is none.
        """
        try:
            if document["format"] != _FORMAT:
                raise ValueError(f"its format is {document['format']}")
            sources = _with_number_keys(document["sources"], int)
            scores = _with_number_keys(document["scores"], float)
            stops = tuple(Stop(**stop) for stop in document["stops"])
            return cls(sources, scores, stops, str(document["model"]))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ProjectError(
                f"This is no record of a propagation ({error}): propagate again."
            ) from error

    def write(self, path: Path) -> None:
        """Write the log as a JSON file, which is replaced whole.

        Raises
        ------
        ProjectError
            If the file can't be written.
        """
        atomic_write_text(path, json.dumps(self.to_dict()) + "\n")

    @classmethod
    def read(cls, path: Path) -> PropagationLog:
        """Read what `write` wrote.

        Raises
        ------
        ProjectError
            If the file can't be read, or is something else.
        """
        with reading(path):
            text = path.read_text(encoding="utf-8")
        try:
            document = json.loads(text)
        except ValueError as error:
            raise ProjectError(f"“{path}” is no JSON file: propagate again.") from error
        return cls.from_dict(document)


def _with_text_keys(table: Mapping[int, Mapping[int, Any]]) -> dict[str, dict[str, Any]]:
    return {str(n): {str(p): value for p, value in of.items()} for n, of in table.items()}


def _with_number_keys(
    table: Mapping[str, Mapping[str, Any]], kind: Callable[[Any], V]
) -> dict[int, dict[int, V]]:
    return {int(n): {int(p): kind(value) for p, value in of.items()} for n, of in table.items()}


def _merged(
    old: Mapping[int, Mapping[int, Any]],
    new: Mapping[int, Mapping[int, Any]],
    dropped: Mapping[int, set[int]],
) -> dict[int, dict[int, Any]]:
    merged = {
        number: {p: value for p, value in of.items() if p not in dropped.get(number, ())}
        for number, of in old.items()
    }
    for number, of in new.items():
        merged.setdefault(number, {}).update(of)
    return merged
