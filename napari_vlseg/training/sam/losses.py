"""Losses of predicted masks and of predicted quality."""

from __future__ import annotations

import torch
from torch.nn import functional as nnf

_CROSS_ENTROPY_WEIGHT = 4.0
_ALL_CANDIDATES_WEIGHT = 0.05


def mask_losses(
    logits: torch.Tensor, wanted: torch.Tensor, known: torch.Tensor | None = None
) -> torch.Tensor:
    """Cross-entropy and Dice loss (Milletari et al. 2016) of every candidate.

    Parameters
    ----------
    logits : Tensor, shape (n, candidates, h, w)
    wanted : Tensor of float, shape (n, h, w)
        Coverage in [0, 1].
    known : Tensor of bool, shape (n, h, w), optional
        Pixels that count; all if omitted.

    Returns
    -------
    Tensor, shape (n, candidates)
    """
    target = wanted[:, None].expand_as(logits)
    entropy = nnf.binary_cross_entropy_with_logits(logits, target, reduction="none")
    found = logits.sigmoid()
    if known is None:
        mean_entropy = entropy.mean((-1, -2))
    else:
        counts = known[:, None].float()
        mean_entropy = (entropy * counts).sum((-1, -2)) / counts.sum((-1, -2)).clamp(min=1)
        found, target = found * counts, target * counts
    overlap = (found * target).sum((-1, -2))
    dice = 1 - (2 * overlap + 1) / (found.sum((-1, -2)) + target.sum((-1, -2)) + 1)
    return _CROSS_ENTROPY_WEIGHT * mean_entropy + dice


@torch.no_grad()
def mask_iou(
    logits: torch.Tensor, wanted: torch.Tensor, known: torch.Tensor | None = None
) -> torch.Tensor:
    """IoU of every candidate on the pixels that count, shape (n, candidates)."""
    found, target = logits > 0, (wanted > 0.5)[:, None]
    if known is not None:
        found, target = found & known[:, None], target & known[:, None]
    union = (found | target).sum((-1, -2))
    return (found & target).sum((-1, -2)) / union.clamp(min=1)


def candidate_loss(
    logits: torch.Tensor,
    scores: torch.Tensor,
    wanted: torch.Tensor,
    hidden: torch.Tensor | None = None,
    known: torch.Tensor | None = None,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Loss of the best candidate, loss of the predicted IoU, and the best candidate's IoU.

    Only the best candidate learns the mask, as in Segment Anything (Kirillov et al. 2023);
    a small share goes to all of them, so that none is left behind.

    The predicted IoU is that with the whole object, of which `hidden` mask pixels, shape (n,),
    lie outside the tile: only so can answers from windows of different scales be compared.
    Of the others those count that are `known`.
    """
    losses = mask_losses(logits, wanted, known)
    best = losses.argmin(-1, keepdim=True)
    iou = mask_iou(logits, wanted, known)
    mask_loss = losses.gather(-1, best).mean() + _ALL_CANDIDATES_WEIGHT * losses.mean()
    quality = iou if hidden is None else iou * _share_in_tile(logits, wanted, hidden, known)
    return mask_loss, nnf.mse_loss(scores, quality), iou.gather(-1, best).mean()


def _share_in_tile(
    logits: torch.Tensor, wanted: torch.Tensor, hidden: torch.Tensor, known: torch.Tensor | None
) -> torch.Tensor:
    """Share of the union of found and wanted that the tile shows, shape (n, candidates)."""
    together = (logits > 0) | (wanted > 0.5)[:, None]
    if known is not None:
        together = together & known[:, None]
    union = together.sum((-1, -2)).clamp(min=1)
    return union / (union + hidden[:, None])
