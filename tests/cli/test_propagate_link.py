"""``propagate`` and ``link`` from file to file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_vlseg.workflow.propagate.records import PropagationLog


@pytest.fixture
def stack(tmp_path: Path, scene: tuple[np.ndarray, np.ndarray]) -> Path:
    """Five planes of three discs that move down, as a TIFF."""
    path = tmp_path / "stack.tif"
    planes = np.stack([np.roll(scene[0], n, axis=0) for n in range(5)])
    tifffile.imwrite(path, planes, ome=True, metadata={"axes": "ZYX"})
    return path


@pytest.fixture
def seeds(tmp_path: Path, scene: tuple[np.ndarray, np.ndarray]) -> Path:
    """The discs of plane 2."""
    path = tmp_path / "seeds.tif"
    tifffile.imwrite(path, np.roll(scene[1], 2, axis=0).astype(np.uint8))
    return path


def test_propagate_writes_labels_and_the_record(cli, stack, seeds, scene, tmp_path):
    out = tmp_path / "out"
    options = ("--seeds", seeds, "--plane", 2, "--device", "cpu", "--no-cache", "--out", out)
    done = cli("propagate", stack, *options, "--json")
    assert done.code == 0, done.err
    labels = tifffile.imread(out / "stack.tif")
    assert labels.shape == (5, 96, 96)
    assert labels.dtype == np.uint8
    for plane, found in enumerate(labels):
        truth = np.roll(scene[1], plane, axis=0)
        for number in (1, 2, 3):
            a, b = truth == number, found == number
            assert (a & b).sum() / (a | b).sum() > 0.8
    assert done.document["labels"] == str(out / "stack.tif")
    assert [entry["label"] for entry in done.document["objects"]] == [1, 2, 3]
    log = PropagationLog.from_dict(json.loads((out / "stack_propagation.json").read_text()))
    assert log.dependents(1, 2) == [0, 1, 3, 4]
    again = cli("propagate", stack, *options)
    assert again.code == 0, "its own files are replaced"
    assert "Wrote" in again.out


def test_a_range_and_a_direction_are_kept(cli, stack, seeds, tmp_path):
    out = tmp_path / "out"
    done = cli(
        *("propagate", stack, "--seeds", seeds, "--plane", 2, "--out", out, "--no-cache"),
        *("--planes", "2-3", "--direction", "forward", "--json"),
    )
    assert done.code == 0, done.err
    assert [entry["planes"] for entry in done.document["objects"]] == [[2, 3]] * 3
    assert [bool(plane.any()) for plane in tifffile.imread(out / "stack.tif")] == [
        False,
        False,
        True,
        True,
        False,
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "say which, from 0"),
        (("--plane", 9), "There is no plane 9"),
        (("--plane", 2, "--planes", "2"), "not of the form 5-20"),
        (("--plane", 2, "--planes", "3-4"), "on plane 2 can't be followed"),
        (("--plane", 2, "--axis", 1), "There is no axis 1 of planes"),
        (("--plane", 2, "--at", "0"), "0 axes beside the one to follow"),
    ],
)
def test_propagate_says_what_is_wrong(cli, stack, seeds, tmp_path, options, message):
    done = cli(
        "propagate", stack, "--seeds", seeds, *options, "--no-cache", "--out", tmp_path / "o"
    )
    assert done.code == 1
    assert message in done.err


def test_files_of_others_are_not_replaced(cli, stack, seeds, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "stack.tif").write_bytes(b"drawn by hand")
    options = ("--seeds", seeds, "--plane", 2, "--out", tmp_path / "out")
    assert "not overwritten" in cli("propagate", stack, *options).err
    assert "overwrite the input" in cli("propagate", stack, *options[:-1], tmp_path).err
    assert (tmp_path / "out" / "stack.tif").read_bytes() == b"drawn by hand"


def test_link_joins_planes_and_writes_tables(cli, tmp_path):
    planes = np.zeros((3, 20, 20), np.uint8)
    for plane, label in enumerate((4, 9, 1)):
        planes[plane, 2:8, 2 + plane : 8 + plane] = label
    planes[2, 14:18, 14:18] = 7
    tifffile.imwrite(tmp_path / "labels.tif", planes, photometric="minisblack")
    out = tmp_path / "linked"
    done = cli("link", tmp_path / "labels.tif", "--out", out, "--scale", "2,0.5,0.5", "--json")
    assert done.code == 0, done.err
    assert (done.document["objects"], done.document["planes"]) == (2, 3)
    joined = tifffile.imread(out / "labels.tif")
    assert set(np.unique(joined[planes > 0])) == {1, 2}
    assert (joined[:, 4, 5] == 1).all()
    tracks = (out / "labels_tracks.csv").read_text().splitlines()
    assert tracks[0] == "object,plane,row,col,label,area,parent"
    assert len(tracks) == 5
    objects = (out / "labels_objects.csv").read_text().splitlines()
    assert objects[1].split(",")[:3] == ["1", "108", "54.0"]


def test_link_refuses_what_is_no_stack_or_no_scale(cli, seeds, tmp_path):
    assert "give a stack of planes" in cli("link", seeds, "--out", tmp_path / "o").err
    wrong = cli("link", seeds, "--out", tmp_path / "o", "--scale", "1,2")
    assert "three numbers above 0" in wrong.err
