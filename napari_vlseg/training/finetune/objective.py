"""The loss of a fine-tuning: only pixels that somebody looked at count."""

from __future__ import annotations

import torch
from torch.nn import functional as nnf

_SMOOTHING = 1.0
_BCE_WEIGHT = 2.0


def masked_loss(
    logits: torch.Tensor, targets: torch.Tensor, known: torch.Tensor, *, dice: bool = True
) -> torch.Tensor:
    """Binary cross-entropy on known pixels, plus Dice where there is something to find.

    Parameters
    ----------
    logits : Tensor, shape (n, H, W)
    targets : Tensor, shape (n, H, W), in [0, 1]
    known : Tensor, shape (n, H, W), bool
        Pixels that count.
    dice : bool
        Whether to add the Dice loss (Milletari et al. 2016). An empty target has none: it
        would reward any small output equally.

    Returns
    -------
    Tensor
        Shape (n,). A row without known pixels is 0.
    """
    logits, targets, known = logits.float(), targets.float(), known.float()
    n_known = known.sum((1, 2)).clamp(min=1)
    bce = nnf.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    loss = _BCE_WEIGHT * (bce * known).sum((1, 2)) / n_known
    if not dice:
        return loss
    found, wanted = logits.sigmoid() * known, targets * known
    overlap = (found * wanted).sum((1, 2))
    total = found.sum((1, 2)) + wanted.sum((1, 2))
    lacking = 1 - (2 * overlap + _SMOOTHING) / (total + _SMOOTHING)
    return loss + lacking * (wanted.flatten(1).amax(1) > 0)
