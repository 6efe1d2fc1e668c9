"""Image files encoded ahead: whoever opens one later starts from its embedding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_vlseg.errors import SettingsError, VlsegError
from napari_vlseg.events import Notice, Progress, Work
from napari_vlseg.images import Channel, SourceImage, leading_axes, read_image
from napari_vlseg.workflow.batch import read_plane
from napari_vlseg.workflow.cache import EmbeddingCache, encode_options
from napari_vlseg.workflow.disk_cache import LIMIT_VARIABLE, DiskCache

if TYPE_CHECKING:
    from napari_vlseg.models.spec import AnyModel


@dataclass(frozen=True)
class Encoded:
    """What became of one image.

    Attributes
    ----------
    image : str
        Path as given.
    planes : int
        Planes whose embeddings are on the disk now.
    computed : int
        Those of them that were not there before.
    error : str or None
        Why the others are not.
    """

    image: str
    planes: int = 0
    computed: int = 0
    error: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return asdict(self)


def encode_files(
    images: Sequence[Path],
    model: AnyModel,
    disk: DiskCache,
    *,
    working_scale: float | None = None,
    index: Sequence[int] = (),
    channels: Sequence[Channel] = (),
) -> Work[tuple[Encoded, ...]]:
    """Encode images one after another and keep the embeddings.

    An image that fails does not keep the others from being encoded.

    Parameters
    ----------
    images : sequence of Path
    model : DenseSegmenter or PromptableSegmenter
    disk : DiskCache
    working_scale : float, optional
        See `napari_vlseg.workflow.cache.encode`.
    index : sequence of int
        Position on each leading axis of the images; empty for every plane.
    channels : sequence of Channel
        Which channels are looked at, and in which colours; all of them when empty.

    Yields
    ------
    Progress or Notice

    Returns
    -------
    tuple of Encoded
        One for each image.

    Raises
    ------
    SettingsError
        If the cache is switched off.
    """
    if not disk.is_on:
        raise SettingsError(
            f"The cache of encoded images is switched off: set {LIMIT_VARIABLE} to a number of "
            "gigabytes, or unset it."
        )
    outcomes = []
    for done, image in enumerate(images):
        yield Progress("images", done, len(images))
        work = _encode_file(image, model, disk, working_scale, index, channels)
        outcomes.append((yield from work))
    yield Progress("images", len(images), len(images))
    return tuple(outcomes)


def _encode_file(
    image: Path,
    model: AnyModel,
    disk: DiskCache,
    working_scale: float | None,
    index: Sequence[int],
    channels: Sequence[Channel],
) -> Work[Encoded]:
    planes = computed = 0
    try:
        source = read_image(image)
        chosen = [tuple(index)] if index else list(_planes(source))
        for position in chosen:
            if len(chosen) > 1:
                yield Progress(f"planes of {image.name}", planes, len(chosen))
            plane = read_plane(source, position, channels)
            computed += yield from _encode_plane(model, plane, working_scale, disk)
            planes += 1
    except VlsegError as error:
        yield Notice(f"{image}: {error}")
        return Encoded(str(image), planes, computed, str(error))
    return Encoded(str(image), planes, computed)


def _encode_plane(
    model: AnyModel, plane: np.ndarray, working_scale: float | None, disk: DiskCache
) -> Work[bool]:
    """Whether the plane had to be encoded."""
    cache, scaled = EmbeddingCache(0, disk), encode_options(model, working_scale)
    if cache.recall(model, model.embedding_key(plane, **scaled), plane) is not None:
        return False
    cache.write(model, (yield from model.encode_steps(plane, **scaled)))
    return True


def _planes(source: SourceImage) -> np.ndindex:
    """Positions of all planes on the leading axes."""
    return np.ndindex(*(source.data.shape[axis] for axis in leading_axes(source.data, source.view)))
