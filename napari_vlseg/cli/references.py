"""``IMAGE:MASK[:class]``: reference regions as the command line gives them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from pathlib import Path

from napari_vlseg.errors import PromptError
from napari_vlseg.images import read_image, read_mask
from napari_vlseg.prompts import ReferencePrompt
from napari_vlseg.workflow.batch import read_plane

DEFAULT_CLASS = "object"


@dataclass(frozen=True)
class ReferenceSpec:
    """Where a reference region lies.

    Attributes
    ----------
    image, mask : pathlib.Path
        The mask's non-zero pixels are the region.
    class_name : str or None
        None where the person named none.
    """

    image: Path
    mask: Path
    class_name: str | None = None


def parse_reference(spec: str) -> ReferenceSpec:
    r"""Split ``IMAGE:MASK[:class]``.

    A colon may be part of a path (``C:\a.png``): the split whose two files exist wins, and
    without one, a drive letter is not a part of its own.

    Raises
    ------
    PromptError
        If there are not two or three parts.

    Examples
    --------
    >>> parse_reference("a.png:a_mask.png:nuclei").class_name
    'nuclei'
    """
    splits = _splits(spec)
    if not splits:
        raise PromptError(
            f"The reference “{spec}” is not of the form IMAGE:MASK or IMAGE:MASK:class."
        )
    whole = [parts for parts in splits if min(len(parts[0]), len(parts[1])) > 1]
    found = [parts for parts in splits if Path(parts[0]).is_file() and Path(parts[1]).is_file()]
    image, mask, *name = next(iter((*found, *whole, *splits)))
    return ReferenceSpec(Path(image), Path(mask), name[0] if name else None)


def read_references(
    specs: Iterable[ReferenceSpec], classes: Sequence[str]
) -> dict[str, list[ReferencePrompt]]:
    """Read the regions, by class.

    Parameters
    ----------
    specs : iterable of ReferenceSpec
    classes : sequence of str
        Classes that the text names. A reference without a class belongs to the only one of
        them, or to the class “object” where there is none.

    Raises
    ------
    ImageError
        If a file can't be read.
    PromptError
        If a mask does not fit its image, or the class is open.
    """
    found: dict[str, list[ReferencePrompt]] = {}
    for spec in specs:
        name = spec.class_name or _only_class(classes)
        plane, mask = read_plane(read_image(spec.image)), read_mask(spec.mask)
        if mask.shape != plane.shape[:2]:
            raise PromptError(
                f"The reference mask “{spec.mask}” has shape {mask.shape} but its image "
                f"“{spec.image}” has {plane.shape[:2]}: give a mask of the image's size."
            )
        reference = ReferencePrompt.from_region(plane, mask, source=spec.image.name)
        found.setdefault(name, []).append(reference)
    return found


def _splits(spec: str) -> list[list[str]]:
    """All ways to cut at two colons or one into parts that are not empty."""
    colons = [position for position, character in enumerate(spec) if character == ":"]
    cuts = [*combinations(colons, 2), *combinations(colons, 1)]
    bounds = [(-1, *cut, len(spec)) for cut in cuts]
    parts = [[spec[a + 1 : b].strip() for a, b in pairwise(ends)] for ends in bounds]
    return [part for part in parts if all(part)]


def _only_class(classes: Sequence[str]) -> str:
    if len(classes) > 1:
        raise PromptError(
            f"There are the classes {', '.join(classes)}: say which one a reference shows, "
            "as in IMAGE:MASK:class."
        )
    return classes[0] if classes else DEFAULT_CLASS
