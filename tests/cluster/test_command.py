"""``napari-vlseg segment`` on a cluster."""

from __future__ import annotations

import json

import numpy as np
import pytest
from skimage.io import imread, imsave

from napari_vlseg.images import read_image
from napari_vlseg.samples import load_sample
from napari_vlseg.workflow import selecting
from napari_vlseg.workflow.distributed import connecting
from tests.cli.conftest import cli  # noqa: F401 - a fixture


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "nuclei.png"
    imsave(path, load_sample("fluorescence")[0], check_contrast=False)
    return path


def test_a_scheduler_is_a_device(cli, machines, cluster, image, tmp_path):  # noqa: F811
    command = ["segment", image, "--text", "nuclei", "--no-cache", "--out"]
    there = ["--device", machines.address, "--json"]
    done = cli(*command, tmp_path / "there", *there)
    assert done.code == 0
    assert done.document["device"] == "cpu"
    file = ["--scheduler-file", machines.scheduler_file]
    assert cli(*command, tmp_path / "by-file", *file).code == 0
    assert cli(*command, tmp_path / "here").code == 0
    labels = [imread(tmp_path / name / "nuclei.tif") for name in ("there", "by-file", "here")]
    assert labels[0].max() > 5
    np.testing.assert_array_equal(labels[0], labels[2])
    np.testing.assert_array_equal(labels[1], labels[2])


def test_everything_and_outlines_too(cli, machines, cluster, image, tmp_path):  # noqa: F811
    small = tmp_path / "small.png"
    imsave(small, imread(image)[:128, :128], check_contrast=False)
    found = {}
    for name, place in {"there": ["--device", machines.address], "here": []}.items():
        out = tmp_path / name
        options = ["--text", "nuclei", "--refine", "sam-mini", "--no-cache", "--out", out]
        assert cli("segment", small, *options, *place).code == 0
        found[name] = json.loads((out / "proposals.json").read_text("utf-8"))
        for record in found[name]:
            del record["object_uid"]
    assert found["there"] == found["here"] != []


def test_a_large_image_is_divided_among_the_workers(
    cli,  # noqa: F811
    machines,
    cluster,
    image,
    tmp_path,
    monkeypatch,
):
    monkeypatch.setattr(selecting, "LARGEST_SIDE", 64)
    out, place = tmp_path / "out", ["--device", machines.address]
    done = cli("segment", image, "--text", "nuclei", "--json", "--out", out, *place)
    assert done.code == 0
    labels = np.asarray(read_image(out / "nuclei.ome.zarr").data[:])
    assert done.document["images"][0]["n_objects"] == labels.max() > 5


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--device", "tcp://127.0.0.1:9"], "dask scheduler"),
        (["--scheduler-file", "none.json"], "none.json"),
        (["--tls-ca", "ca.pem"], "for a cluster"),
        (["--scheduler-file", "a.json", "--device", "cpu"], "leave out --device"),
        (["--device", "tls://127.0.0.1:9", "--tls-ca", "ca.pem"], "no file"),
    ],
)
def test_places_that_are_none(cli, image, tmp_path, monkeypatch, options, said):  # noqa: F811
    monkeypatch.setattr(connecting, "TIMEOUT_S", 1.0)
    done = cli("segment", image, "--text", "nuclei", "--out", tmp_path / "out", *options)
    assert done.code == 1
    assert said in done.err
    assert "--debug" not in done.err
