from __future__ import annotations

import json

import pytest
import tifffile

from napari_vlseg.corrections.store import Project
from napari_vlseg.images import pixels_sha256
from napari_vlseg.workflow.api import segment
from tests.fakes import BrightnessSegmenter


@pytest.fixture
def project(tmp_path, scene):
    image, _ = scene
    proposals = segment(image, text="bright", model=BrightnessSegmenter())
    project = Project.create(tmp_path / "project")
    entry = project.add_image(
        "discs",
        source_path=None,
        pixels_sha256=pixels_sha256(image),
        shape=image.shape,
        dtype=image.dtype,
        embed=image,
    )
    entry.save_proposals(proposals)
    entry.save_labels(proposals.labels, proposals.objects)
    return project.folder


def test_coco(cli, project, tmp_path):
    out = tmp_path / "out"
    done = cli("export", project, "--format", "coco", "--out", out, "--json")
    assert done.code == 0
    assert done.document["format"] == "coco"
    assert str(out / "instances.json") in done.document["files"]
    document = json.loads((out / "instances.json").read_text("utf-8"))
    assert [annotation["id"] for annotation in document["annotations"]] == [1, 2, 3]


def test_tiff(cli, project, tmp_path, scene):
    out = tmp_path / "out"
    done = cli("export", project, "--format", "tiff", "--out", out)
    assert done.code == 0
    assert str(out) in done.out
    written = [tifffile.imread(path) for path in out.rglob("*.tif")]
    assert sorted(int(array.max()) for array in written) == sorted([3, int(scene[0].max())])


def test_an_export_is_replaced_on_request_alone(cli, project, tmp_path):
    args = ("export", project, "--format", "coco", "--out", tmp_path / "out")
    assert cli(*args).code == 0
    before = (tmp_path / "out" / "instances.json").read_bytes()
    refused = cli(*args)
    assert refused.code == 1
    assert len(refused.err.strip().splitlines()) == 1
    assert (tmp_path / "out" / "instances.json").read_bytes() == before
    assert cli(*args, "--overwrite").code == 0


@pytest.mark.parametrize(
    ("folder", "format_name", "said"),
    [("project", "yolo", "coco"), ("nowhere", "coco", "project")],
)
def test_a_wrong_format_or_folder_is_one_sentence(
    cli, project, tmp_path, folder, format_name, said
):
    done = cli("export", tmp_path / folder, "--format", format_name, "--out", tmp_path / "out")
    assert done.code == 1
    assert done.out == ""
    assert len(done.err.strip().splitlines()) == 1
    assert said in done.err
    assert "--debug" not in done.err
    assert not (tmp_path / "out").exists()
