"""Likeness of patches: what the dense half of a reference prompt goes by, as a loss.

Patches of the same kind of object are drawn together across the images of a batch and
apart from all others, whether or not a word names the kind (supervised contrastive loss,
Khosla et al. 2020, over prototypes; dense features as in Wang et al., CVPR 2021).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch.nn import functional as nnf

from napari_vlseg.training.examples import Example

_FULL_COVER = 0.5
_IMPOSSIBLE = -1e4


def look_groups(examples: Sequence[Example]) -> torch.Tensor:
    """Number of the look that each pixel belongs to, int64 (n, H, W); 0 is background.

    Objects look alike that have a recipe in common, or kind, colour and kind of image.
    """
    numbers: dict[tuple[str, ...], int] = {}
    maps = []
    for example in examples:
        table = np.zeros(int(example.labels.max()) + 1, np.int64)
        for thing in example.objects:
            look = (
                (thing.recipe,) if thing.recipe else (thing.kind, thing.colour, example.real_kind)
            )
            table[thing.label] = numbers.setdefault(look, len(numbers) + 1)
        maps.append(table[example.labels])
    return torch.from_numpy(np.stack(maps))


def likeness_loss(
    patches: torch.Tensor, groups: torch.Tensor, patch_size: int, *, scale: float = 10.0
) -> torch.Tensor:
    """Cross-entropy of each object patch over the prototypes of the other images.

    Parameters
    ----------
    patches : Tensor, shape (n, patches, d)
        Features without the class token, in row-major order of the patches.
    groups : Tensor of int64, shape (n, H, W)
        0 is background; equal numbers, also in different images, are one kind of thing.
    patch_size : int
        Side of a patch in pixels.
    scale : float
        Inverse temperature.

    Returns
    -------
    Tensor
        Scalar; 0 where no kind occurs in two images.
    """
    features = nnf.normalize(patches.float(), dim=-1)
    owner = _group_of_patch(groups, patch_size)
    prototypes, kinds, images = _prototypes(features, owner)
    similarity = scale * features @ prototypes.T
    elsewhere = images[None, :] != torch.arange(len(features), device=images.device)[:, None]
    allowed = similarity.masked_fill(~elsewhere[:, None], _IMPOSSIBLE)
    positive = (owner[..., None] == kinds) & elsewhere[:, None]
    asked = positive.any(-1) & (owner > 0)
    if not asked.any():
        return features.sum() * 0
    right = similarity.masked_fill(~positive, _IMPOSSIBLE).logsumexp(-1)
    return (allowed.logsumexp(-1) - right)[asked].mean()


def _group_of_patch(groups: torch.Tensor, patch_size: int) -> torch.Tensor:
    """The group that covers at least half of each patch, -1 for mixed ones: (n, patches)."""
    n, height, width = groups.shape
    cells = groups.view(n, height // patch_size, patch_size, width // patch_size, patch_size)
    cells = cells.transpose(2, 3).reshape(n, -1, patch_size**2)
    most = cells.mode(-1).values
    cover = (cells == most[..., None]).float().mean(-1)
    return torch.where(cover >= _FULL_COVER, most, -1)


def _prototypes(
    features: torch.Tensor, owner: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Mean feature of each group of each image, with its group and its image."""
    numbers = (
        owner + 1 + torch.arange(len(owner), device=owner.device)[:, None] * (int(owner.max()) + 2)
    )
    unique, inverse = numbers.unique(return_inverse=True)
    sums = features.new_zeros(len(unique), features.shape[-1])
    sums = sums.index_add(0, inverse.flatten(), features.flatten(0, 1))
    image = unique // (int(owner.max()) + 2)
    group = unique % (int(owner.max()) + 2) - 1
    kept = group >= 0
    return nnf.normalize(sums, dim=-1)[kept], group[kept], image[kept]
