"""Encoded planes kept in memory, so that a further prompt starts from the embedding."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable
from typing import Any

from napari_vlseg.models.base import Embedding

GIB = 1024**3


class EmbeddingCache:
    """Least recently used embeddings, bounded by their size.

    Safe to use from several threads.

    Parameters
    ----------
    max_bytes : int
        Embeddings are dropped, oldest use first, until the rest fits. One embedding larger
        than this is not kept.
    """

    def __init__(self, max_bytes: int = 2 * GIB) -> None:
        self._max_bytes = max_bytes
        self._entries: OrderedDict[str, Embedding] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    @property
    def n_bytes(self) -> int:
        """Size of what is kept, in bytes."""
        return self._bytes

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: str) -> Embedding | None:
        """The embedding of a key, or None."""
        with self._lock:
            embedding = self._entries.get(key)
            if embedding is not None:
                self._entries.move_to_end(key)
            return embedding

    def put(self, embedding: Embedding) -> None:
        """Keep an embedding under its own key."""
        size = _embedding_bytes(embedding)
        with self._lock:
            self._drop(embedding.key)
            if size > self._max_bytes:
                return
            self._entries[embedding.key] = embedding
            self._bytes += size
            while self._bytes > self._max_bytes:
                self._drop(next(iter(self._entries)))

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._entries.clear()
            self._bytes = 0

    def _drop(self, key: str) -> None:
        dropped = self._entries.pop(key, None)
        if dropped is not None:
            self._bytes -= _embedding_bytes(dropped)


def _embedding_bytes(embedding: Embedding) -> int:
    return _n_bytes((embedding.activations, embedding.plane))


def _n_bytes(activations: Any) -> int:
    """Bytes of nested sequences of tensors or arrays."""
    if hasattr(activations, "nbytes"):
        return int(activations.nbytes)
    if isinstance(activations, Iterable) and not isinstance(activations, str | bytes):
        return sum(map(_n_bytes, activations))
    return 0
