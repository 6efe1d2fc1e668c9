"""Reading the nuclei and splitting them by slide."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from napari_vlseg.errors import ImageError
from napari_vlseg.training.dsb2018 import load_images, read_index, split_by_group
from napari_vlseg.training.scene_bank import TRAINING_SEEDS, VALIDATION_SEEDS

REAL = Path(
    os.environ.get("VLSEG_DSB2018", Path(__file__).parents[2].parent / "shared/data/dsb2018")
)


def synthetic_index() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 60, 400)
    kinds = np.where(groups < 40, "fluorescence", "stained")
    return pd.DataFrame({"id": [f"i{n}" for n in range(400)], "kind": kinds, "group": groups})


def check_split(index: pd.DataFrame) -> None:
    train, validation = split_by_group(index)
    assert sorted([*train, *validation]) == sorted(index["id"])
    group_of = index.set_index("id")["group"]
    assert not set(group_of[train]) & set(group_of[validation])
    kind_of = index.set_index("id")["kind"]
    for kind in index["kind"].unique():
        of_kind = [name for name in validation if kind_of[name] == kind]
        assert len(set(group_of[of_kind])) >= 2


def test_no_group_is_on_both_sides() -> None:
    check_split(synthetic_index())


def test_about_a_seventh_is_held_out() -> None:
    _, validation = split_by_group(synthetic_index())
    assert 40 <= len(validation) <= 90


def test_the_split_ignores_the_order_of_the_rows() -> None:
    index = synthetic_index()
    assert split_by_group(index) == split_by_group(index.sample(frac=1, random_state=1))


def test_images_come_as_rgb_with_labels(nuclei_folder: Path) -> None:
    images = load_images(nuclei_folder, ["image0", "image7"])
    assert [image.id for image in images] == ["image0", "image7"]
    for image in images:
        assert image.image.shape == (96, 96, 3)
        assert image.labels.shape == (96, 96)
        assert image.labels.max() > 0


def test_a_folder_without_an_index_is_named(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"index\.csv"):
        read_index(tmp_path)


def test_an_index_without_groups_is_refused(tmp_path: Path) -> None:
    (tmp_path / "index.csv").write_text("id,kind\na,b\n")
    with pytest.raises(ImageError, match="group"):
        read_index(tmp_path)


def test_missing_labels_are_named(nuclei_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "index.csv").write_text("id,kind,group\nghost,fluorescence,1\n")
    with pytest.raises(ImageError, match="ghost"):
        load_images(tmp_path, ["ghost"])


def test_scene_seeds_are_disjoint() -> None:
    assert not set(VALIDATION_SEEDS) & set(TRAINING_SEEDS[-10:])
    assert VALIDATION_SEEDS.start >= TRAINING_SEEDS.stop


@pytest.mark.skipif(not REAL.is_dir(), reason="the DSB 2018 images are not here")
def test_the_real_split_holds_out_every_kind() -> None:
    index = read_index(REAL)
    check_split(index)
    _, validation = split_by_group(index)
    assert 0.12 <= len(validation) / len(index) <= 0.2
