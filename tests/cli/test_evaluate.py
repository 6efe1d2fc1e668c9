from __future__ import annotations

import numpy as np
import pytest
import tifffile
from skimage.io import imsave


@pytest.fixture
def folders(tmp_path):
    """Two images: one perfect, one with half of its only object."""
    pred, truth = tmp_path / "pred", tmp_path / "truth"
    pred.mkdir()
    truth.mkdir()
    labels = np.zeros((20, 20), np.uint16)
    labels[2:12, 2:12] = 7
    half = labels.copy()
    half[:, 7:] = 0
    for name, predicted in (("a", labels), ("b", half)):
        tifffile.imwrite(pred / f"{name}.tif", predicted)
        imsave(truth / f"{name}.png", labels, check_contrast=False)
    (pred / "proposals.json").write_text("[]")
    tifffile.imwrite(pred / "a_probabilities.tif", np.zeros((1, 20, 20), np.float32))
    return pred, truth


def test_scores_per_image_and_mean(cli, folders):
    pred, truth = folders
    done = cli("evaluate", "--pred", pred, "--truth", truth, "--json")
    assert done.code == 0
    a, b = done.document["images"]
    assert a == {"name": "a", "iou": 1.0, "dice": 1.0, "ap50": 1.0, "n_truth": 1, "n_pred": 1}
    assert b["iou"] == 0.5
    assert b["dice"] == pytest.approx(2 / 3)
    assert b["ap50"] == 1.0  # an IoU of exactly 0.5 is a match
    assert done.document["mean"]["iou"] == 0.75
    assert done.document["notices"] == []


def test_the_table_names_every_image_and_the_mean(cli, folders):
    pred, truth = folders
    done = cli("evaluate", "--pred", pred, "--truth", truth)
    assert "0.750" in done.out
    assert "mean" in done.out


def test_images_without_a_partner_are_named(cli, folders):
    pred, truth = folders
    (pred / "b.tif").rename(pred / "c.tif")
    done = cli("evaluate", "--pred", pred, "--truth", truth, "--json")
    assert done.document["without_prediction"] == ["b"]
    assert done.document["without_truth"] == ["c"]
    assert done.document["mean"]["iou"] == 1.0
    assert len(done.document["notices"]) == 2


def test_many_lonely_names_are_not_all_listed(cli, folders):
    pred, truth = folders
    for number in range(5):
        tifffile.imwrite(truth / f"more{number}.tif", np.zeros((2, 2), np.uint8))
    done = cli("evaluate", "--pred", pred, "--truth", truth)
    assert "and 2 more" in done.err


def refused(done):
    assert done.code == 1
    assert done.out == ""
    assert len(done.err.strip().splitlines()) == 1
    assert "--debug" not in done.err


def test_shapes_that_differ(cli, folders):
    pred, truth = folders
    tifffile.imwrite(pred / "a.tif", np.zeros((5, 6), np.uint8))
    done = cli("evaluate", "--pred", pred, "--truth", truth)
    refused(done)
    assert "(5, 6)" in done.err
    assert "(20, 20)" in done.err


def test_a_damaged_file(cli, folders):
    pred, truth = folders
    (pred / "a.tif").write_bytes(b"II*\0 damaged")
    refused(cli("evaluate", "--pred", pred, "--truth", truth))


def test_two_files_of_one_stem(cli, folders):
    pred, truth = folders
    imsave(pred / "a.png", np.zeros((20, 20), np.uint8), check_contrast=False)
    refused(cli("evaluate", "--pred", pred, "--truth", truth))


def test_folders_that_are_missing_or_share_nothing(cli, folders, tmp_path):
    _, truth = folders
    refused(cli("evaluate", "--pred", tmp_path / "none", "--truth", truth))
    empty = tmp_path / "empty"
    empty.mkdir()
    refused(cli("evaluate", "--pred", empty, "--truth", truth))
