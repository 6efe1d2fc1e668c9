from __future__ import annotations

import json

import numpy as np
import pytest
import tifffile
from skimage.io import imsave

from napari_vlseg.images import read_image, read_mask
from napari_vlseg.prompts import PromptTable
from napari_vlseg.workflow.batch import segment_files
from napari_vlseg.workflow.jobs import plan_jobs
from napari_vlseg.workflow.records import RECORD_KEYS


def records(folder):
    return json.loads((folder / "proposals.json").read_text("utf-8"))


def test_labels_and_one_record_per_object_are_written(cli, model, cells, scene, tmp_path):
    out = tmp_path / "out"
    done = cli("segment", cells, "--text", "bright", "--out", out)
    assert done.code == 0
    labels = tifffile.imread(out / "cells.tif")
    assert labels.dtype == np.uint8
    assert labels.shape == scene[0].shape
    assert labels.max() == len(records(out)) == 3
    for record in records(out):
        assert tuple(record) == RECORD_KEYS
        rows, cols = np.nonzero(labels == record["label"])
        assert record["area"] == len(rows)
        assert record["bbox"] == [rows.min(), cols.min(), rows.max() + 1, cols.max() + 1]
        assert record["class"] == record["prompt"] == "bright"
        assert record["image"] == str(cells)
        assert record["model"] == "brightness@1"
        assert record["threshold"] == 0.5
        assert 0.5 < record["score"] <= 1


def test_edges_are_followed_or_not_as_asked(cli, model, cells, tmp_path):
    for options in ((), ("--edges",), ("--no-edges",)):
        done = cli("segment", cells, "--text", "bright", "--out", tmp_path / "out", *options)
        assert done.code == 0
    assert model.edges_asked == [model.default_edges, True, False]


def test_pixel_size_is_kept(cli, model, cells, tmp_path):
    cli("segment", cells, "--text", "bright", "--out", tmp_path / "out", "--probabilities")
    for name in ("cells.tif", "cells_probabilities.tif"):
        written = read_image(tmp_path / "out" / name)
        assert written.pixel_size == (0.5, 0.25)
        assert written.unit == "µm"


def test_probabilities_are_float32_in_the_order_of_the_classes(cli, model, cells, tmp_path):
    out = tmp_path / "out"
    cli("segment", cells, "-t", "bright", "-t", "low=dark", "--probabilities", "--out", out)
    maps = tifffile.imread(out / "cells_probabilities.tif")
    assert maps.shape == (2, 96, 96)
    assert maps.dtype == np.float32
    np.testing.assert_allclose(maps.sum(axis=0), 1, atol=1e-6)
    labels = tifffile.imread(out / "cells.tif")
    assert maps[0][labels == 1].mean() != pytest.approx(maps[1][labels == 1].mean())


def test_json_is_all_that_stdout_holds(cli, model, cells, tmp_path):
    done = cli("segment", cells, "-t", "bright", "--json", "--out", tmp_path / "out")
    (image,) = done.document["images"]
    assert image["n_objects"] == 3
    assert image["classes"] == {"bright": 3}
    assert image["labels"] == str(tmp_path / "out" / "cells.tif")
    assert image["error"] is None
    assert 0 < image["coverage"] < 0.5
    assert done.document["records"] == str(tmp_path / "out" / "proposals.json")


def test_semantic_labels_are_classes(cli, model, cells, tmp_path):
    out = tmp_path / "out"
    done = cli("segment", cells, "-t", "bright", "--semantic", "--json", "--out", out)
    assert np.unique(tifffile.imread(out / "cells.tif")).tolist() == [0, 1]
    assert done.document["images"][0]["n_objects"] == 1


def test_threshold_and_size_decide_what_is_an_object(cli, model, cells, tmp_path):
    out = tmp_path / "out"
    cli("segment", cells, "-t", "bright", "--threshold", "1", "--min-size", "1", "--out", out)
    few = np.count_nonzero(tifffile.imread(out / "cells.tif"))
    cli("segment", cells, "-t", "bright", "--min-size", "5000", "--out", out)
    none = np.count_nonzero(tifffile.imread(out / "cells.tif"))
    cli("segment", cells, "-t", "bright", "--out", out)
    many = np.count_nonzero(tifffile.imread(out / "cells.tif"))
    assert none == 0 < few < many


def test_references_make_classes_of_their_own(cli, model, cells, scene, tmp_path):
    mask = tmp_path / "mask.png"
    imsave(mask, (scene[1] == 1).astype(np.uint8), check_contrast=False)
    out = tmp_path / "out"
    done = cli("segment", cells, "-r", f"{cells}:{mask}:disc", "--json", "--out", out)
    assert done.document["images"][0]["classes"] == {"disc": 3}
    assert records(out)[0]["prompt"] == "1 reference"


def test_an_unnamed_reference_joins_the_only_class(cli, model, cells, scene, tmp_path):
    mask = tmp_path / "mask.png"
    imsave(mask, (scene[1] == 1).astype(np.uint8), check_contrast=False)
    out = tmp_path / "out"
    reference = f"{cells}:{mask}"
    cli("segment", cells, "-t", "disc=bright", "-r", reference, "--mix", "0.3", "--out", out)
    assert {record["prompt"] for record in records(out)} == {"bright; 1 reference"}
    two = cli("segment", cells, "-t", "bright", "-t", "dark", "-r", reference, "--out", out)
    assert two.code == 1
    assert "IMAGE:MASK:class" in two.err


def test_words_the_model_never_saw_are_told(cli, model, cells, tmp_path):
    done = cli("segment", cells, "-t", "unicorn", "--json", "--out", tmp_path / "out")
    assert done.code == 0
    assert "“unicorn”" in done.err
    assert any("“unicorn”" in notice for notice in done.document["notices"])


