"""COCO instances read back with pycocotools."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from skimage.io import imread

from napari_vlseg.exporters import ExportItem, export


def load(folder: Path) -> COCO:
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools talks
        return COCO(str(folder / "instances.json"))


def masks_of(coco: COCO, image_id: int) -> list[tuple[str, np.ndarray]]:
    return [
        (coco.cats[annotation["category_id"]]["name"], coco.annToMask(annotation).astype(bool))
        for annotation in coco.loadAnns(coco.getAnnIds(image_id))
    ]


def test_every_object_reads_back_exactly(tmp_path: Path, items: list[ExportItem]) -> None:
    export(items, "coco", tmp_path / "out")
    coco = load(tmp_path / "out")
    for image_id, item in enumerate(items, start=1):
        numbers = np.unique(item.labels[item.labels > 0]).tolist()
        expected = [
            (item.classes.get(number, "object"), item.labels == number) for number in numbers
        ]
        found = masks_of(coco, image_id)
        assert [name for name, _ in found] == [name for name, _ in expected]
        for (_, mask), (_, truth) in zip(found, expected, strict=True):
            np.testing.assert_array_equal(mask, truth, strict=True)


def test_the_document_is_as_coco_describes_it(tmp_path: Path, items: list[ExportItem]) -> None:
    export(items, "coco", tmp_path / "out")
    coco = load(tmp_path / "out")
    assert sorted(coco.imgs) == [1, 2, 3]
    assert sorted(coco.anns) == [1, 2, 3, 4, 5]
    facts = {number: each.get("attributes") for number, each in coco.anns.items()}
    known = {"object_uid": "u2", "score": 0.3333, "n_edits": 4}
    assert facts == {1: None, 2: known, 3: None, 4: None, 5: None}
    categories = {number: category["name"] for number, category in coco.cats.items()}
    assert categories == {1: "cell", 2: "dust, “µ”", 3: "object"}
    for annotation in coco.anns.values():
        segmentation = annotation["segmentation"]
        assert isinstance(segmentation["counts"], str)
        assert annotation["iscrowd"] == 0
        assert annotation["area"] == int(coco_mask.area(segmentation))
        assert annotation["bbox"] == coco_mask.toBbox(segmentation).tolist()
    # Radius 12 around (30, 25), its last column taken by the next disc.
    assert coco.anns[1]["bbox"] == [13, 18, 24, 25]


def test_images_lie_beside_it_unchanged(tmp_path: Path, items: list[ExportItem]) -> None:
    channels = ExportItem("channels", np.ones((96, 96, 2), np.float32), items[0].labels)
    export([*items, channels], "coco", tmp_path / "out")
    coco = load(tmp_path / "out")
    names = [image["file_name"] for image in coco.imgs.values()]
    assert names == ["grey.png", "rgb.png", "deep.png", "channels.tif"]
    for name, item in zip(names, items, strict=False):
        image = imread(tmp_path / "out" / "images" / name)
        np.testing.assert_array_equal(image, item.image)
    for image in coco.imgs.values():
        assert (image["height"], image["width"]) == (96, 96)


@given(
    labels=arrays(
        st.sampled_from([np.uint8, np.int32, np.uint64]),
        array_shapes(min_dims=2, max_dims=2, max_side=8),
        elements=st.integers(0, 3),
    )
)
def test_any_labels_read_back_exactly(
    tmp_path_factory: pytest.TempPathFactory, labels: np.ndarray
) -> None:
    out = tmp_path_factory.mktemp("coco") / "out"
    export([ExportItem("x", np.zeros(labels.shape, np.uint8), labels)], "coco", out)
    again = np.zeros(labels.shape, labels.dtype)
    numbers = np.unique(labels[labels > 0])
    for number, (_, mask) in zip(numbers, masks_of(load(out), 1), strict=True):
        again[mask] = number
    np.testing.assert_array_equal(again, labels)
