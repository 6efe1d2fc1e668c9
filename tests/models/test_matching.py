"""Dense matching: alike ranks above unlike, and trusted vectors are left alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_vlseg.events import Event, Notice, Progress, Work, run
from napari_vlseg.models.base import Conditional, Embedding
from napari_vlseg.models.looks import CELL, looks_of
from napari_vlseg.models.matching import combine, match_logits, prototypes_of, trust_in
from napari_vlseg.models.reference_matcher import ReferenceMatcher
from napari_vlseg.prompts import ReferencePrompt
from napari_vlseg.tiling import cut_tile, pad_plane, plan_tiles

SIDE, PATCH = 64, 8


def embed(plane: np.ndarray, scale: float = 1.0) -> Embedding:
    """One layer of activations: mean and spread of the colours of each patch."""
    plan = plan_tiles(plane.shape[:2], SIDE, SIDE // 4)
    padded = pad_plane(plane, plan)
    tiles = np.stack([cut_tile(padded, plan, tile) for tile in plan.tiles])
    per_side = SIDE // PATCH
    patches = tiles.reshape(-1, per_side, PATCH, per_side, PATCH, 3).swapaxes(2, 3)
    patches = patches.reshape(len(tiles), per_side**2, -1, 3)
    features = np.concatenate([patches.mean(2), patches.std(2), np.ones_like(patches[:, :, 0])], -1)
    with_class_token = np.pad(features, [(0, 0), (1, 0), (0, 0)]).astype(np.float32)
    batch = (torch.from_numpy(with_class_token),)
    return Embedding("key", plane.shape[:2], plan, scale, (batch,), plane)


def scene(turned: bool = False, height: int = 64) -> np.ndarray:
    """Stripes on the left, a plain square of the same mean on the right, on black."""
    plane = np.zeros((height, 96, 3), np.float32)
    plane[16:48, 8:40] = 0.5
    bars = 0.25 + 0.5 * (np.arange(32) // 2 % 2)
    plane[16:48, 56:88] = bars[:, None, None] if turned else bars[None, :, None]
    return plane


PLAIN, STRIPED = np.s_[20:44, 12:36], np.s_[20:44, 60:84]


def region(place: tuple[slice, slice]) -> np.ndarray:
    mask = np.zeros((64, 96), bool)
    mask[place] = True
    return mask


def test_looks_cover_the_plane_and_do_not_depend_on_direction() -> None:
    looks = looks_of(scene()[:, :94])
    assert looks.shape[:2] == (64 // CELL, 24)
    middle = np.s_[28 // CELL : 36 // CELL, 68 // CELL : 76 // CELL]
    straight, turned = looks_of(scene())[middle], looks_of(scene(turned=True))[middle]
    plain = looks_of(scene())[middle[0], 20 // CELL : 28 // CELL]
    apart = np.abs(straight.mean((0, 1)) - plain.mean((0, 1))).sum()
    assert np.abs(straight.mean((0, 1)) - turned.mean((0, 1))).sum() < 0.1 * apart


@pytest.mark.parametrize(("own", "other"), [(PLAIN, STRIPED), (STRIPED, PLAIN)])
def test_the_same_texture_matches_best(
    own: tuple[slice, slice], other: tuple[slice, slice]
) -> None:
    shown = scene()
    prototypes = prototypes_of(embed(shown), shown, region(own))
    assert prototypes.shares.sum() == pytest.approx(1)
    query = scene(turned=True, height=80)
    match = match_logits(embed(query), query, [prototypes])
    assert match.shape == (80, 96)
    assert match[own].mean() > match[other].mean() + 1
    assert match[own].mean() > match[:8].mean() + 1


def test_several_references_are_alternatives() -> None:
    plane = scene()
    embedding = embed(plane)
    both = [prototypes_of(embedding, plane, region(place)) for place in (PLAIN, STRIPED)]
    match = match_logits(embedding, plane, both)
    assert match[PLAIN].min() > match[:8].max()
    assert match[STRIPED].min() > match[:8].max()


def test_a_thin_region_has_prototypes() -> None:
    plane, mask = scene(), np.zeros((64, 96), bool)
    mask[30, 10:30] = True
    prototypes = prototypes_of(embed(plane), plane, mask)
    assert len(prototypes.patches)
    assert len(prototypes.looks)


def test_trust_rises_with_the_length_of_a_vector() -> None:
    assert [trust_in(length, (2, 4)) for length in (0, 2, 3, 4, 9)] == [0, 0, 0.5, 1, 1]


def test_a_trusted_vector_decides_alone_and_a_doubted_one_is_corrected() -> None:
    probability = np.array([[0.7, 0.7, 0.1]], np.float32)
    match = np.array([[-4.0, 4.0, 4.0]], np.float32)
    np.testing.assert_allclose(combine(probability, match, 1.0), probability, rtol=1e-5)
    doubted = combine(probability, match, 0.0)[0]
    assert doubted[0] < 0.2
    assert doubted[1] > 0.9


def test_a_match_that_is_the_same_everywhere_adds_nothing() -> None:
    probability = np.array([[0.9, 0.2]], np.float32)
    everywhere = np.full((1, 2), -5, np.float32)
    np.testing.assert_allclose(combine(probability, everywhere, 0.0), probability, rtol=1e-4)


class Tower:
    """Counts the calls."""

    def __init__(self) -> None:
        self.n_encoded = 0

    def encode(self, image: np.ndarray, scale: float) -> Work[Embedding]:
        self.n_encoded += 1
        yield Progress("encoding", 1, 1)
        yield Notice("The memory is short.")
        return embed(image, scale)


@pytest.fixture
def tower() -> Tower:
    return Tower()


@pytest.fixture
def matcher(tower: Tower) -> ReferenceMatcher:
    return ReferenceMatcher(tower.encode, (1.0, 2.0))


def prompt(length: float, share: float = 1.0) -> Conditional:
    reference = ReferencePrompt.from_region(scene(), region(STRIPED))
    return Conditional(np.array([length], np.float32), "r", (reference,), share, length)


def refined(matcher: ReferenceMatcher, conditional: Conditional) -> np.ndarray:
    plane = scene()
    flat = np.full((64, 96), 0.5, np.float32)
    return run(matcher.refine(flat, embed(plane), conditional))


def test_a_doubted_vector_is_helped_by_the_match(matcher: ReferenceMatcher) -> None:
    found = refined(matcher, prompt(0.1))
    assert found[STRIPED].mean() > found[PLAIN].mean()
    assert found[STRIPED].mean() > found[:8].mean()


@pytest.mark.parametrize("conditional", [prompt(2.0), prompt(0.1, share=0.0)])
def test_nothing_changes_for_trusted_vectors_and_for_text(
    matcher: ReferenceMatcher, conditional: Conditional
) -> None:
    assert (refined(matcher, conditional) == 0.5).all()


def test_text_weakens_the_match(matcher: ReferenceMatcher) -> None:
    spread = [np.ptp(refined(matcher, prompt(0.1, share))) for share in (1.0, 0.3)]
    assert spread[1] < spread[0]


def test_a_reference_is_encoded_once_and_its_progress_is_not_told(
    matcher: ReferenceMatcher, tower: Tower
) -> None:
    events: list[Event] = []
    plane = scene()
    for _ in range(2):
        work = matcher.refine(np.full((64, 96), 0.5, np.float32), embed(plane), prompt(0.1))
        run(work, events.append)
    assert tower.n_encoded == 1
    assert events == [Notice("The memory is short.")]


def test_an_embedding_without_its_plane_is_named(matcher: ReferenceMatcher) -> None:
    whole = embed(scene())
    bare = Embedding(whole.key, whole.shape, whole.plan, 1.0, whole.activations)
    with pytest.raises(ValueError, match="without its plane"):
        run(matcher.refine(np.full((64, 96), 0.5, np.float32), bare, prompt(0.1)))
