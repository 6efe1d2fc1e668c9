"""What a simulated person did, counted.

One action is one press of a key or a button with a decision behind it:

- to accept a proposal as it is, or to delete one that is no object;
- to take up a proposal that is to be corrected;
- each click, and to commit what the clicks led to;
- to trace an object by hand. That is one action too, and by far the longest.

Looking, and going from object to object, costs nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from napari_vlseg.training.simulation.clicking import Clicked

SECONDS_PER_PRESS = 7.0 / 4
"""Four clicks on an object take 7 s (Papadopoulos et al. 2017, arXiv 1708.02750)."""

SECONDS_PER_TRACE = 22 * 3600 / 1000
"""1,000 outlines of COCO took 22 hours (Lin et al. 2014, arXiv 1405.0312)."""


@dataclass(frozen=True)
class Actions:
    """Actions on some images until every object has an IoU.

    Attributes
    ----------
    n_images, n_objects : int
        Images, and true objects in them.
    accepted, corrected, drawn, traced : int
        Objects by what became of them, `n_objects` together: accepted as they were proposed,
        corrected from a proposal by clicks, drawn by clicks from nothing, traced by hand after
        clicks did not lead there.
    deleted : int
        Proposals that are no object.
    taken_up : int
        Proposals that clicking began with, also where it ended with tracing.
    clicks : int
        Also those before an object was traced.
    """

    n_images: int
    n_objects: int
    accepted: int
    corrected: int
    drawn: int
    traced: int
    deleted: int
    taken_up: int
    clicks: int

    @property
    def total(self) -> int:
        """All actions."""
        committed = self.corrected + self.drawn
        decided = self.accepted + self.deleted + self.taken_up + committed
        return decided + self.clicks + self.traced

    @property
    def seconds(self) -> float:
        """A rough time by published numbers for other tasks, waiting left out."""
        presses = self.total - self.traced
        return presses * SECONDS_PER_PRESS + self.traced * SECONDS_PER_TRACE


@dataclass
class Account:
    """What one way of working came to, object by object.

    Attributes
    ----------
    n_images : int
    from_proposals : list of Clicked
        Objects that were proposed, with the IoU of the proposal first.
    from_nothing : list of Clicked
        Objects that were not.
    deleted : int
        Proposals that are no object.
    """

    n_images: int = 0
    from_proposals: list[Clicked] = field(default_factory=list)
    from_nothing: list[Clicked] = field(default_factory=list)
    deleted: int = 0

    @property
    def objects(self) -> list[Clicked]:
        """All true objects."""
        return [*self.from_proposals, *self.from_nothing]

    def actions(self, wanted: float) -> Actions:
        """What it took until every object had an IoU."""
        given = [one.needed(wanted) for one in self.from_proposals]
        alone = [one.needed(wanted) for one in self.from_nothing]
        return Actions(
            n_images=self.n_images,
            n_objects=len(given) + len(alone),
            accepted=given.count(0),
            corrected=sum(1 for needed in given if needed),
            drawn=sum(1 for needed in alone if needed is not None),
            traced=given.count(None) + alone.count(None),
            deleted=self.deleted,
            taken_up=len(given) - given.count(0),
            clicks=sum(
                len(one.clicks) if needed is None else needed
                for one, needed in zip(self.objects, [*given, *alone], strict=True)
            ),
        )

    def number_of_clicks(self, wanted: float, most: int) -> float:
        """Mean number of clicks per object (NoC): `most` where the IoU was never reached."""
        needed = [one.needed(wanted) for one in self.objects]
        counted = [most if number is None else number for number in needed]
        return sum(counted) / len(counted) if counted else 0.0

    def reached(self, wanted: float, most: int) -> tuple[float, ...]:
        """Share of objects that have an IoU after 0, 1, … `most` clicks."""
        needed = [one.needed(wanted) for one in self.objects]
        total = max(1, len(needed))
        return tuple(
            sum(1 for number in needed if number is not None and number <= clicks) / total
            for clicks in range(most + 1)
        )
