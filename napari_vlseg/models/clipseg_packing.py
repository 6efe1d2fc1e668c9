"""Activations of CLIPSeg as plain tensors for a cache, and back."""

from __future__ import annotations

import torch

from napari_vlseg.errors import ModelError
from napari_vlseg.models.base import Embedding, PackedEmbedding
from napari_vlseg.models.network import Activations
from napari_vlseg.tiling import Tile, TilePlan

_LAYER = "layer_"


def pack_embedding(embedding: Embedding, plan: TilePlan | None = None) -> PackedEmbedding:
    """The activations of every tile, (tiles, 1 + patches, channels) for each layer.

    How many tiles each pass encoded is noted too: the decoder takes them in the same batches
    again, so that its answers are the same to the last bit.

    Parameters
    ----------
    embedding : Embedding
    plan : TilePlan, optional
        Noted where it is not the one that the model chooses for the plane.
    """
    layers = zip(*embedding.activations, strict=True)
    return PackedEmbedding(
        embedding.key,
        {f"{_LAYER}{n}": torch.cat([m.cpu() for m in maps]) for n, maps in enumerate(layers)},
        {
            "working_scale": embedding.working_scale,
            "passes": [len(batch[0]) for batch in embedding.activations],
            **({} if plan is None else {"plan": _listed(plan)}),
        },
    )


def packed_scale(packed: PackedEmbedding) -> float:
    """Image pixels per model pixel of a packed embedding.

    Raises
    ------
    ModelError
        If there is none.
    """
    scale = packed.meta.get("working_scale")
    if not isinstance(scale, int | float) or scale <= 0:
        raise _misfit("its working scale is missing")
    return float(scale)


def packed_plan(packed: PackedEmbedding) -> TilePlan | None:
    """The tiles of a packed embedding, where the model did not choose them.

    Raises
    ------
    ModelError
        If they are not what `pack_embedding` notes.
    """
    numbers = packed.meta.get("plan")
    if numbers is None:
        return None
    if not isinstance(numbers, list):
        raise _misfit("its tiles are not told")
    try:
        height, width, side, overlap, *places = (int(number) for number in numbers)
    except (TypeError, ValueError) as error:
        raise _misfit("its tiles are not told") from error
    tiles = tuple(map(Tile, places[::2], places[1::2]))
    return TilePlan((height, width), side, overlap, tiles)


def unpack_activations(
    packed: PackedEmbedding, plan: TilePlan, patch_size: int, channels: int
) -> tuple[Activations, ...]:
    """What `pack_embedding` took, on the CPU, whence the decoder fetches it.

    Parameters
    ----------
    packed : PackedEmbedding
    plan : TilePlan
        Tiles that the activations must be of.
    patch_size, channels : int
        Of the model.

    Raises
    ------
    ModelError
        If shapes or passes don't fit.
    """
    tensors = packed.tensors
    expected = (len(plan.tiles), 1 + (plan.side // patch_size) ** 2, channels)
    for name, layer in tensors.items():
        if tuple(layer.shape) != expected:
            raise _misfit(f"{name} has shape {tuple(layer.shape)} instead of {expected}")
    passes = packed.meta.get("passes")
    if not tensors or not isinstance(passes, list) or sum(passes) != len(plan.tiles):
        raise _misfit("its passes are not those of its tiles")
    try:
        layers = [tensors[f"{_LAYER}{n}"].split(passes) for n in range(len(tensors))]
    except KeyError as error:
        raise _misfit(f"{error} is missing") from error
    return tuple(zip(*layers, strict=True))


def _listed(plan: TilePlan) -> list[int]:
    places = [number for tile in plan.tiles for number in (tile.row, tile.col)]
    return [*plan.shape, plan.side, plan.overlap, *places]


def _misfit(reason: str) -> ModelError:
    return ModelError(f"A stored embedding does not fit: {reason}. Encode the image again.")
