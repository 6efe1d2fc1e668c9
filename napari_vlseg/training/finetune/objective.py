"""The loss of a fine-tuning: only pixels that somebody looked at count."""

from __future__ import annotations

import torch
from torch.nn import functional as nnf

_SMOOTHING = 1.0
_BCE_WEIGHT = 2.0


def masked_loss(
    logits: torch.Tensor,
    targets: torch.Tensor,
    known: torch.Tensor,
    *,
    dice: torch.Tensor | None = None,
) -> torch.Tensor:
    """Binary cross-entropy on known pixels, plus Dice where there is something to find.

    Parameters
    ----------
    logits : Tensor, shape (n, H, W)
    targets : Tensor, shape (n, H, W), in [0, 1]
    known : Tensor, shape (n, H, W), bool
        Pixels that count.
    dice : Tensor, shape (n,), bool, optional
        Rows to which the Dice loss is added (Milletari et al. 2016); all if omitted. An empty
        target has none: it would reward any small output equally.

    Returns
    -------
    Tensor
        Shape (n,). A row without known pixels is 0.
    """
    logits, targets, known = logits.float(), targets.float(), known.float()
    n_known = known.sum((1, 2)).clamp(min=1)
    bce = nnf.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    loss = _BCE_WEIGHT * (bce * known).sum((1, 2)) / n_known
    found, wanted = logits.sigmoid() * known, targets * known
    overlap = (found * wanted).sum((1, 2))
    total = found.sum((1, 2)) + wanted.sum((1, 2))
    lacking = 1 - (2 * overlap + _SMOOTHING) / (total + _SMOOTHING)
    has_dice = wanted.flatten(1).amax(1) > 0
    return loss + lacking * (has_dice if dice is None else has_dice & dice)
