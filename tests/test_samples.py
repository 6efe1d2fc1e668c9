"""Sample images come with the labels of their objects."""

from __future__ import annotations

import numpy as np
import pytest

from napari_vlseg.errors import SettingsError
from napari_vlseg.images import ImageView, extract_plane
from napari_vlseg.samples import load_sample, sample_names

KINDS = {"brightfield", "fluorescence", "purple_on_purple", "purple_on_white"}


def test_nuclei_of_every_kind_are_bundled() -> None:
    assert set(sample_names()) >= KINDS


@pytest.mark.parametrize("name", sorted(KINDS))
def test_image_and_labels_fit(name: str) -> None:
    image, labels = load_sample(name)
    assert image.dtype == np.uint8
    assert labels.dtype == np.int32
    assert image.shape[:2] == labels.shape
    assert labels.min() == 0
    assert len(np.unique(labels)) > 3
    plane = extract_plane(image, view=ImageView(rgb=image.ndim == 3))
    inside, outside = plane[labels > 0].mean(), plane[labels == 0].mean()
    assert abs(inside - outside) > 0.05


def test_an_unknown_sample_is_named_with_the_known_ones() -> None:
    with pytest.raises(SettingsError, match=r"“cat”.*fluorescence"):
        load_sample("cat")
