"""Visual prompts: geometry, intensities and errors."""

from __future__ import annotations

import numpy as np
import pytest

from napari_vlseg.errors import PromptError
from napari_vlseg.visual_prompts import VisualPromptSettings, engineer_visual_prompt


def disc_scene() -> tuple[np.ndarray, np.ndarray]:
    image = np.full((60, 90, 3), 0.5, np.float32)
    mask = np.zeros((60, 90), bool)
    mask[20:40, 30:50] = True
    image[mask] = (1.0, 0.0, 0.0)
    return image, mask


def test_region_keeps_its_intensity_and_surroundings_are_dimmed() -> None:
    image, mask = disc_scene()
    settings = VisualPromptSettings(context=0.1, background=0.2, blur_sigma=0)
    prompt = engineer_visual_prompt(image, mask, 24, settings)
    np.testing.assert_allclose(prompt[2:22, 2:22], image[20:40, 30:50])
    np.testing.assert_allclose(prompt[:2], 0.1, atol=1e-6)
    assert prompt.dtype == np.float32


def test_elongated_region_is_padded_with_zeros_to_a_square() -> None:
    image, mask = np.ones((40, 40, 3), np.float32), np.zeros((40, 40), bool)
    mask[10:12, 5:25] = True
    settings = VisualPromptSettings(context=0)
    prompt = engineer_visual_prompt(image, mask, 20, settings)
    assert prompt[:9].sum() == 0
    assert prompt[11:].sum() == 0
    np.testing.assert_allclose(prompt[9:11], 1)


def test_context_is_clipped_at_the_image_border() -> None:
    image, mask = np.ones((30, 30, 3), np.float32), np.zeros((30, 30), bool)
    mask[0:10, 0:10] = True
    settings = VisualPromptSettings(context=0.5, background=1, blur_sigma=0)
    assert engineer_visual_prompt(image, mask, 15, settings).min() == 1


def test_blur_equals_a_blur_of_the_whole_image() -> None:
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(0)
    image = rng.random((80, 80, 3), np.float32)
    mask = np.zeros((80, 80), bool)
    mask[35:45, 35:45] = True
    prompt = engineer_visual_prompt(image, mask, 14, VisualPromptSettings(0.2, 1.0, 2.0))
    blurred = gaussian_filter(image, (2, 2, 0), mode="nearest")
    expected = np.where(mask[..., np.newaxis], image, blurred)[33:47, 33:47]
    np.testing.assert_allclose(prompt, expected, atol=1e-5)


@pytest.mark.parametrize("size", [8, 352])
def test_result_has_the_size_asked_for_and_stays_in_range(size: int) -> None:
    image, mask = disc_scene()
    prompt = engineer_visual_prompt(image, mask, size)
    assert prompt.shape == (size, size, 3)
    assert prompt.min() >= 0
    assert prompt.max() <= 1


@pytest.mark.parametrize(
    ("image_shape", "mask_shape", "size", "message"),
    [
        ((20, 20, 3), (10, 20), 16, "shape"),
        ((20, 20), (20, 20), 16, r"\(H, W, 3\)"),
        ((20, 20, 3), (20, 20), 0, "at least 1"),
    ],
)
def test_wrong_input_is_named(
    image_shape: tuple[int, ...], mask_shape: tuple[int, ...], size: int, message: str
) -> None:
    with pytest.raises(PromptError, match=message):
        engineer_visual_prompt(np.zeros(image_shape, np.float32), np.ones(mask_shape, bool), size)


def test_an_empty_mask_is_named() -> None:
    with pytest.raises(PromptError, match="empty"):
        engineer_visual_prompt(np.zeros((9, 9, 3), np.float32), np.zeros((9, 9), bool), 8)


@pytest.mark.parametrize(
    "values", [{"context": -0.1}, {"background": 1.5}, {"blur_sigma": float("nan")}]
)
def test_settings_out_of_range_are_refused(values: dict[str, float]) -> None:
    with pytest.raises(PromptError, match="choose"):
        VisualPromptSettings(**values)
