"""Losses: segmentation, reference–text alignment, and the auxiliary heads."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.nn import functional as nnf

_SMOOTHING = 1.0
_IGNORED = -1e4


def segmentation_loss(
    logits: torch.Tensor, masks: torch.Tensor, *, bce_weight: float = 2.0
) -> torch.Tensor:
    """Binary cross-entropy everywhere, plus Dice where there is something to find.

    Parameters
    ----------
    logits, masks : Tensor, shape (n, H, W)
        Masks in {0, 1}. An empty mask has no Dice term: it would reward any
        small output equally.
    bce_weight : float
        Weight of the cross-entropy beside the Dice loss (Milletari et al. 2016).

    Returns
    -------
    Tensor
        Scalar.
    """
    logits, masks = logits.float(), masks.float()
    bce = nnf.binary_cross_entropy_with_logits(logits, masks)
    probabilities = logits.sigmoid()
    overlap = (probabilities * masks).sum((1, 2))
    total = probabilities.sum((1, 2)) + masks.sum((1, 2))
    dice = 1 - (2 * overlap + _SMOOTHING) / (total + _SMOOTHING)
    present = masks.flatten(1).any(1)
    return bce_weight * bce + (dice * present).sum() / len(masks)


def alignment_loss(
    references: torch.Tensor,
    texts: torch.Tensor,
    reference_phrases: Sequence[str],
    phrases: Sequence[str],
    *,
    scale: float = 10.0,
) -> torch.Tensor:
    """InfoNCE from reference embeddings to the phrases that word them.

    Parameters
    ----------
    references : Tensor, shape (n, d)
        Embeddings of visual prompts; the gradient flows here alone.
    texts : Tensor, shape (m, d)
        Embeddings of the phrases.
    reference_phrases, phrases : sequences of str, of length n and m
        All equal phrases count as positives (Oord et al. 2018; Khosla et al. 2020). What
        has the phrase "" is left out: no words mean it.
    scale : float
        Inverse temperature.
    """
    named = [row for row, phrase in enumerate(reference_phrases) if phrase]
    worded = [row for row, phrase in enumerate(phrases) if phrase]
    if not named:
        return references.sum() * 0
    bank = nnf.normalize(texts[worded].detach().float(), dim=-1)
    similarity = scale * nnf.normalize(references[named].float(), dim=-1) @ bank.T
    numbers = {phrase: number for number, phrase in enumerate(dict.fromkeys(phrases))}
    mine = torch.tensor([numbers.get(reference_phrases[row], -1) for row in named])
    theirs = torch.tensor([numbers[phrases[row]] for row in worded])
    positive = (mine[:, None] == theirs[None, :]).to(similarity.device)
    log_positive = similarity.masked_fill(~positive, _IGNORED).logsumexp(1)
    return (similarity.logsumexp(1) - log_positive).mean()


def prompt_code_loss(logits: Sequence[torch.Tensor], codes: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of the words read off conditional embeddings, summed over the heads.

    Parameters
    ----------
    logits : sequence of Tensor, each of shape (n, classes)
    codes : Tensor of int64, shape (n, heads)
    """
    losses = [
        nnf.cross_entropy(head.float(), codes[:, number]) for number, head in enumerate(logits)
    ]
    return torch.stack(losses).sum()


def dense_code_loss(
    logits: Sequence[torch.Tensor],
    codes: torch.Tensor,
    patch_size: int,
    *,
    background_weight: float = 0.25,
) -> torch.Tensor:
    """Cross-entropy of the words read off each patch, against their share of its pixels.

    Parameters
    ----------
    logits : sequence of Tensor, each of shape (n, patches, classes)
    codes : Tensor of uint8, shape (n, H, W, heads)
    patch_size : int
        Side of a patch in pixels.
    background_weight : float
        Weight of patches that hold no object.
    """
    losses = []
    for number, head in enumerate(logits):
        one_hot = nnf.one_hot(codes[..., number].long(), head.shape[-1]).float()
        shares = nnf.avg_pool2d(one_hot.permute(0, 3, 1, 2), patch_size).flatten(2).transpose(1, 2)
        weight = torch.where(shares[..., 0] < 1, 1.0, background_weight)
        entropy = -(shares * head.float().log_softmax(-1)).sum(-1)
        losses.append((weight * entropy).sum() / weight.sum())
    return torch.stack(losses).sum()