def test_axes_that_a_file_does_not_name_are_given(cli, model, cells, scene, tmp_path):
    path, out = tmp_path / "panel.tif", tmp_path / "out"
    panel = np.stack([np.zeros_like(scene[0]), scene[0]], axis=-1)
    tifffile.imwrite(path, panel.swapaxes(0, 1), photometric="minisblack")
    command = ("segment", path, "-t", "bright", "--channel", "1", "--out", out)
    assert "no channel axis" in cli(*command).err
    assert "names 4" in cli(*command, "--axes", "XYZC").err
    assert cli(*command, "--axes", "xyc").code == 0
    assert cli("segment", cells, "-t", "bright", "--out", out).code == 0
    np.testing.assert_array_equal(read_mask(out / "panel.tif"), read_mask(out / "cells.tif"))


def test_a_plane_of_a_stack_is_chosen(cli, model, scene, tmp_path):
    stack = tmp_path / "stack.tif"
    planes = np.stack([np.zeros_like(scene[0]), scene[0]])
    tifffile.imwrite(stack, planes, ome=True, metadata={"axes": "ZYX"})
    done = cli("segment", stack, "-t", "bright", "--out", tmp_path / "out")
    assert done.code == 1
    assert "--plane" in done.err
    done = cli("segment", stack, "-t", "bright", "--plane", "1", "--out", tmp_path / "out")
    assert done.code == 0
    assert read_mask(tmp_path / "out" / "stack.tif").max() == 3


def test_channels_are_chosen_and_coloured(cli, model, scene, tmp_path):
    path = tmp_path / "two.tif"
    flat = np.full_like(scene[0], 7)
    tifffile.imwrite(path, np.stack([flat, scene[0]]), ome=True, metadata={"axes": "CYX"})
    found = {}
    for name, options in {
        "empty": ["--channel", "0"],
        "discs": ["--channel", "1"],
        "green": ["--channel", "0", "--channel", "1=#00ff00", "--threshold", "0.2"],
    }.items():
        out = tmp_path / name
        done = cli("segment", path, "-t", "bright", "--out", out, *options)
        assert done.code == 0
        found[name] = read_mask(out / "two.tif").max()
    assert found == {"empty": 0, "discs": 3, "green": 3}


@pytest.mark.parametrize(
    ("spec", "said"), [("5", "channel 5"), ("red", "0=#00ff00"), ("0=red", "#rrggbb")]
)
def test_channels_that_are_none(cli, model, scene, tmp_path, spec, said):
    path = tmp_path / "two.tif"
    tifffile.imwrite(path, np.stack([scene[0]] * 2), ome=True, metadata={"axes": "CYX"})
    done = cli("segment", path, "-t", "bright", "--channel", spec, "--out", tmp_path / "out")
    assert done.code == 1
    assert said in done.err


def test_a_grayscale_image_has_no_channels(cli, model, cells, tmp_path):
    done = cli("segment", cells, "-t", "bright", "--channel", "0", "--out", tmp_path / "out")
    assert done.code == 1
    assert "--channel" in done.err


def test_a_failing_image_does_not_lose_the_others(cli, model, cells, tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"not an image")
    out = tmp_path / "out"
    done = cli("segment", broken, cells, "-t", "bright", "--json", "--out", out)
    assert done.code == 1
    assert [path.name for path in out.glob("*.tif")] == ["cells.tif"]
    assert {record["labels"] for record in records(out)} == {"cells.tif"}
    first, second = done.document["images"]
    assert first["error"]
    assert first["labels"] is None
    assert second["n_objects"] == 3


def test_a_later_run_replaces_its_own_files_and_keeps_the_other_records(
    cli, model, cells, scene, tmp_path
):
    other = tmp_path / "other.png"
    imsave(other, scene[0], check_contrast=False)
    out = tmp_path / "out"
    assert cli("segment", cells, other, "-t", "bright", "--out", out).code == 0
    before = [record for record in records(out) if record["labels"] == "other.tif"]
    assert cli("segment", cells, "-t", "dark", "--out", out).code == 0
    after = records(out)
    assert [record for record in after if record["labels"] == "other.tif"] == before
    assert {r["class"] for r in after if r["labels"] == "cells.tif"} == {"dark"}


def test_an_image_that_fails_later_keeps_its_earlier_labels(cli, model, cells, tmp_path):
    out = tmp_path / "out"
    cli("segment", cells, "-t", "bright", "--out", out)
    before = [(out / name).read_bytes() for name in ("cells.tif", "proposals.json")]
    cells.write_bytes(b"damaged since")
    assert cli("segment", cells, "-t", "dark", "--out", out).code == 1
    assert [(out / name).read_bytes() for name in ("cells.tif", "proposals.json")] == before


def test_an_interrupted_run_has_records_for_what_it_wrote(model, cells, scene, tmp_path):
    other = tmp_path / "other.png"
    imsave(other, scene[0], check_contrast=False)
    jobs = plan_jobs([cells, other], tmp_path / "out")
    work = segment_files(jobs, model, PromptTable.build("bright"))
    while not (tmp_path / "out" / "cells.tif").exists():
        next(work)
    work.close()
    assert {record["labels"] for record in records(tmp_path / "out")} == {"cells.tif"}


def test_interrupt_says_so_and_exits_130(cli, model, cells, tmp_path, monkeypatch):
    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(model, "encode_steps", interrupted)
    done = cli("segment", cells, "-t", "bright", "--out", tmp_path / "out")
    assert done.code == 130
    assert "Interrupted" in done.err
    assert "Traceback" not in done.err
