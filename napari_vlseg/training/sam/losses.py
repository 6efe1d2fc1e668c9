"""Losses of predicted masks and of predicted quality."""

from __future__ import annotations

import torch
from torch.nn import functional as nnf

_CROSS_ENTROPY_WEIGHT = 4.0
_ALL_CANDIDATES_WEIGHT = 0.05


def mask_losses(logits: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """Cross-entropy and Dice loss (Milletari et al. 2016) of every candidate.

    Parameters
    ----------
    logits : Tensor, shape (n, candidates, h, w)
    wanted : Tensor of float, shape (n, h, w)
        Coverage in [0, 1].

    Returns
    -------
    Tensor, shape (n, candidates)
    """
    target = wanted[:, None].expand_as(logits)
    entropy = nnf.binary_cross_entropy_with_logits(logits, target, reduction="none")
    found = logits.sigmoid()
    overlap = (found * target).sum((-1, -2))
    dice = 1 - (2 * overlap + 1) / (found.sum((-1, -2)) + target.sum((-1, -2)) + 1)
    return _CROSS_ENTROPY_WEIGHT * entropy.mean((-1, -2)) + dice


@torch.no_grad()
def mask_iou(logits: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """IoU of every candidate, shape (n, candidates)."""
    found, target = logits > 0, (wanted > 0.5)[:, None]
    union = (found | target).sum((-1, -2))
    return (found & target).sum((-1, -2)) / union.clamp(min=1)


def candidate_loss(
    logits: torch.Tensor, scores: torch.Tensor, wanted: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Loss of the best candidate, loss of the predicted IoU, and the best candidate's IoU.

    Only the best candidate learns the mask, as in Segment Anything (Kirillov et al. 2023);
    a small share goes to all of them, so that none is left behind.
    """
    losses = mask_losses(logits, wanted)
    best = losses.argmin(-1, keepdim=True)
    iou = mask_iou(logits, wanted)
    mask_loss = losses.gather(-1, best).mean() + _ALL_CANDIDATES_WEIGHT * losses.mean()
    return mask_loss, nnf.mse_loss(scores, iou), iou.gather(-1, best).mean()
