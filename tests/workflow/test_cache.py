from __future__ import annotations

import numpy as np

from napari_vlseg.models.base import Embedding
from napari_vlseg.tiling import plan_tiles
from napari_vlseg.workflow.cache import EmbeddingCache


def embedding(key: str, n_bytes: int) -> Embedding:
    half = np.zeros(n_bytes // 2, np.uint8)
    return Embedding(key, (4, 4), plan_tiles((4, 4), 4, 0), 1.0, ([half, half],))


def test_the_least_recently_used_goes_first():
    cache = EmbeddingCache(max_bytes=250)
    cache.put(embedding("a", 100))
    cache.put(embedding("b", 100))
    assert cache.get("a") is not None
    cache.put(embedding("c", 100))
    assert cache.get("b") is None
    assert cache.get("a") is not None
    assert cache.n_bytes == 200


def test_the_same_key_is_counted_once():
    cache = EmbeddingCache(max_bytes=250)
    cache.put(embedding("a", 100))
    cache.put(embedding("a", 120))
    assert (len(cache), cache.n_bytes) == (1, 120)


def test_what_does_not_fit_is_not_kept():
    cache = EmbeddingCache(max_bytes=250)
    cache.put(embedding("a", 100))
    cache.put(embedding("big", 300))
    assert cache.get("big") is None
    assert cache.get("a") is not None
    cache.clear()
    assert (len(cache), cache.n_bytes) == (0, 0)
