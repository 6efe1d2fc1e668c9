"""Evaluation of references to things that no word names: does the picture decide?

One object of a scene is the reference to the objects of its recipe in another scene. A
model whose references follow the picture gives them higher probabilities than the other
objects of that scene; one that follows the classes it was trained on does not.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage as ndi
from scipy.stats import rankdata

from napari_vlseg.events import Progress, Work
from napari_vlseg.metrics import iou
from napari_vlseg.models.base import DenseSegmenter
from napari_vlseg.prompts import ClassPrompt, ReferencePrompt
from napari_vlseg.training.evaluate_nuclei import as_plane
from napari_vlseg.training.sample_objects import SAMPLES, sample_halves
from napari_vlseg.training.scene_bank import VALIDATION_SEEDS
from napari_vlseg.training.scenes import Scene, generate_novel_pair

_REFERENCES_PER_SAMPLE = 5
KNOWN, HELD_OUT = "known materials", "held-out materials"


@dataclass
class RankScores:
    """How references ranked the objects of other images.

    Attributes
    ----------
    aucs : list of float
        Area under the ROC curve of each image, objects being what is ranked.
    ious : list of float
        Foreground IoU of each map at the model's threshold.
    """

    aucs: list[float] = field(default_factory=list)
    ious: list[float] = field(default_factory=list)

    def summary(self) -> dict[str, Any]:
        """Number of images and means."""
        return {
            "n": len(self.aucs),
            "auc": round(float(np.mean(self.aucs)), 4),
            "iou": round(float(np.mean(self.ious)), 4),
        }


def evaluate_references(
    model: DenseSegmenter, count: int, size: int = 128, seed: int = 0
) -> Work[dict[str, Any]]:
    """Rank the objects of images by references from other images.

    Parameters
    ----------
    model : DenseSegmenter
    count : int
        Pairs of scenes of either sort: of the outlines, textures and stainings of the
        training, and of those held out from it.
    size : int
        Side of the scenes in pixels.
    seed : int
        Chooses the reference objects.

    Yields
    ------
    Progress

    Returns
    -------
    dict
        Sort of pairs, or name of a sample image of scikit-image → number of images,
        mean area under the ROC curve per object, mean IoU.
    """
    rng = np.random.default_rng(seed)
    scores = {name: RankScores() for name in (KNOWN, HELD_OUT, *SAMPLES)}
    total, done = 2 * count + len(SAMPLES), 0
    for name in (KNOWN, HELD_OUT):
        held_out = name == HELD_OUT
        for number in VALIDATION_SEEDS[:count]:
            pair = generate_novel_pair(number, size=size, held_out=held_out)
            _score_pair(model, pair, rng, scores[name])
            done += 1
            yield Progress("evaluating references", done, total)
    for name in SAMPLES:
        _score_sample(model, name, rng, scores[name])
        done += 1
        yield Progress("evaluating references", done, total)
    return {name: rows.summary() for name, rows in scores.items() if rows.aucs}


def object_auc(
    probability: npt.NDArray[np.floating],
    labels: npt.NDArray[np.integer],
    own: Iterable[int],
    others: Iterable[int],
) -> float:
    """Area under the ROC curve of objects, each ranked by its mean probability.

    Parameters
    ----------
    probability : ndarray, shape (H, W)
    labels : ndarray of int, shape (H, W)
    own, others : iterables of int
        Labels of the objects that should and should not be found; at least one of each.

    Notes
    -----
    The Mann–Whitney statistic: the share of pairs of an own and another object that are
    in the right order, ties counted as half.
    """
    own, others = list(own), list(others)
    means = ndi.mean(probability, labels, [*own, *others])
    ranks = rankdata(means)[: len(own)]
    right = ranks.sum() - len(own) * (len(own) + 1) / 2
    return float(right / (len(own) * len(others)))


def _score_pair(
    model: DenseSegmenter,
    pair: tuple[Scene, Scene],
    rng: np.random.Generator,
    scores: RankScores,
) -> None:
    """One object of the first scene as a reference to the objects of the second."""
    first, second = pair
    recipes = [{thing.recipe for thing in scene.objects} for scene in pair]
    shared = sorted((recipes[0] & recipes[1]) - {""})
    recipe = shared[rng.integers(len(shared))]
    shown = [thing.label for thing in first.objects if thing.recipe == recipe]
    own = [thing.label for thing in second.objects if thing.recipe == recipe]
    others = [thing.label for thing in second.objects if thing.recipe != recipe]
    mask = first.mask_of([shown[rng.integers(len(shown))]])
    probability = _asked(model, as_plane(first.image), mask, as_plane(second.image))
    scores.aucs.append(object_auc(probability, second.labels, own, others))
    scores.ious.append(iou(probability >= model.default_threshold, second.mask_of(own)))


def _score_sample(
    model: DenseSegmenter, name: str, rng: np.random.Generator, scores: RankScores
) -> None:
    """Objects of a half of a photograph, one at a time, as references to those of the other.

    The other objects are patches of background, as large as the objects.
    """
    first, second = sample_halves(name)
    objects = np.unique(first.labels[first.labels > 0])
    labels, own, others = second.with_background_patches(rng)
    for number in rng.choice(objects, _REFERENCES_PER_SAMPLE, replace=False):
        probability = _asked(model, first.image, first.labels == number, second.image)
        scores.aucs.append(object_auc(probability, labels, own, others))
        scores.ious.append(iou(probability >= model.default_threshold, second.labels > 0))


def _asked(
    model: DenseSegmenter,
    shown: npt.NDArray[np.float32],
    mask: npt.NDArray[np.bool_],
    plane: npt.NDArray[np.float32],
) -> npt.NDArray[np.float32]:
    """Probabilities of a plane, by a region of another."""
    reference = ReferencePrompt.from_region(shown, mask)
    condition, _ = model.condition(ClassPrompt("reference", references=(reference,)))
    return np.asarray(model.predict(model.encode(plane), [condition])[0])
