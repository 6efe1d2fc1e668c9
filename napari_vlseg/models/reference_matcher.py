"""Beside the decoder: matches of references, encoded once per reference and scale."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

import numpy as np

from napari_vlseg.events import Event, Notice, Work
from napari_vlseg.models.base import Conditional, Embedding
from napari_vlseg.models.matching import (
    FloatArray,
    Prototypes,
    combine,
    match_logits,
    prototypes_of,
    trust_in,
)
from napari_vlseg.models.preprocessing import resize_channels, resize_plane
from napari_vlseg.prompts import ReferencePrompt

T = TypeVar("T")
Encode = Callable[[np.ndarray, float], Work[Embedding]]

_MOST_REFERENCES = 32
_HALF_COVERED = 0.5


class ReferenceMatcher:
    """Joins the decoder's probabilities with matches of the references.

    Parameters
    ----------
    encode : callable
        Image (H, W, 3) and working scale → work that gives its embedding.
    familiar : tuple of float
        See `napari_vlseg.models.matching.trust_in`.
    """

    def __init__(self, encode: Encode, familiar: tuple[float, float]) -> None:
        self._encode = encode
        self._familiar = familiar
        self._known: dict[tuple[str, float], Prototypes] = {}

    def refine(
        self, probability: FloatArray, embedding: Embedding, prompt: Conditional
    ) -> Work[FloatArray]:
        """Probabilities (H, W) of a prompt, in model pixels, with its references matched."""
        if not prompt.references or prompt.reference_share == 0:
            return probability
        doubt = 1 - trust_in(prompt.reference_length, self._familiar)
        trust = 1 - prompt.reference_share * doubt
        if trust >= 1:
            return probability
        references = []
        for reference in prompt.references:
            references.append((yield from self._look_up(reference, embedding.working_scale)))
        return combine(
            probability, match_logits(embedding, _model_plane(embedding), references), trust
        )

    def _look_up(self, reference: ReferencePrompt, scale: float) -> Work[Prototypes]:
        key = (reference.sha256, scale)
        if key not in self._known:
            image = np.divide(reference.image, 255, dtype=np.float32)
            embedding = yield from _notices_of(self._encode(image, scale))
            mask = _resize_mask(reference.mask, embedding.plan.shape)
            while len(self._known) >= _MOST_REFERENCES:
                del self._known[next(iter(self._known))]
            self._known[key] = prototypes_of(embedding, _model_plane(embedding), mask)
        return self._known[key]


def _model_plane(embedding: Embedding) -> FloatArray:
    if embedding.plane is None:
        raise ValueError("The embedding was made without its plane; encode the plane again.")
    return np.asarray(resize_plane(embedding.plane, embedding.plan.shape), np.float32)


def _resize_mask(mask: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """A mask in another size; a thin one keeps the pixels that it covers most."""
    cover = resize_channels(mask[np.newaxis].astype(np.float32), shape)[0]
    return np.asarray(cover >= min(_HALF_COVERED, cover.max() / 2))


def _notices_of(work: Work[T]) -> Work[T]:
    """Work that is a part of other work: its notices without its progress."""
    result: list[T] = []

    def finished() -> Iterator[Event]:
        result.append((yield from work))

    for event in finished():
        if isinstance(event, Notice):
            yield event
    return result[0]
