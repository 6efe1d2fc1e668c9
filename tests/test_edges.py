"""Edges of probability maps are drawn to those of the image."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage as ndi

from napari_vlseg import edges
from napari_vlseg.edges import refine_edges, refine_steps
from napari_vlseg.errors import ImageError, SettingsError
from napari_vlseg.events import Progress
from napari_vlseg.metrics import iou

RADIUS = 4.0


def disc(shape: tuple[int, int] = (96, 80), centre: tuple[int, int] = (44, 38)) -> np.ndarray:
    rows, cols = np.indices(shape)
    return (rows - centre[0]) ** 2 + (cols - centre[1]) ** 2 < 20**2


def in_patches(mask: np.ndarray, side: int = 8) -> np.ndarray:
    """What a transformer with patches knows of a mask, shape (1, H, W)."""
    coarse = ndi.zoom(ndi.zoom(mask.astype(np.float32), 1 / side, order=1), side, order=1)
    return np.clip(coarse[np.newaxis], 0.02, 0.98)


def painted(mask: np.ndarray, inside: tuple[float, ...], outside: tuple[float, ...]) -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, 0.02, (*mask.shape, 3))
    plane = np.where(mask[..., np.newaxis], inside, outside) + noise
    return np.clip(plane, 0, 1).astype(np.float32)


@pytest.mark.parametrize(
    ("inside", "outside"),
    [
        pytest.param((0.8, 0.8, 0.8), (0.2, 0.2, 0.2), id="bright on dark"),
        pytest.param((0.2, 0.2, 0.2), (0.8, 0.8, 0.8), id="dark on bright"),
        pytest.param((0.7, 0.3, 0.5), (0.3, 0.7, 0.5), id="of one grey value"),
    ],
)
def test_a_coarse_map_gets_the_outline_of_the_object(
    inside: tuple[float, ...], outside: tuple[float, ...]
) -> None:
    mask = disc()
    coarse = in_patches(mask)
    (refined,) = refine_edges(coarse, painted(mask, inside, outside), RADIUS)
    assert iou(coarse[0] >= 0.5, mask) < 0.93
    assert iou(refined >= 0.5, mask) > 0.97


def test_an_object_that_the_map_does_not_see_stays_out() -> None:
    left, right = disc((96, 160), (48, 40)), disc((96, 160), (48, 120))
    plane = painted(left | right, (0.8,) * 3, (0.2,) * 3)
    (refined,) = refine_edges(in_patches(left), plane, RADIUS)
    assert iou(refined >= 0.5, left) > 0.97
    assert refined[right].max() < 0.1


def test_each_class_is_refined_on_its_own() -> None:
    maps = np.concatenate([in_patches(disc()), in_patches(~disc())])
    plane = painted(disc(), (0.7, 0.2, 0.6), (0.9, 0.6, 0.8))
    together = refine_edges(maps, plane, RADIUS)
    for number in range(2):
        alone = refine_edges(maps[number : number + 1], plane, RADIUS)
        np.testing.assert_array_equal(together[number], alone[0])


def test_no_class_is_no_map() -> None:
    maps = np.empty((0, 5, 6), np.float32)
    assert refine_edges(maps, np.zeros((5, 6, 3), np.float32), RADIUS).shape == (0, 5, 6)


@pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
def test_a_plane_of_one_colour_leaves_a_constant_map(value: float) -> None:
    maps = np.full((1, 40, 50), value, np.float32)
    refined = refine_edges(maps, np.full((40, 50, 3), 0.4, np.float32), RADIUS)
    np.testing.assert_allclose(refined, np.clip(maps, 0.003, 0.997), atol=1e-3)


@settings(max_examples=60, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 21), st.integers(1, 21)),
    radius=st.floats(0, 40),
    kind=st.sampled_from(["random", "certain", "nothing", "everything"]),
    seed=st.integers(0, 100),
)
def test_probabilities_stay_probabilities(
    shape: tuple[int, int], radius: float, kind: str, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    values = rng.random((1, *shape), np.float32)
    maps = {
        "random": values,
        "certain": np.round(values),
        "nothing": np.zeros_like(values),
        "everything": np.ones_like(values),
    }[kind]
    refined = refine_edges(maps, rng.random((*shape, 3), np.float32), radius)
    assert (refined.shape, refined.dtype) == (maps.shape, np.float32)
    assert np.isfinite(refined).all()
    assert 0 <= refined.min() <= refined.max() <= 1


def test_bytes_are_as_good_as_floats() -> None:
    plane = np.round(painted(disc(), (0.8,) * 3, (0.2,) * 3) * 255) / 255
    refined = refine_edges(in_patches(disc()), plane.astype(np.float32), RADIUS)
    from_bytes = refine_edges(in_patches(disc()), np.round(plane * 255).astype(np.uint8), RADIUS)
    np.testing.assert_allclose(from_bytes, refined, atol=1e-4)


@pytest.mark.parametrize("radius", [1.0, 4.0, 7.0])
def test_bands_do_not_show(radius: float, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    plane = rng.random((301, 43, 3), np.float32)
    maps = ndi.gaussian_filter(rng.random((1, 301, 43), np.float32), (0, 3, 3))
    whole = refine_edges(maps, plane, radius)
    monkeypatch.setattr(edges, "_BAND_PIXELS", 1)
    events = list(refine_steps(maps[0], plane, radius))
    assert len(events) > 2
    assert events[-1] == Progress("following edges", 301, 301)
    np.testing.assert_allclose(refine_edges(maps, plane, radius), whole, atol=1e-4)


def test_a_radius_below_half_a_pixel_changes_nothing() -> None:
    maps = in_patches(disc())
    refined = refine_edges(maps, painted(disc(), (1,) * 3, (0,) * 3), 0.4)
    np.testing.assert_array_equal(refined, maps)


def test_shapes_that_do_not_fit_are_named() -> None:
    with pytest.raises(ImageError, match=r"\(1, 4, 5\).*\(5, 4, 3\)"):
        refine_edges(np.zeros((1, 4, 5), np.float32), np.zeros((5, 4, 3), np.float32), 1)


@pytest.mark.parametrize("radius", [-1.0, float("nan"), float("inf")])
def test_an_impossible_radius_is_named(radius: float) -> None:
    with pytest.raises(SettingsError, match="choose 0 or more"):
        refine_edges(np.zeros((1, 4, 5), np.float32), np.zeros((4, 5, 3), np.float32), radius)
