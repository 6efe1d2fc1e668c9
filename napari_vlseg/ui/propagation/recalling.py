"""What is known of objects that were followed: in this session, and from the journal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from napari_vlseg.ui.editing.past import Origin
from napari_vlseg.ui.editing.spread import Index
from napari_vlseg.workflow.propagate.propagated import Propagated
from napari_vlseg.workflow.propagate.records import PropagationLog


@dataclass(eq=False)
class Followed:
    """The objects of a layer that were followed.

    Attributes
    ----------
    axis : int
        Which of the leading axes.
    known : Propagated
        Where each outline comes from, and where objects stopped. Outlines of earlier sessions are
        on the layer alone.
    corrected : list of (int, int)
        Objects and planes that a person corrected since.
    """

    axis: int
    known: Propagated
    corrected: list[tuple[int, int]] = field(default_factory=list)

    @property
    def mine(self) -> dict[int, frozenset[int]]:
        """Object → planes that propagation wrote."""
        sources = self.known.log.sources
        return {
            number: frozenset(plane for plane, source in of.items() if plane != source)
            for number, of in sources.items()
        }


def log_of(followed: Mapping[int, Mapping[Index, Origin]], axis: int) -> PropagationLog:
    """The record that the journal gives: each plane comes from its neighbour towards the origin.

    Parameters
    ----------
    followed : mapping
        See `napari_vlseg.ui.editing.past.Past`.
    axis : int
        What was followed along another axis is left out.
    """
    sources: dict[int, dict[int, int]] = {}
    model = ""
    for number, planes in followed.items():
        for index, origin in planes.items():
            if origin.axis == axis and axis < len(index):
                plane, model = index[axis], origin.model
                of = sources.setdefault(number, {})
                of[plane] = plane - 1 if plane > origin.plane else plane + 1
                of.setdefault(origin.plane, origin.plane)
    return PropagationLog(sources, model=model)
