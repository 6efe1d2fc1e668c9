"""The Python face of what goes through z and time: follow objects, and link planes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_vlseg.errors import ImageError
from napari_vlseg.events import Event, run
from napari_vlseg.images import ImageView
from napari_vlseg.models import registry
from napari_vlseg.models.registry import DEFAULT_CLICK_MODEL, require_promptable
from napari_vlseg.models.video import VideoSegmenter
from napari_vlseg.workflow.api import default_view
from napari_vlseg.workflow.cache import EmbeddingCache
from napari_vlseg.workflow.linked import Linked, relabel
from napari_vlseg.workflow.linking import LinkSettings, link_planes
from napari_vlseg.workflow.propagate import following
from napari_vlseg.workflow.propagate.following import Follows
from napari_vlseg.workflow.propagate.pieces import Piece, pieces_of
from napari_vlseg.workflow.propagate.plans import Anchors, Direction
from napari_vlseg.workflow.propagate.propagated import Propagated
from napari_vlseg.workflow.propagate.settings import PropagateSettings
from napari_vlseg.workflow.stack_planes import StackPlanes

if TYPE_CHECKING:
    from napari_vlseg.events import Work


def propagate(
    image: Any,
    seeds: npt.ArrayLike,
    plane: int | None = None,
    *,
    axis: int | None = None,
    index: Sequence[int] = (),
    direction: Direction = "both",
    first: int = 0,
    last: int | None = None,
    model: str | Follows = DEFAULT_CLICK_MODEL,
    device: str = "auto",
    view: ImageView | None = None,
    settings: PropagateSettings | None = None,
    cache: EmbeddingCache | None = None,
    on_event: Callable[[Event], Any] | None = None,
) -> Propagated:
    """Follow objects of one plane through a stack or a time series.

    Parameters
    ----------
    image : array-like
        Of any shape that `napari_vlseg.segment` takes, with at least one leading axis.
    seeds : array_like, integer
        Labels (H, W) of one plane, or (n, H, W) of all: every object on every plane that has
        labels is known there.
    plane : int, optional
        Where labels of one plane belong.
    axis : int, optional
        Which of the leading axes to follow; may be left out where there is only one.
    index : sequence of int
        Position on each of the other leading axes.
    direction : {"both", "forward", "backward"}
    first, last : int
        Range of planes; all if not given.
    model : str or PromptableSegmenter or VideoSegmenter
        One with a memory of planes, such as "sam2.1-hiera-tiny", follows by it.
    device : str
        See `napari_vlseg.load_model`; not used where `model` is loaded already.
    view : ImageView, optional
        Channels, colours and contrast. None takes a last axis of 3 or 4 as RGB(A).
    settings : PropagateSettings, optional
    cache : EmbeddingCache, optional
        Keeps encoded planes for the next time.
    on_event : callable, optional
        Called with each event.

    Returns
    -------
    Propagated
        ``.labels(plane)`` int32 (H, W); ``.log.stops`` says where and why objects stopped.

    Raises
    ------
    ImageError, PromptError, ModelError, SettingsError
    """
    planes = StackPlanes(image, view or default_view(image), axis=axis, index=index)
    loaded = run(load_follower(model, device), on_event) if isinstance(model, str) else model
    work = following.propagate(
        loaded,
        planes,
        len(planes),
        anchors_of(seeds, plane, planes),
        direction=direction,
        first=first,
        last=last,
        cache=cache,
        settings=settings,
    )
    return run(work, on_event)


def link(
    labels: Any,
    *,
    least_iou: float = 0.25,
    gap: int = 0,
    splits: bool = False,
    out: Any = None,
    on_event: Callable[[Event], Any] | None = None,
) -> tuple[Any, Linked]:
    """Join 2D objects of consecutive planes into 3D objects or tracks.

    Parameters
    ----------
    labels : array-like, shape (n, H, W) or (n, Z, H, W), integer
        Of a lazy array one plane is read at a time.
    least_iou, gap, splits
        See `napari_vlseg.workflow.linking.LinkSettings`.
    out : array-like, optional
        Where the new labels are written, such as a zarr array.
    on_event : callable, optional
        Called with each event.

    Returns
    -------
    labels : array-like, uint32
        `out`, or a new array.
    linked : Linked
        ``.tracks()`` and ``.parents`` for a Tracks layer of napari, ``.objects()`` for a table.

    Raises
    ------
    ImageError, SettingsError

    Examples
    --------
    >>> planes = np.zeros((2, 4, 4), np.uint8)
    >>> planes[0, :2, :2], planes[1, :2, :3] = 1, 7
    >>> joined, linked = link(planes)
    >>> joined[1, 0].tolist(), linked.n_objects
    ([1, 1, 1, 0], 1)
    """
    settings = LinkSettings(least_iou, gap, splits)
    linked = run(link_planes(labels, settings=settings), on_event)
    return run(relabel(labels, linked, out), on_event), linked


def load_follower(name: str, device: str = "auto", offline: bool | None = None) -> Work[Follows]:
    """Load a model to follow objects with: its memory where it has one, else its clicks.

    Raises
    ------
    ModelError
        If it can't be loaded, or takes neither.
    """
    if registry.has_video_memory(name):
        return (yield from registry.load_video_steps(name, device=device, offline=offline))
    loaded = yield from registry.load_steps(name, device=device, offline=offline)
    return loaded if isinstance(loaded, VideoSegmenter) else require_promptable(loaded)


def anchors_of(seeds: npt.ArrayLike, plane: int | None, planes: StackPlanes) -> Anchors:
    """Objects of labels, and the planes on which they are known.

    Parameters
    ----------
    seeds, plane
        See `propagate`.
    planes : StackPlanes

    Raises
    ------
    ImageError
        If the labels don't fit the planes, or it is not known where they belong.
    """
    labels = np.asarray(seeds)
    if labels.dtype.kind not in "biu":
        raise ImageError(f"The labels have dtype {labels.dtype}: give an integer label image.")
    if labels.shape == planes.shape:
        if plane is None:
            raise ImageError("The labels are of one plane: say which, from 0.")
        if not 0 <= plane < len(planes):
            raise ImageError(f"There is no plane {plane}: choose one from 0 to {len(planes) - 1}.")
        return {label: {plane: piece} for label, piece in pieces_of(labels).items()}
    if labels.shape != (len(planes), *planes.shape):
        raise ImageError(
            f"The labels have shape {labels.shape}: give {planes.shape} for one plane, or "
            f"{(len(planes), *planes.shape)} for all."
        )
    anchors: dict[int, dict[int, Piece]] = {}
    for number in [plane] if plane is not None else range(len(planes)):
        for label, piece in pieces_of(labels[number]).items():
            anchors.setdefault(label, {})[number] = piece
    return anchors
