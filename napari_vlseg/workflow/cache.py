"""Encoded planes kept in memory and on disk: a further prompt starts from the embedding.

Every prompt kind, the window, the command line and Python go through `encode`.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeAlias, overload

import numpy as np

from napari_vlseg.errors import CacheError, ModelError
from napari_vlseg.events import Notice, Work
from napari_vlseg.models.base import (
    DenseSegmenter,
    Embedding,
    PromptableEmbedding,
    PromptableSegmenter,
)
from napari_vlseg.workflow.disk_cache import DiskCache
from napari_vlseg.workflow.embedding_files import EmbeddingFacts

if TYPE_CHECKING:
    from napari_vlseg.models.spec import AnyModel
    from napari_vlseg.tiling import TilePlan

GIB = 1024**3

AnyEmbedding: TypeAlias = Embedding | PromptableEmbedding


class EmbeddingCache:
    """Least recently used embeddings, bounded by their size, before those on disk.

    Safe to use from several threads.

    Parameters
    ----------
    max_bytes : int
        Embeddings in memory are dropped, oldest use first, until the rest fits. One larger
        than this is not kept.
    disk : DiskCache, optional
        Where `encode` looks next, and keeps what it computed.

    Attributes
    ----------
    disk : DiskCache or None
    """

    def __init__(self, max_bytes: int = 2 * GIB, disk: DiskCache | None = None) -> None:
        self.disk = disk
        self._max_bytes = max_bytes
        self._entries: OrderedDict[str, AnyEmbedding] = OrderedDict()
        self._sizes: dict[str, int] = {}
        self._lock = threading.Lock()
        self._has_told = False

    @property
    def n_bytes(self) -> int:
        """Size of what is kept in memory, in bytes, as far as it is known."""
        return sum(list(self._sizes.values()))  # another thread may add one meanwhile

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: str) -> AnyEmbedding | None:
        """The embedding of a key if it is in memory, or None."""
        with self._lock:
            embedding = self._entries.get(key)
            if embedding is not None:
                self._entries.move_to_end(key)
                self._fit(key)
            return embedding

    def put(self, embedding: AnyEmbedding) -> None:
        """Keep an embedding in memory under its own key."""
        with self._lock:
            self._drop(embedding.key)
            if _embedding_bytes(embedding) <= self._max_bytes:
                self._entries[embedding.key] = embedding
                self._fit(*self._entries)

    def clear(self) -> None:
        """Forget what is in memory."""
        with self._lock:
            self._entries.clear()
            self._sizes.clear()

    def recall(self, model: AnyModel, key: str, plane: np.ndarray) -> AnyEmbedding | None:
        """The embedding of a plane from memory, else from disk, or None.

        What does not fit the model is not used.
        """
        kept = self.get(key)
        packed = self.disk.read(key) if kept is None and self.disk is not None else None
        if packed is None:
            return kept
        try:
            embedding = model.unpack(packed, plane)
        except ModelError:
            return None
        self.put(embedding)
        return embedding

    def write(self, model: AnyModel, embedding: AnyEmbedding) -> None:
        """Write an embedding to the disk, if there is one, as it is now.

        `encode` does so with what it computed. One that grows with the prompts it answers
        (see `PromptableSegmenter.encode`) may be written again.

        Raises
        ------
        CacheError
            If the folder can't be written.
        """
        if self.disk is not None and self.disk.is_on:
            packed = model.pack(embedding)  # type: ignore[arg-type]
            self.disk.write(packed, EmbeddingFacts(model.info.name, embedding.shape))

    def store(self, model: AnyModel, embedding: AnyEmbedding) -> Work[None]:
        """`write` for work that goes on without.

        Yields
        ------
        Notice
            The first time that it is impossible; the work goes on.
        """
        try:
            self.write(model, embedding)
        except CacheError as error:
            if not self._has_told:
                self._has_told = True
                yield Notice(f"Encoded images are not kept for the next time. {error}")

    def _fit(self, *measured: str) -> None:
        """Measure those that may have grown, and drop the oldest beyond the bound."""
        for key in measured:
            self._sizes[key] = _embedding_bytes(self._entries[key])
        while self.n_bytes > self._max_bytes and len(self._entries) > 1:
            self._drop(next(iter(self._entries)))

    def _drop(self, key: str) -> None:
        self._entries.pop(key, None)
        self._sizes.pop(key, None)


@overload
def encode(
    model: DenseSegmenter,
    plane: np.ndarray,
    *,
    working_scale: float | None = None,
    cache: EmbeddingCache | None = None,
    plan: TilePlan | None = None,
) -> Work[Embedding]: ...


@overload
def encode(
    model: PromptableSegmenter,
    plane: np.ndarray,
    *,
    working_scale: float | None = None,
    cache: EmbeddingCache | None = None,
) -> Work[PromptableEmbedding]: ...


def encode(
    model: AnyModel,
    plane: np.ndarray,
    *,
    working_scale: float | None = None,
    cache: EmbeddingCache | None = None,
    plan: TilePlan | None = None,
) -> Work[Any]:
    """Encode a plane, or take its embedding from the cache.

    Parameters
    ----------
    model : DenseSegmenter or PromptableSegmenter
    plane : numpy.ndarray, shape (H, W, 3), float32 in [0, 1]
    working_scale : float, optional
        Image pixels per model pixel, for a `DenseSegmenter` alone; None lets it choose.
    cache : EmbeddingCache, optional
        Keeps what was computed, in memory and, where it has one, on its disk.
    plan : TilePlan, optional
        Tiles to look through, for a `LatticeSegmenter` alone.

    Yields
    ------
    Progress or Notice

    Returns
    -------
    Embedding or PromptableEmbedding

    Raises
    ------
    ImageError, SettingsError, ModelError
        See the model's ``encode``.
    """
    scaled = encode_options(model, working_scale)
    if plan is not None:
        scaled["plan"] = plan
    if cache is None:
        return (yield from model.encode_steps(plane, **scaled))
    embedding = cache.recall(model, model.embedding_key(plane, **scaled), plane)
    if embedding is None:
        embedding = yield from model.encode_steps(plane, **scaled)
        cache.put(embedding)
        yield from cache.store(model, embedding)
    return embedding


def encode_options(model: AnyModel, working_scale: float | None) -> dict[str, Any]:
    """What a model's ``encode`` takes: a `PromptableSegmenter` chooses the scale itself."""
    return {"working_scale": working_scale} if isinstance(model, DenseSegmenter) else {}


def _embedding_bytes(embedding: AnyEmbedding) -> int:
    if isinstance(embedding, PromptableEmbedding):
        return _n_bytes(embedding.content)
    return _n_bytes((embedding.activations, embedding.plane))


def _n_bytes(content: Any) -> int:
    """Bytes of nested sequences of tensors, arrays and whatever else knows its ``nbytes``."""
    if hasattr(content, "nbytes"):
        return int(content.nbytes)
    if isinstance(content, Iterable) and not isinstance(content, str | bytes):
        return sum(map(_n_bytes, content))
    return 0
