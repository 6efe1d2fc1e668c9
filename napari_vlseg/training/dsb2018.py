"""The CC0 nuclei of the 2018 Data Science Bowl (BBBC038v1), split by slide."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from skimage.io import imread

from napari_vlseg.errors import ImageError

INDEX_NAME = "index.csv"
INDEX_COLUMNS = frozenset({"id", "kind", "group"})
VALIDATION_SHARE = 0.15
_FEWEST_GROUPS = 2
_SALT = "napari-vlseg split 1"


@dataclass(frozen=True)
class NucleiImage:
    """One real image with instance labels.

    Attributes
    ----------
    id, kind, group
        As in the index.
    image : ndarray of uint8, shape (H, W, 3)
    labels : ndarray of int32, shape (H, W)
    """

    id: str
    kind: str
    group: str
    image: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int32]


def read_index(folder: Path) -> pd.DataFrame:
    """The table of images.

    Raises
    ------
    ImageError
        If the folder has no index or the index lacks a column.
    """
    path = folder / INDEX_NAME
    if not path.is_file():
        raise ImageError(f"{folder} has no {INDEX_NAME}; give the folder of the DSB 2018 images.")
    index = pd.read_csv(path, dtype={"id": str, "group": str})
    missing = INDEX_COLUMNS - set(index.columns)
    if missing:
        raise ImageError(
            f"{path} has no column {', '.join(sorted(missing))}; "
            "it needs id, kind and group to be split by slide."
        )
    return index


def split_by_group(index: pd.DataFrame) -> tuple[list[str], list[str]]:
    """Split images into training and validation, whole groups at a time.

    Images of one group are neighbouring tiles of one slide; a random split would
    show the model the surroundings of its own validation images. The order of the
    groups is that of a hash, so the split depends on nothing but the index.

    Parameters
    ----------
    index : DataFrame
        Columns ``id``, ``kind``, ``group``.

    Returns
    -------
    train_ids, validation_ids : list of str
        Sorted. At least two groups and about 15 % of the images of every kind are
        for validation.
    """
    members: dict[str, list[str]] = defaultdict(list)
    groups_of_kind: dict[str, list[str]] = defaultdict(list)
    for group, rows in index.groupby(index["group"].astype(str)):
        members[str(group)] = rows["id"].tolist()
        groups_of_kind[str(rows["kind"].mode()[0])].append(str(group))
    held_out: set[str] = set()
    for groups in groups_of_kind.values():
        held_out.update(_held_out_groups(groups, members))
    validation = sorted(name for group in held_out for name in members[group])
    train = sorted(set(index["id"]) - set(validation))
    return train, validation


def halves_by_group(index: pd.DataFrame) -> tuple[list[str], list[str]]:
    """Split images in about two halves, whole groups at a time, in the order of a hash.

    Parameters
    ----------
    index : DataFrame
        Columns ``id`` and ``group``; of images that no training has seen.

    Returns
    -------
    first_ids, second_ids : list of str
        Sorted; the second half is not the larger one.
    """
    members = {str(group): rows["id"].tolist() for group, rows in index.groupby("group")}
    second: list[str] = []
    for group in sorted(members, key=_hash_order):
        if len(second) + len(members[group]) <= len(index) / 2:
            second += members[group]
    return sorted(set(index["id"]) - set(second)), sorted(second)


def _held_out_groups(groups: Sequence[str], members: dict[str, list[str]]) -> list[str]:
    """Groups in hash order until the share of the kind's images is reached."""
    quota = VALIDATION_SHARE * sum(len(members[group]) for group in groups)
    chosen: list[str] = []
    taken = 0
    for group in sorted(groups, key=_hash_order):
        wanted = taken < quota and taken + len(members[group]) <= 1.3 * quota
        if wanted or len(chosen) < min(_FEWEST_GROUPS, len(groups) - 1):
            chosen.append(group)
            taken += len(members[group])
    return chosen


def _hash_order(group: str) -> str:
    return hashlib.sha256(f"{_SALT}:{group}".encode()).hexdigest()


def load_images(folder: Path, ids: Collection[str]) -> list[NucleiImage]:
    """Read images and labels, in the order of the index.

    Raises
    ------
    ImageError
        If an image or its labels are missing or do not fit each other.
    """
    index = read_index(folder)
    rows = index.loc[index["id"].isin(set(ids)), ["id", "kind", "group"]].astype(str)
    return [_load(folder, *row) for row in rows.itertuples(index=False, name=None)]


def _load(folder: Path, name: str, kind: str, group: str) -> NucleiImage:
    try:
        image = imread(folder / "images" / f"{name}.png")
        labels = imread(folder / "labels" / f"{name}.png")
    except OSError as error:
        raise ImageError(
            f"Image {name} of {folder} could not be read ({error}); fetch the data again."
        ) from error
    if image.ndim == 2:
        image = np.repeat(image[..., np.newaxis], 3, axis=-1)
    if image.shape[:2] != labels.shape:
        raise ImageError(
            f"Image {name} has shape {image.shape[:2]} and its labels {labels.shape}; "
            "fetch the data again."
        )
    return NucleiImage(name, kind, group, image[..., :3], labels.astype(np.int32))
