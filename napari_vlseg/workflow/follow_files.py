"""Files in, files out: objects followed through an image file, and labels that are linked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from napari_vlseg.errors import ExportError, ImageError
from napari_vlseg.events import Progress, Work
from napari_vlseg.files import writing
from napari_vlseg.images import read_image
from napari_vlseg.workflow.cache import EmbeddingCache
from napari_vlseg.workflow.linked import Linked
from napari_vlseg.workflow.linking import LinkSettings, link_planes
from napari_vlseg.workflow.propagate.following import propagate
from napari_vlseg.workflow.propagate.plans import Direction
from napari_vlseg.workflow.propagate.propagated import Propagated
from napari_vlseg.workflow.propagate.settings import PropagateSettings
from napari_vlseg.workflow.stack_files import (
    check_own,
    write_document,
    write_stack,
    write_table,
    write_tracks,
)
from napari_vlseg.workflow.stack_planes import StackPlanes
from napari_vlseg.workflow.through import anchors_of, load_follower


@dataclass(frozen=True)
class FollowJob:
    """Which objects of which file to follow, and where to write.

    Attributes
    ----------
    image, seeds, out : Path
        Stack, labels, and folder.
    plane, axis, index, direction, first, last
        See `napari_vlseg.propagate`.
    """

    image: Path
    seeds: Path
    out: Path
    plane: int | None = None
    axis: int | None = None
    index: tuple[int, ...] = ()
    direction: Direction = "both"
    first: int = 0
    last: int | None = None


def follow_file(
    job: FollowJob,
    model: str,
    *,
    device: str = "auto",
    offline: bool | None = None,
    cache: EmbeddingCache | None = None,
    settings: PropagateSettings | None = None,
) -> Work[tuple[Propagated, Path]]:
    """Follow objects through an image file, and write labels and the record.

    Parameters
    ----------
    job : FollowJob
    model, device, offline
        See `napari_vlseg.workflow.through.load_follower`.
    cache, settings
        See `napari_vlseg.propagate`.

    Yields
    ------
    Progress, Notice or Partial

    Returns
    -------
    Propagated
    Path
        Of the labels.

    Raises
    ------
    ImageError, PromptError, ModelError, SettingsError
    ExportError
        If files can't be written, or would replace others.
    """
    target = _target(job.image, job.out, (job.image, job.seeds))
    source = read_image(job.image)
    planes = StackPlanes(
        source.data,
        source.view,
        axis=job.axis,
        index=job.index,
        levels=getattr(source, "levels", ()),
    )
    anchors = anchors_of(np.asarray(read_image(job.seeds).data), job.plane, planes)
    follower = yield from load_follower(model, device, offline)
    found = yield from propagate(
        follower,
        planes,
        len(planes),
        anchors,
        direction=job.direction,
        first=job.first,
        last=job.last,
        cache=cache,
        settings=settings,
    )
    yield Progress("writing", 0, 1)
    write_stack(target, found.labels, (len(planes), *planes.shape), max(anchors, default=0))
    write_document(job.out / f"{job.image.stem}_propagation.json", found.log.to_dict())
    yield Progress("writing", 1, 1)
    return found, target


def link_file(
    labels: Path, out: Path, settings: LinkSettings, scale: Sequence[float] | None = None
) -> Work[tuple[Linked, tuple[Path, ...]]]:
    """Link the planes of a label file, and write labels, tracks and objects.

    Parameters
    ----------
    labels : Path
        Shape (n, H, W).
    out : Path
        Folder.
    settings : LinkSettings
    scale : sequence of float, optional
        See `Linked.objects`.

    Yields
    ------
    Progress

    Returns
    -------
    Linked
    tuple of Path
        What was written.

    Raises
    ------
    ImageError
        If the file holds no stack of labels.
    ExportError
        If files can't be written, or would replace others.
    """
    target = _target(labels, out, (labels,))
    stack = read_image(labels).data
    if len(stack.shape) != 3:
        raise ImageError(
            f"“{labels}” has shape {tuple(stack.shape)}: give a stack of planes of labels."
        )
    linked = yield from link_planes(stack, settings=settings)
    yield Progress("writing", 0, 1)

    def numbered(plane: int) -> np.ndarray:
        return linked.relabelled(plane, stack[plane])

    write_stack(target, numbered, stack.shape, int(linked.number.max(initial=0)))
    tracks, objects = (out / f"{labels.stem}_{name}.csv" for name in ("tracks", "objects"))
    write_tracks(tracks, linked)
    write_table(objects, linked, scale)
    yield Progress("writing", 1, 1)
    return linked, (target, tracks, objects)


def _target(source: Path, out: Path, inputs: Sequence[Path]) -> Path:
    """The file of labels, which may replace none that is not the package's own."""
    target = out / f"{source.stem}.tif"
    if target.resolve() in {path.resolve() for path in inputs}:
        raise ExportError(
            f"The labels would overwrite the input “{target}”: choose another folder."
        )
    check_own(target)
    with writing(out, ExportError):
        out.mkdir(parents=True, exist_ok=True)
    return target
