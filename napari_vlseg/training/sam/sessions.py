"""Simulated people: they click, look, and click again."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_vlseg.models.base import MaskProposal, PromptableEmbedding, PromptableSegmenter
from napari_vlseg.training.sam.clicks import corrective_click, deepest_pixel

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class ClickSession:
    """What the clicks on one object led to.

    Attributes
    ----------
    ious : tuple of float
        After each click; the last one repeats where nothing was left to correct.
    best_of_three : float
        Of the proposals after the first click, the IoU of the one that fits best.
    seconds : tuple of float
        Each answer took.
    """

    ious: tuple[float, ...]
    best_of_three: float
    seconds: tuple[float, ...]


def click_session(
    model: PromptableSegmenter,
    embedding: PromptableEmbedding,
    truth: Mask,
    n_clicks: int,
    stop_at: float = 1.0,
) -> ClickSession:
    """Click into the middle of an object, then on the deepest error, `n_clicks` in all.

    Parameters
    ----------
    model : PromptableSegmenter
    embedding : PromptableEmbedding
    truth : ndarray of bool, shape (H, W)
    n_clicks : int
        At most.
    stop_at : float
        IoU at which the person is content.
    """
    points, labels = [deepest_pixel(truth)], [1]
    ious: list[float] = []
    seconds: list[float] = []
    proposals: list[MaskProposal] = []
    best_of_three = 0.0
    for number in range(n_clicks):
        began = time.perf_counter()
        proposals = model.predict(
            embedding,
            points=points,
            point_labels=labels,
            mask=proposals[0].logits if proposals else None,
            multimask=number == 0,
        )
        seconds.append(time.perf_counter() - began)
        if number == 0:
            best_of_three = max(iou(proposal.mask, truth) for proposal in proposals)
        ious.append(iou(proposals[0].mask, truth))
        click = corrective_click(proposals[0].mask, truth)
        if click is None or ious[-1] >= stop_at:
            break
        points.append(click[:2])
        labels.append(click[2])
    if ious[-1] < stop_at or stop_at >= 1:
        ious += [ious[-1]] * (n_clicks - len(ious))
    return ClickSession(tuple(ious), best_of_three, tuple(seconds))


def clicks_needed(session: ClickSession, wanted: float) -> int:
    """Number of clicks until an IoU was reached; all of them where it never was."""
    reached = [number for number, value in enumerate(session.ious, 1) if value >= wanted]
    return reached[0] if reached else len(session.ious)


def iou(found: Mask, truth: Mask) -> float:
    """Intersection over union; 1 where both are empty."""
    union = int((found | truth).sum())
    return float((found & truth).sum() / union) if union else 1.0
