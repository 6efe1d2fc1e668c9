"""Corrected planes turned, mirrored and lit otherwise, encoded when there is time for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from napari_vlseg.events import Progress, Work
from napari_vlseg.models.base import Embedding
from napari_vlseg.models.clipseg import ClipSegSegmenter
from napari_vlseg.training.finetune.corrected import CorrectedPlane
from napari_vlseg.workflow.cache import EmbeddingCache, encode

_PLACES = 8
_GAMMA = 0.25
_GAIN = 0.15
_OFFSET = 0.05


def variant(corrected: CorrectedPlane, number: int) -> CorrectedPlane:
    """A plane as it might have been photographed as well.

    Parameters
    ----------
    corrected : CorrectedPlane
    number : int
        From 0 on. Equal numbers change all planes equally, so that what was encoded of a
        variant is found again. Seven in a row are turned and mirrored differently.

    Returns
    -------
    CorrectedPlane
        Labels and what was reviewed move along.

    Examples
    --------
    >>> labels = np.array([[1, 0], [0, 0]])
    >>> plane = CorrectedPlane(np.zeros((2, 2, 3), np.float32), labels, {}, labels > 0)
    >>> [variant(plane, number).labels.tolist() for number in (0, 1)]
    [[[0, 0], [1, 0]], [[0, 0], [0, 1]]]
    """
    place = 1 + number % (_PLACES - 1)
    return replace(
        corrected,
        plane=np.ascontiguousarray(_relit(_placed(corrected.plane, place), number), np.float32),
        labels=np.ascontiguousarray(_placed(corrected.labels, place)),
        reviewed=np.ascontiguousarray(_placed(corrected.reviewed, place)),
    )


def encode_variants(
    model: ClipSegSegmenter,
    planes: Sequence[CorrectedPlane],
    cache: EmbeddingCache,
    count: int,
    *,
    working_scale: float | None = None,
) -> Work[int]:
    """Encode variants of planes, the first one of each plane first.

    It may be closed after any event; what was encoded by then is in the cache.

    Parameters
    ----------
    model : ClipSegSegmenter
        The base model.
    planes : sequence of CorrectedPlane
    cache : EmbeddingCache
    count : int
        Variants of each plane.
    working_scale : float, optional
        As the planes themselves are encoded.

    Yields
    ------
    Progress or Notice

    Returns
    -------
    int
        How many were encoded that were not there before.
    """
    n_new, total = 0, count * len(planes)
    for done in range(total):
        number, position = divmod(done, len(planes))
        changed = variant(planes[position], number).plane
        key = model.embedding_key(changed, working_scale)
        if cache.recall(model, key, changed) is None:
            yield from encode(model, changed, working_scale=working_scale, cache=cache)
            n_new += 1
        yield Progress("encoding variants", done + 1, total)
    return n_new


def encoded_variants(
    model: ClipSegSegmenter,
    corrected: CorrectedPlane,
    cache: EmbeddingCache | None,
    count: int,
    *,
    working_scale: float | None = None,
) -> Iterator[tuple[CorrectedPlane, Embedding]]:
    """Those of the first `count` variants of a plane that were encoded before."""
    for number in range(count if cache is not None else 0):
        changed = variant(corrected, number)
        key = model.embedding_key(changed.plane, working_scale)
        embedding = cache.recall(model, key, changed.plane) if cache is not None else None
        if isinstance(embedding, Embedding):
            yield changed, embedding


def _placed(values: np.ndarray, place: int) -> np.ndarray:
    """One of the eight ways to lay a plane down."""
    turned = np.rot90(values, place % 4)
    return turned[:, ::-1] if place >= _PLACES // 2 else turned


def _relit(plane: np.ndarray, number: int) -> np.ndarray:
    """Another gamma, contrast and brightness, each a little."""
    gamma, gain, offset = np.random.default_rng(number).uniform(-1, 1, 3)
    lit = plane ** np.exp(_GAMMA * gamma)
    middle = lit.mean()
    return np.clip((lit - middle) * (1 + _GAIN * gain) + middle + _OFFSET * offset, 0, 1)
