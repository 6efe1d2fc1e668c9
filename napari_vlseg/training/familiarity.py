"""From which length on the vector of a reference is trusted, measured on training pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from napari_vlseg.models.base import DenseSegmenter
from napari_vlseg.prompts import ClassPrompt, ReferencePrompt
from napari_vlseg.training.dsb2018 import NucleiImage
from napari_vlseg.training.evaluate_labels import typical_label
from napari_vlseg.training.evaluate_nuclei import as_plane
from napari_vlseg.training.scenes import Scene

_UNNAMED_QUANTILE, _NAMED_QUANTILE = 0.25, 0.2


def familiar_lengths(
    model: DenseSegmenter, images: Sequence[NucleiImage], scenes: Sequence[Scene]
) -> tuple[float, float]:
    """Lengths of no trust and of full trust in a reference's vector.

    Parameters
    ----------
    model : DenseSegmenter
    images : sequence of NucleiImage
        Training images: their nuclei are what the model knows best.
    scenes : sequence of Scene
        Training scenes with objects that have no name.

    Returns
    -------
    tuple of float
        The lower quarter of the lengths of unnamed objects, and what four fifths of the
        nuclei reach; where the two are not in that order, the model can't tell and the
        second is a hair above the first.
    """
    unnamed = [_length(model, scene.image, mask) for scene, mask in _unnamed(scenes)]
    named = [
        _length(model, image.image, image.labels == typical_label(image.labels))
        for image in images
        if image.labels.any()
    ]
    none = float(np.quantile(unnamed, _UNNAMED_QUANTILE))
    full = float(np.quantile(named, _NAMED_QUANTILE))
    return round(none, 3), round(max(full, none + 0.01), 3)


def _unnamed(scenes: Sequence[Scene]) -> Iterator[tuple[Scene, np.ndarray]]:
    for scene in scenes:
        labels = [thing.label for thing in scene.objects if thing.recipe]
        if labels:
            yield scene, scene.mask_of(labels[:1])


def _length(model: DenseSegmenter, image: np.ndarray, mask: np.ndarray) -> float:
    plane = as_plane(image)
    shown = ReferencePrompt.from_region(plane, mask)
    conditional, _ = model.condition(ClassPrompt("reference", references=(shown,)))
    return conditional.reference_length
