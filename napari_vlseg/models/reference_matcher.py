"""Beside the decoder: matches of references, encoded once per reference and scale."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
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
Decode = Callable[[Embedding, np.ndarray], Work[np.ndarray]]

_MOST_REFERENCES = 32
_HALF_COVERED = 0.5


@dataclass(frozen=True, eq=False)
class KnownReference:
    """A reference as the model sees it.

    Attributes
    ----------
    embedding : Embedding
    mask : ndarray of bool
        In model pixels.
    prototypes : Prototypes
    trust : dict
        Bytes of a conditional vector → how far it is trusted, by what it finds here.
    """

    embedding: Embedding
    mask: np.ndarray
    prototypes: Prototypes
    trust: dict[bytes, float] = field(default_factory=dict)


class ReferenceMatcher:
    """Joins the decoder's probabilities with matches of the references.

    Parameters
    ----------
    encode : callable
        Image (H, W, 3) and working scale → work that gives its embedding.
    decode : callable
        Embedding and vectors (p, d) → work that gives probabilities (p, H, W), in model
        pixels.
    """

    def __init__(self, encode: Encode, decode: Decode) -> None:
        self._encode = encode
        self._decode = decode
        self._known: dict[tuple[str, float], KnownReference] = {}

    def refine(
        self, probability: FloatArray, embedding: Embedding, prompt: Conditional
    ) -> Work[FloatArray]:
        """Probabilities (H, W) of a prompt, in model pixels, with its references matched."""
        if not prompt.references or prompt.reference_share == 0:
            return probability
        references, trusts = [], []
        for reference in prompt.references:
            known = yield from self._look_up(reference, embedding.working_scale)
            references.append(known)
            trusts.append((yield from self._trust(known, prompt.vector)))
        trust = 1 - prompt.reference_share * (1 - float(np.mean(trusts)))
        if trust >= 1:
            return probability
        match = match_logits(
            embedding, _model_plane(embedding), [known.prototypes for known in references]
        )
        return combine(probability, match, trust)

    def _look_up(self, reference: ReferencePrompt, scale: float) -> Work[KnownReference]:
        key = (reference.sha256, scale)
        if key not in self._known:
            image = np.divide(reference.image, 255, dtype=np.float32)
            embedding = yield from _notices_of(self._encode(image, scale))
            mask = _resize_mask(reference.mask, embedding.plan.shape)
            prototypes = prototypes_of(embedding, _model_plane(embedding), mask)
            while len(self._known) >= _MOST_REFERENCES:
                del self._known[next(iter(self._known))]
            self._known[key] = KnownReference(embedding, mask, prototypes)
        return self._known[key]

    def _trust(self, known: KnownReference, vector: np.ndarray) -> Work[float]:
        key = vector.tobytes()
        if key not in known.trust:
            work = self._decode(known.embedding, vector[np.newaxis])
            (probability,) = yield from _notices_of(work)
            known.trust[key] = trust_in(probability, known.mask)
        return known.trust[key]


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
