"""Which images of a project come next, and why."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from napari_vlseg.corrections.store import Project
from napari_vlseg.corrections.worklist import Worklist
from napari_vlseg.errors import PromptError
from napari_vlseg.events import Work
from napari_vlseg.models.base import DenseSegmenter
from napari_vlseg.prompts import PromptTable
from napari_vlseg.workflow.cache import EmbeddingCache
from napari_vlseg.workflow.looks import LookBook, look_at_images
from napari_vlseg.workflow.ordering import Order, choose_images

_IMAGES_PER_ROUND = 5
_LAST_ROUND = 2
_ENOUGH_DONE = 3


@dataclass(frozen=True)
class Suggestion:
    """An image to look at.

    Attributes
    ----------
    position : int
        In the project's list, whose own order stays as it is.
    name : str
    status : {"new", "in progress"}
    order : {"typical", "uncertain", "random"}
    reason : str
        In words that go on from “look at this one:”.
    """

    position: int
    name: str
    status: str
    order: Order
    reason: str

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return asdict(self)


def suggest_images(
    project: Project,
    worklist: Worklist,
    model: DenseSegmenter,
    prompts: PromptTable,
    *,
    order: Order | None = None,
    book: LookBook | None = None,
    cache: EmbeddingCache | None = None,
    seed: int = 0,
) -> Work[tuple[Suggestion, ...]]:
    """The images that are neither done nor skipped, in the order in which to look at them.

    The window shows its list in this order on demand: positions stay what they are. Images that
    were looked at before are not looked at again while model, prompts and files are the same.

    Parameters
    ----------
    project : Project
    worklist : Worklist
        See `napari_vlseg.workflow.worklist.worklist_of`.
    model : DenseSegmenter
    prompts : PromptTable
        What is looked for.
    order : {"typical", "uncertain", "random"}, optional
        None takes `natural_order`.
    book : LookBook, optional
    cache : EmbeddingCache, optional
    seed : int

    Yields
    ------
    Progress or Notice

    Returns
    -------
    tuple of Suggestion
        Images that can't be read are left out.

    Raises
    ------
    PromptError
        If nothing is asked for.
    SettingsError
        If the order is unknown.
    """
    chosen = order or natural_order(worklist)
    open_ = [
        position
        for position, item in enumerate(worklist.items)
        if item.status in ("new", "in progress")
    ]
    if not any(row.visible and not row.is_empty for row in prompts.rows):
        raise PromptError(
            "The project has no prompt yet: segment an image in the window, or give --text."
        )
    looks = yield from look_at_images(
        project, worklist, open_, model, prompts, book=book, cache=cache
    )
    places = list(looks)
    choices = choose_images(list(looks.values()), chosen, seed=seed, round_=rounds_done(worklist))
    return tuple(
        Suggestion(
            places[choice.position],
            worklist.items[places[choice.position]].name,
            worklist.items[places[choice.position]].status,
            chosen,
            choice.reason,
        )
        for choice in choices
    )


def natural_order(worklist: Worklist) -> Order:
    """Typical images while fewer than three are done, uncertain ones from then on."""
    return "typical" if worklist.counts()["done"] < _ENOUGH_DONE else "uncertain"


def rounds_done(worklist: Worklist) -> int:
    """For the noise of the order of uncertain images, see `round_after`."""
    return round_after(worklist.counts()["done"])


def round_after(n_done: int) -> int:
    """The round after so many images that are done: one for each five, up to the second.

    Noise fades no further, because the estimate of what is left (`napari_vlseg.workflow.stopping`)
    fails where chance has no part in what was reviewed; docs/what-next.md has the numbers.
    """
    return min(n_done // _IMAGES_PER_ROUND, _LAST_ROUND)


def sorted_positions(worklist: Worklist, suggestions: tuple[Suggestion, ...]) -> tuple[int, ...]:
    """All positions of a list: those suggested first, then the others in the list's own order."""
    first = [suggestion.position for suggestion in suggestions]
    named = set(first)
    return (*first, *(place for place in range(len(worklist)) if place not in named))
