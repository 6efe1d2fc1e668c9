"""One object taken apart: by its pieces, else at its waist, else not at all."""

from __future__ import annotations

import numpy as np
import pytest

from napari_vlseg.errors import PromptError
from napari_vlseg.workflow.splitting import split_object


def discs(*places: tuple[int, int, int]) -> np.ndarray:
    rows, cols = np.mgrid[:80, :120]
    return np.any([(rows - r) ** 2 + (cols - c) ** 2 < size**2 for r, c, size in places], axis=0)


def test_pieces_are_numbered_by_size() -> None:
    parts = split_object(discs((20, 20, 5), (20, 60, 12), (60, 90, 8)))
    assert (parts[20, 60], parts[60, 90], parts[20, 20]) == (1, 2, 3)
    assert parts.max() == 3


def test_one_piece_is_divided_at_its_waist() -> None:
    mask = discs((40, 40, 20), (40, 70, 15))
    parts = split_object(mask)
    np.testing.assert_array_equal(parts > 0, mask)
    assert (parts[40, 40], parts[40, 75]) == (1, 2)
    assert np.abs(np.flatnonzero(np.diff(parts[40])) - 57).min() <= 2


def test_an_object_at_the_border_is_divided_too() -> None:
    mask = discs((0, 40, 20), (0, 70, 15))
    assert split_object(mask).max() == 2


@pytest.mark.parametrize("mask", [discs((40, 40, 20)), np.ones((30, 30), bool)])
def test_what_has_no_waist_is_left_alone(mask: np.ndarray) -> None:
    with pytest.raises(PromptError, match="no waist"):
        split_object(mask)


def test_nothing_can_not_be_split() -> None:
    with pytest.raises(PromptError, match="no pixels"):
        split_object(np.zeros((9, 9), bool))
