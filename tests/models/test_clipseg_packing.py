"""A stored embedding answers as the fresh one did, or is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_vlseg.errors import ModelError
from napari_vlseg.models.base import PackedEmbedding
from napari_vlseg.models.clipseg import ClipSegSegmenter
from napari_vlseg.prompts import ClassPrompt


@pytest.fixture
def packed(segmenter: ClipSegSegmenter, plane: np.ndarray) -> PackedEmbedding:
    segmenter._budget = replace(segmenter._budget, max_tiles=4)
    return segmenter.pack(segmenter.encode(plane, working_scale=1.0))


def test_unpacked_predicts_the_same_to_the_last_bit(
    segmenter: ClipSegSegmenter, plane: np.ndarray, packed: PackedEmbedding
) -> None:
    prompts = [segmenter.condition(ClassPrompt("n", (word,)))[0] for word in ("cells", "nuclei")]
    fresh = segmenter.encode(plane, working_scale=1.0)
    again = segmenter.unpack(packed, plane)
    assert packed.meta == {"working_scale": 1.0, "passes": [4, 4, 1]}
    assert again.key == fresh.key == segmenter.embedding_key(plane, 1.0)
    assert (again.plan, again.working_scale, again.shape) == (fresh.plan, 1.0, fresh.shape)
    found, expected = (segmenter.predict(e, prompts, edges=True) for e in (again, fresh))
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    "meta", [{"working_scale": None}, {"working_scale": "1"}, {"passes": [4, 4]}, {"passes": 9}]
)
def test_other_facts_are_refused(
    segmenter: ClipSegSegmenter, plane: np.ndarray, packed: PackedEmbedding, meta: dict
) -> None:
    with pytest.raises(ModelError, match="Encode the image again"):
        segmenter.unpack(replace(packed, meta={**packed.meta, **meta}), plane)


def test_other_tensors_are_refused(
    segmenter: ClipSegSegmenter, plane: np.ndarray, packed: PackedEmbedding
) -> None:
    layers = packed.tensors
    for tensors in (
        {},
        {name: layer[:-1] for name, layer in layers.items()},
        {name: torch.cat([layer, layer], dim=2) for name, layer in layers.items()},
        {f"other_{name}": layer for name, layer in layers.items()},
    ):
        with pytest.raises(ModelError, match="Encode the image again"):
            segmenter.unpack(replace(packed, tensors=tensors), plane)
    with pytest.raises(ModelError, match="Encode the image again"):
        segmenter.unpack(packed, plane[:40])
