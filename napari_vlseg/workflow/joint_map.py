"""The map of a text model and the answers of a click model, joined and divided into objects."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from napari_vlseg.logit_masks import logits_within
from napari_vlseg.masks import label_objects
from napari_vlseg.models.base import MaskProposal
from napari_vlseg.proposals import Proposals
from napari_vlseg.workflow.seeds import Seed, find_seeds

_HIGHEST_LOGIT = 4.0
_LOWEST_OPINION = -2.0
"""Logit where no click was answered: what the map is sure of stays. Chosen on training images."""

_LOWEST_PROBABILITY = 1e-3


def joint_logits(
    proposals: Proposals,
    seeds: Sequence[Seed],
    opinions: Sequence[Sequence[MaskProposal]],
    share: float,
) -> npt.NDArray[np.float32]:
    """Weighted mean of both models' logits.

    Parameters
    ----------
    proposals : Proposals
    seeds : sequence of Seed
        Objects of the map.
    opinions : sequence of sequence of MaskProposal
        What the click model says to a click into each of them, the best first.
    share : float
        Weight of the click model, in [0, 1].

    Returns
    -------
    numpy.ndarray, shape (C, H, W), float32
        In -4 … 4; an object is where it is positive.
    """
    clicked = np.full(proposals.probabilities.shape, _LOWEST_OPINION, np.float32)
    shape = proposals.labels.shape
    for seed, (opinion, *_) in zip(seeds, opinions, strict=True):
        top, left, rows, cols = window = seed.surroundings(shape)
        part = clicked[seed.class_index, top : top + rows, left : left + cols]
        np.maximum(part, logits_within(opinion.logits, window), out=part)
    clicked = np.minimum(clicked, _HIGHEST_LOGIT)
    joint = (1 - share) * _map_logits(proposals) + share * clicked
    joint[proposals.probabilities == 0] = -_HIGHEST_LOGIT
    return joint.astype(np.float32)


def _map_logits(proposals: Proposals) -> npt.NDArray[np.float32]:
    """Logits of the probabilities, 0 at the threshold of each class."""
    thresholds = np.array(proposals.thresholds, np.float32)[:, None, None]
    logits = _logit(proposals.probabilities) - _logit(thresholds)
    return np.clip(logits, -_HIGHEST_LOGIT, _HIGHEST_LOGIT)


def _logit(probability: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    inside = np.clip(probability, _LOWEST_PROBABILITY, 1 - _LOWEST_PROBABILITY)
    return np.log(inside / (1 - inside))


def divide_anew(proposals: Proposals, joint: npt.NDArray[np.float32]) -> list[Seed]:
    """Objects of the joint map, divided as the proposals were."""
    thresholds = [0.5] * len(joint)
    probabilities = 1 / (1 + np.exp(-joint))
    return find_seeds(*label_objects(probabilities, thresholds, proposals.postprocess))
