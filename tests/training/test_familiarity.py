"""Calibration of trust, with a model whose vectors have known lengths."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from napari_vlseg.models.base import Conditional
from napari_vlseg.prompts import ClassPrompt
from napari_vlseg.training.dsb2018 import NucleiImage
from napari_vlseg.training.familiarity import familiar_lengths
from napari_vlseg.training.scenes import generate_novel_pair
from napari_vlseg.visual_prompts import VisualPromptSettings
from tests.fakes import BrightnessSegmenter


class LengthBySize(BrightnessSegmenter):
    """Vectors are as long as the picture that holds the reference is wide, or the opposite."""

    def __init__(self, sign: int) -> None:
        super().__init__()
        self._sign = sign

    def condition(
        self,
        prompt: ClassPrompt,
        templates: Sequence[str] = ("{}",),
        visual: VisualPromptSettings | None = None,
    ) -> tuple[Conditional, list[Conditional]]:
        side = prompt.references[0].mask.sum()
        length = float(side > 1000) if self._sign > 0 else float(side <= 1000)
        return Conditional(np.zeros(1, np.float32), reference_length=10 + length), []


@pytest.fixture
def image() -> NucleiImage:
    labels = np.zeros((64, 64), np.int32)
    labels[4:60, 4:60] = 1
    return NucleiImage("a", "fluorescence", "g", np.zeros((64, 64, 3), np.uint8), labels)


@pytest.mark.parametrize(("sign", "expected"), [(1, (10.0, 11.0)), (-1, (11.0, 11.01))])
def test_trust_lies_between_the_unnamed_and_the_nuclei(
    image: NucleiImage, sign: int, expected: tuple[float, float]
) -> None:
    scenes = [generate_novel_pair(seed, size=64)[0] for seed in range(3)]
    assert familiar_lengths(LengthBySize(sign), [image], scenes) == expected
