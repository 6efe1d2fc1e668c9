"""Which regions of a project's large images come next, and why."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from napari_vlseg.corrections.store import Project
from napari_vlseg.corrections.worklist import Worklist
from napari_vlseg.errors import ImageError, ProjectError
from napari_vlseg.events import Notice, Progress, Work
from napari_vlseg.images import extract_plane, lasting_view, leading_axes
from napari_vlseg.models.base import DenseSegmenter
from napari_vlseg.prompts import PromptTable
from napari_vlseg.training.finetune.from_project import corrected_planes
from napari_vlseg.workflow.cache import EmbeddingCache
from napari_vlseg.workflow.looks import open_image
from napari_vlseg.workflow.next_images import natural_order, rounds_done
from napari_vlseg.workflow.ordering import Order
from napari_vlseg.workflow.propose import propose
from napari_vlseg.workflow.regions import SIDE, Region, choose_regions


@dataclass(frozen=True)
class RegionSuggestion:
    """A region to look at.

    Attributes
    ----------
    position : int
        Of the image in the project's list.
    name : str
        Of the image.
    plane : tuple of int
        Position on each leading axis of the image.
    region : Region
    order : {"typical", "uncertain", "random"}
    reason : str
    """

    position: int
    name: str
    plane: tuple[int, ...]
    region: Region
    order: Order
    reason: str

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return asdict(self)


def suggest_regions(
    project: Project,
    worklist: Worklist,
    positions: Sequence[int],
    model: DenseSegmenter,
    prompts: PromptTable,
    *,
    order: Order | None = None,
    side: int = SIDE,
    seen: Collection[tuple[int, Region]] = (),
    cache: EmbeddingCache | None = None,
    seed: int = 0,
) -> Work[tuple[RegionSuggestion, ...]]:
    """Regions of images in the order in which to look at them, image after image.

    What was reviewed counts no more, and a region that was reviewed is left out.

    Parameters
    ----------
    project : Project
    worklist : Worklist
    positions : sequence of int
        Images of the list; of a stack the middle plane.
    model : DenseSegmenter
    prompts : PromptTable
    order : {"typical", "uncertain", "random"}, optional
        None takes that of `napari_vlseg.workflow.next_images.natural_order`.
    side : int
        About the side of a region, in pixels.
    seen : collection of (int, Region)
        Regions that were shown before, with the position of their image; they are left out.
    cache : EmbeddingCache, optional
    seed : int

    Yields
    ------
    Progress or Notice
        A notice for each image that can't be read.

    Returns
    -------
    tuple of RegionSuggestion

    Raises
    ------
    PromptError
        If nothing is asked for.
    SettingsError
        If the order is unknown, or the side too small.
    """
    chosen = order or natural_order(worklist)
    entries = {entry.id: entry for entry in project.images}
    found: list[RegionSuggestion] = []
    for done, position in enumerate(positions):
        yield Progress("looking at regions", done, len(positions))
        item = worklist.items[position]
        entry = entries.get(item.image)
        try:
            source = open_image(worklist, position, entry)
            known = {} if entry is None else corrected_planes(entry, item.status == "done")
        except (ImageError, ProjectError) as error:
            yield Notice(f"{item.name}: {error}")
            continue
        axes = leading_axes(source.data, source.view)
        index = tuple(source.data.shape[axis] // 2 for axis in axes)
        shown = lasting_view(source.data, source.view, source.levels)
        plane = extract_plane(source.data, index, shown)
        proposals = yield from propose(model, plane, prompts, cache=cache)
        choices = choose_regions(
            plane,
            proposals,
            chosen,
            side=side,
            reviewed=known[index].reviewed if index in known else None,
            seen={region for place, region in seen if place == position},
            seed=seed,
            round_=rounds_done(worklist),
        )
        found += [
            RegionSuggestion(position, item.name, index, one.region, chosen, one.reason)
            for one in choices
        ]
    yield Progress("looking at regions", len(positions), len(positions))
    return tuple(found)
