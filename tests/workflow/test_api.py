from __future__ import annotations

import numpy as np
import pytest

import napari_vlseg
from napari_vlseg.errors import ImageError, PromptError
from napari_vlseg.prompts import ReferencePrompt
from napari_vlseg.workflow.api import as_reference, default_view, segment
from tests.fakes import BrightnessSegmenter


@pytest.fixture
def image() -> np.ndarray:
    image = np.full((48, 64), 200, np.uint16)
    image[10:30, 10:30] = 4000
    return image


def test_the_package_offers_the_call_of_the_readme(image):
    result = napari_vlseg.segment(image, text="nuclei", model=BrightnessSegmenter())
    assert result.labels.shape == image.shape
    assert result.probabilities.shape == (1, *image.shape)
    assert result.probabilities.dtype == np.float32
    assert result.classes == ("nuclei",)
    assert result.objects["area"].tolist() == [400]


def test_classes_come_from_text_and_references_in_order(image):
    mask = image > 1000
    result = segment(
        image,
        text={"nuclei": ["bright", "-dark"]},
        references={"spots": [(image, mask), (image, (10, 10, 30, 30))]},
        model=BrightnessSegmenter(),
    )
    assert result.classes == ("nuclei", "spots")
    assert len(result.prompts.rows[1].references) == 2


def test_a_box_and_its_mask_are_the_same_reference(image):
    mask = np.zeros(image.shape, bool)
    mask[5:15, 20:40] = True
    assert as_reference((image, (5, 20, 15, 40))) == as_reference((image, mask))


def test_a_ready_reference_is_taken_as_it_is():
    ready = ReferencePrompt(np.zeros((4, 4, 3), np.uint8), np.ones((4, 4), bool))
    assert as_reference(ready) is ready


@pytest.mark.parametrize(
    "region", [(1, 2, 3), (100, 100, 120, 120), (5, 5, 5, 9), np.ones((3, 3)), np.zeros((48, 64))]
)
def test_a_region_that_does_not_fit_is_refused(image, region):
    with pytest.raises(PromptError):
        as_reference((image, region))


def test_a_stack_needs_a_plane(image):
    stack = np.stack([image * 0, image])
    with pytest.raises(ImageError, match="leading axis"):
        segment(stack, "nuclei", model=BrightnessSegmenter())
    result = segment(stack, "nuclei", index=(1,), model=BrightnessSegmenter())
    assert result.objects["area"].tolist() == [400]


def test_three_or_four_last_entries_are_colours():
    assert default_view(np.zeros((9, 9, 3))).rgb
    assert default_view(np.zeros((9, 9, 4))).rgb
    assert not default_view(np.zeros((9, 4))).rgb
    assert not default_view(np.zeros((3, 9, 9))).rgb
