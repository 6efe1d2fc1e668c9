from __future__ import annotations

import numpy as np
import pytest

from napari_vlseg.errors import ImageError
from napari_vlseg.workflow.overlay import PROPOSED, draw_outlines


@pytest.fixture
def labels():
    labels = np.zeros((12, 16), np.int32)
    labels[2:8, 2:8] = 1
    labels[2:8, 9:15] = 2
    return labels


def test_outlines_lie_on_the_border_of_each_label(labels):
    drawn = draw_outlines(np.zeros((12, 16, 3), np.float32), labels, {2: (255, 0, 0)})
    assert drawn.dtype == np.uint8
    assert tuple(drawn[2, 2]) == PROPOSED
    assert tuple(drawn[2, 9]) == (255, 0, 0)
    assert not drawn[4, 4].any()
    assert not drawn[labels == 0].any()


def test_zoom_repeats_pixels_and_keeps_outlines_thin(labels):
    plane = np.random.default_rng(0).random((12, 16, 3)).astype(np.float32)
    drawn = draw_outlines(plane, labels, zoom=3)
    assert drawn.shape == (36, 48, 3)
    np.testing.assert_array_equal(drawn[0, 0], np.round(plane[0, 0] * 255))
    assert tuple(drawn[6, 6]) == PROPOSED
    assert tuple(drawn[7, 7]) != PROPOSED


def test_touching_labels_are_told_apart():
    labels = np.repeat([[1] * 4 + [2] * 4], 8, axis=0)
    drawn = draw_outlines(np.zeros((8, 8, 3), np.float32), labels)
    assert (drawn[4, 3:5] == PROPOSED).all()


def test_shapes_are_checked(labels):
    with pytest.raises(ImageError, match=r"\(5, 5\).*\(12, 16\)"):
        draw_outlines(np.zeros((5, 5, 3), np.float32), labels)
