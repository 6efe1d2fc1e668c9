"""Dense matching: what a reference shows, looked for patch by patch.

A conditional vector says what a reference is like in terms of what the model was trained to
name. For a thing unlike all of that it says little, while the patches of the thing are still
like the patches of other things of its kind: in the activations of the vision tower, and in
plain statistics of colour and texture (`napari_vlseg.models.looks`). How far the conditional
vector can be trusted shows in its length: pictures of what a model was trained on give longer
vectors than anything else.

Dense correspondence of frozen features follows Amir et al. 2022, "Deep ViT Features as Dense
Visual Descriptors" (arXiv 2112.05814), and masks by nearest prototypes Wang et al., "PANet",
ICCV 2019 (arXiv 1908.06391). That the length of features tells the familiar from the unknown:
Dhamija et al., "Reducing Network Agnostophobia", NeurIPS 2018 (arXiv 1811.04110).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional as nnf

from napari_vlseg.models.base import Embedding
from napari_vlseg.models.looks import CELL, cell_means, looks_of
from napari_vlseg.models.network import Activations, patch_features
from napari_vlseg.tiling import Blender, TilePlan, cut_tile

FloatArray = npt.NDArray[np.float32]

_MOST_PROTOTYPES = 64
_NEAREST = 3
_CHUNK = 16_384

_SHARPNESS = 20.0
_ALIKE = 0.7
_ALIKE_WEIGHT = 5.0
_FAR_WEIGHT = 20.0
_NEAR_QUANTILE, _TYPICAL_QUANTILE = 0.02, 0.6
_BORDER_SHARE = 0.25

_MATCH_WEIGHT = 0.75
_LEAST_PROBABILITY = 1e-3


@dataclass(frozen=True, eq=False)
class Prototypes:
    """What a reference region is made of.

    Attributes
    ----------
    patches : ndarray of float32, shape (k, d)
        Unit features of its patches.
    shares : ndarray of float32, shape (k,)
        Their weights, by how much of a patch the region covers; they add up to 1.
    looks : ndarray of float32, shape (m, c)
        Looks of its squares.
    """

    patches: FloatArray
    shares: FloatArray
    looks: FloatArray


def prototypes_of(
    embedding: Embedding, plane: FloatArray, mask: npt.NDArray[np.bool_]
) -> Prototypes:
    """Take the prototypes of a region.

    Parameters
    ----------
    embedding : Embedding
        Of `plane`.
    plane : ndarray of float32, shape (H, W, 3)
        In model pixels, of the shape that the embedding's plan is for.
    mask : ndarray of bool, shape (H, W)
        Not empty.
    """
    cover = _patch_cover(mask, embedding)
    chosen = _well_covered(cover)
    features = np.concatenate([_features(batch) for batch in embedding.activations])
    patches, shares = _some(features[chosen]), _some(cover[chosen])
    covered = cell_means(mask[..., np.newaxis].astype(np.float32))[..., 0]
    looks = _some(looks_of(plane)[_well_covered(covered)])
    return Prototypes(patches, shares / shares.sum(), looks)


def match_logits(
    embedding: Embedding, plane: FloatArray, references: Sequence[Prototypes]
) -> FloatArray:
    """Where a plane looks like references, as logits.

    Parameters
    ----------
    embedding : Embedding
        Of `plane`.
    plane : ndarray of float32, shape (H, W, 3)
        In model pixels, of the shape that the embedding's plan is for.
    references : sequence of Prototypes
        At least one; a place is as good as its best match.

    Returns
    -------
    ndarray of float32, shape (H, W)

    Notes
    -----
    The distance of looks counts relative to the plane: its border lies between the best
    places and typical ones, because staining and light differ from image to image.
    """
    alike = np.max([_likeness(embedding, each) for each in references], axis=0)
    looks = looks_of(plane)
    far = np.min([_distance(looks, each.looks) for each in references], axis=0)
    best, typical = np.quantile(far, [_NEAR_QUANTILE, _TYPICAL_QUANTILE])
    border = best + _BORDER_SHARE * (typical - best)
    shape = (far.shape[0] * CELL, far.shape[1] * CELL)
    height, width = embedding.plan.shape
    nearness = _enlarge(np.asarray(border - far, np.float32)[np.newaxis], shape)
    nearness = nearness[0, :height, :width]
    return np.asarray(_ALIKE_WEIGHT * (alike - _ALIKE) + _FAR_WEIGHT * nearness, np.float32)


def trust_in(length: float, familiar: tuple[float, float]) -> float:
    """How far the vector of a reference is trusted, 0 to 1.

    Parameters
    ----------
    length : float
        Euclidean norm of the vector.
    familiar : tuple of float
        Lengths of no trust and of full trust; between them it rises evenly.
    """
    none, full = familiar
    return float(np.clip((length - none) / (full - none), 0, 1))


def combine(probability: FloatArray, match: FloatArray, trust: float) -> FloatArray:
    """Probabilities of the decoder and logits of the match as one probability map.

    The match moves evidence between places and adds none: its mean over what the decoder
    finds is taken off. Where the conditional vector is trusted fully, the decoder decides
    alone.

    Parameters
    ----------
    probability, match : ndarray of float32, shape (H, W)
    trust : float
        From 0 to 1.
    """
    bounded = np.clip(probability, _LEAST_PROBABILITY, 1 - _LEAST_PROBABILITY)
    decoded = np.log(bounded) - np.log1p(-bounded)
    relative = match - np.average(match, weights=bounded)
    logits = decoded + (1 - trust) * _MATCH_WEIGHT * relative
    return np.asarray(1 / (1 + np.exp(-logits)), np.float32)


def _features(activations: Activations) -> FloatArray:
    return np.asarray(patch_features(activations).cpu().numpy())


def _likeness(embedding: Embedding, reference: Prototypes) -> FloatArray:
    """Soft maximum of the cosine similarity with the patches of a reference, shape (H, W)."""
    plan = embedding.plan
    blender = Blender(plan, 1)
    tiles = iter(plan.tiles)
    for batch in embedding.activations:
        similarity = _features(batch) @ reference.patches.T
        soft = np.log(np.exp(_SHARPNESS * similarity) @ reference.shares) / _SHARPNESS
        side = round(soft.shape[1] ** 0.5)
        large = _enlarge(soft.reshape(-1, side, side), (plan.side, plan.side))
        for values in large:
            blender.add(next(tiles), values[np.newaxis])
    return blender.result()[0]


def _distance(looks: FloatArray, prototypes: FloatArray) -> FloatArray:
    """Mean distance of each square from the nearest few prototypes, shape of the grid."""
    count = min(_NEAREST, len(prototypes))
    flat = looks.reshape(-1, looks.shape[-1])
    means = []
    for start in range(0, len(flat), _CHUNK):
        apart = flat[start : start + _CHUNK, np.newaxis] - prototypes
        distances = np.sqrt((apart**2).sum(-1))
        means.append(np.partition(distances, count - 1, axis=1)[:, :count].mean(1))
    return np.concatenate(means).reshape(looks.shape[:2])


def _patch_cover(mask: npt.NDArray[np.bool_], embedding: Embedding) -> FloatArray:
    """Share of each patch of each tile that a mask covers, (tiles, patches)."""
    plan = embedding.plan
    padded = _without_mirror(mask, plan)
    n_patches = embedding.activations[0][0].shape[1] - 1
    per_side = round(n_patches**0.5)
    tiles = np.stack([cut_tile(padded, plan, tile) for tile in plan.tiles])
    batch = torch.from_numpy(tiles)[:, np.newaxis]
    return nnf.adaptive_avg_pool2d(batch, per_side).flatten(1).numpy()


def _without_mirror(mask: npt.NDArray[np.bool_], plan: TilePlan) -> FloatArray:
    """A mask with the padding of its plane, empty there."""
    padded = np.zeros(plan.padded_shape, np.float32)
    padded[: mask.shape[0], : mask.shape[1]] = mask
    return padded


def _well_covered(cover: FloatArray) -> npt.NDArray[np.bool_]:
    """Squares covered at least half as much as the best one: a small object fills none."""
    return cover >= cover.max() / 2


def _some(rows: FloatArray) -> FloatArray:
    """At most so many rows as are compared with, evenly spread."""
    step = -(-len(rows) // _MOST_PROTOTYPES)
    return rows[::step]


def _enlarge(grids: FloatArray, shape: tuple[int, int]) -> FloatArray:
    """Grids (n, h, w) → (n, *shape), bilinear between the centres of their cells."""
    batch = torch.from_numpy(np.ascontiguousarray(grids, np.float32))[:, np.newaxis]
    large = nnf.interpolate(batch, size=shape, mode="bilinear", align_corners=False)
    return np.asarray(large[:, 0].numpy())
