"""What there is to learn from: objects that a person decided about, by class and image."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from napari_vlseg.corrections.store import Project
from napari_vlseg.errors import VlsegError
from napari_vlseg.events import Notice, Progress, Work

DECIDED = frozenset({"accepted", "edited"})


@dataclass(frozen=True)
class Tally:
    """Objects of one image.

    Attributes
    ----------
    decided : Counter of str
        Accepted, corrected and drawn ones, by class.
    kept : Counter of str
        All but rejected ones, by class: what counts once the image is done.
    rejected : int
    """

    decided: Counter[str] = field(default_factory=Counter)
    kept: Counter[str] = field(default_factory=Counter)
    rejected: int = 0

    @classmethod
    def of(cls, classes: Iterable[str], statuses: Iterable[str], sources: Iterable[str]) -> Tally:
        """Count the rows of a table of objects."""
        decided: Counter[str] = Counter()
        kept: Counter[str] = Counter()
        rejected = 0
        for name, status, source in zip(classes, statuses, sources, strict=True):
            if status == "rejected":
                rejected += 1
                continue
            kept[name] += 1
            if status in DECIDED or source == "manual":
                decided[name] += 1
        return cls(decided, kept, rejected)


@dataclass(frozen=True)
class Lessons:
    """What a training would learn from.

    Attributes
    ----------
    objects : dict of str to int
        Objects of each class.
    rejected : int
        Places that are background for certain.
    n_images : int
        Images with any of these.
    """

    objects: Mapping[str, int] = field(default_factory=dict)
    rejected: int = 0
    n_images: int = 0

    @property
    def total(self) -> int:
        """Objects of all classes."""
        return sum(self.objects.values())

    @classmethod
    def of(cls, tallies: Mapping[str, Tally], done: Collection[str]) -> Lessons:
        """Add up images, by id, of which some are done."""
        objects: Counter[str] = Counter()
        rejected = n_images = 0
        for image, tally in tallies.items():
            counted = tally.kept if image in done else tally.decided
            objects += counted
            rejected += tally.rejected
            n_images += bool(counted or tally.rejected)
        return cls(dict(sorted(objects.items())), rejected, n_images)


def tally_job(folder: Path, known: Collection[str]) -> Work[dict[str, Tally]]:
    """Count the objects of a project's images, but for those that are known.

    Yields
    ------
    Progress or Notice
        A notice for an image whose table can't be read; it is left out.
    """
    entries: Sequence = Project.open(folder).images
    wanted = [entry for entry in entries if entry.has_labels and entry.id not in known]
    found = {}
    for done, entry in enumerate(wanted, start=1):
        try:
            objects = entry.load_labels()[1]
            found[entry.id] = Tally.of(objects["class"], objects["status"], objects["source"])
        except VlsegError as error:
            yield Notice(str(error))
        yield Progress("counting what was corrected", done, len(wanted))
    return found
