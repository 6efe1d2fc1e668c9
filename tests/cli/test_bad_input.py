"""Whatever a person gets wrong is one sentence and an exit code, and costs no file."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from skimage.io import imsave

from tests.models.tiny import save_checkpoint


def assert_refused(done, code=1):
    assert done.code == code
    assert done.out == ""
    lines = [line for line in done.err.splitlines() if line.strip()]
    assert 1 <= len(lines) <= 2  # the image's own sentence, and how many failed
    assert "Traceback" not in done.err
    assert "--debug" not in done.err  # a sentence of ours, not an unexpected exception


def missing(path):
    return path


def text_file(path):
    path.write_text("once upon a time")
    return path


def truncated(path):
    tifffile.imwrite(path, np.zeros((64, 64), np.uint16))
    path.write_bytes(path.read_bytes()[:200])
    return path


def nothing(path):
    path.write_bytes(b"")
    return path


def no_pixels(path):
    tifffile.imwrite(path, np.zeros((0, 8), np.uint8))
    return path


def seven_dimensional(path):
    axes = {"axes": "RTZCAYX"}
    tifffile.imwrite(path, np.zeros((2, 2, 2, 2, 2, 16, 16), np.uint8), metadata=axes)
    return path


def only_nan(path):
    tifffile.imwrite(path, np.full((32, 32), np.nan, np.float32))
    return path


def folder(path):
    path.mkdir()
    return path


@pytest.mark.parametrize(
    "make",
    [missing, text_file, truncated, nothing, no_pixels, seven_dimensional, only_nan, folder],
)
def test_images_that_are_none(cli, model, tmp_path, make):
    image = make(tmp_path / "image.tif")
    done = cli("segment", image, "--text", "bright", "--out", tmp_path / "out")
    assert_refused(done)
    assert not list((tmp_path / "out").glob("*"))


@pytest.mark.parametrize("text", ["", "  ", "=", ";-", "class=", "-bright"])
def test_empty_prompts(cli, model, cells, unchanged, text):
    assert_refused(cli("segment", cells, "--text", text, "--out", unchanged.parent))


def test_no_prompt_at_all(cli, model, cells, unchanged):
    assert_refused(cli("segment", cells, "--out", unchanged.parent))


def test_a_mask_of_another_shape(cli, model, cells, unchanged, tmp_path):
    mask = tmp_path / "mask.png"
    imsave(mask, np.ones((5, 7), np.uint8), check_contrast=False)
    done = cli("segment", cells, "-r", f"{cells}:{mask}", "--out", unchanged.parent)
    assert_refused(done)
    assert "(5, 7)" in done.err
    assert "(96, 96)" in done.err


def test_an_empty_mask(cli, model, cells, unchanged, tmp_path):
    mask = tmp_path / "mask.png"
    imsave(mask, np.zeros((96, 96), np.uint8), check_contrast=False)
    assert_refused(cli("segment", cells, "-r", f"{cells}:{mask}", "--out", unchanged.parent))


@pytest.mark.parametrize("reference", ["cells.tif", "a.tif:", ":", "a.tif:missing.png:b"])
def test_references_that_are_none(cli, model, cells, unchanged, reference):
    assert_refused(cli("segment", cells, "-r", reference, "--out", unchanged.parent))


def test_labels_from_elsewhere_are_never_overwritten(cli, model, cells, unchanged):
    done = cli("segment", cells, "-t", "bright", "--out", unchanged.parent)
    assert_refused(done)
    assert "not overwritten" in done.err


def test_labels_that_another_program_saved_again_are_kept(cli, model, cells, tmp_path):
    out = tmp_path / "out"
    cli("segment", cells, "-t", "bright", "--out", out)
    corrected = np.eye(96, dtype=np.uint8)
    tifffile.imwrite(out / "cells.tif", corrected)
    assert_refused(cli("segment", cells, "-t", "bright", "--out", out))
    np.testing.assert_array_equal(tifffile.imread(out / "cells.tif"), corrected)


def test_an_image_is_never_overwritten_by_its_labels(cli, model, cells):
    before = cells.read_bytes()
    assert_refused(cli("segment", cells, "-t", "bright", "--out", cells.parent))
    assert cells.read_bytes() == before


def test_two_images_of_one_name(cli, model, cells, scene, tmp_path):
    twin = tmp_path / "cells.png"
    imsave(twin, scene[0], check_contrast=False)
    done = cli("segment", cells, twin, "-t", "bright", "--out", tmp_path / "out")
    assert_refused(done)
    assert str(twin) in done.err
    assert not (tmp_path / "out").exists()


def test_records_of_something_else(cli, model, cells, tmp_path):
    records = tmp_path / "out" / "proposals.json"
    records.parent.mkdir()
    records.write_text('{"mine": 1}')
    assert_refused(cli("segment", cells, "-t", "bright", "--out", tmp_path / "out"))
    assert records.read_text() == '{"mine": 1}'
    assert not (tmp_path / "out" / "cells.tif").exists()


def test_a_folder_that_is_a_file(cli, model, cells, unchanged):
    assert_refused(cli("segment", cells, "-t", "bright", "--out", unchanged))


def test_a_folder_that_cannot_be_written(cli, model, cells, tmp_path, monkeypatch):
    def refuse(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tifffile.imwrite", refuse)
    done = cli("segment", cells, "-t", "bright", "--out", tmp_path / "out")
    assert_refused(done)
    assert "read-only" in done.err
    assert not list((tmp_path / "out").iterdir())


def test_an_unknown_model_or_template(cli, model, cells, unchanged, tmp_path):
    out = tmp_path / "out"
    assert_refused(cli("segment", cells, "-t", "bright", "--model", "unknown", "--out", out))
    done = cli("segment", cells, "-t", "bright", "--template", "sonnet", "--out", out)
    assert_refused(done)
    assert "microscopy" in done.err


def test_a_corrupt_checkpoint(cli, cells, unchanged, tmp_path):
    folder = save_checkpoint(tmp_path / "model")
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    done = cli("segment", cells, "-t", "cell", "--model", folder, "--out", tmp_path / "out")
    assert_refused(done)


def test_a_pickle_posing_as_weights_is_not_run(cli, cells, unchanged, tmp_path):
    import os
    import pickle

    class Bomb:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "ran"),))

    folder = save_checkpoint(tmp_path / "model")
    bomb = pickle.dumps(Bomb())
    (folder / "model.safetensors").write_bytes(bomb)
    out = tmp_path / "out"
    assert_refused(cli("segment", cells, "-t", "cell", "--model", folder, "--out", out))
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(bomb)
    assert_refused(cli("segment", cells, "-t", "cell", "--model", folder, "--out", out))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "option",
    [
        ["--threshold", "1.5"],
        ["--threshold", "high"],
        ["--mix", "-1"],
        ["--min-size", "-2"],
        ["--unheard-of"],
    ],
)
def test_wrong_calls_exit_with_2(cli, model, cells, option, tmp_path):
    done = cli("segment", cells, "-t", "bright", "--out", tmp_path / "out", *option)
    assert done.code == 2
    assert done.out == ""
    assert "Traceback" not in done.err


@pytest.mark.parametrize("plane", ["x", "1,-2", "1.5"])
def test_a_plane_is_whole_numbers(cli, model, cells, plane, tmp_path):
    out = tmp_path / "out"
    assert_refused(cli("segment", cells, "-t", "bright", "--plane", plane, "--out", out))


def test_errors_are_json_too(cli, model, cells, tmp_path):
    done = cli("segment", cells, "--text", "", "--json", "--out", tmp_path / "out")
    assert done.code == 1
    assert done.document["error"]["type"] == "PromptError"
    assert done.document["error"]["message"] in done.err.replace("\n", " ")


def test_an_unexpected_exception_is_one_sentence(cli, model, cells, tmp_path, monkeypatch):
    def fail(*args, **kwargs):
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr(model, "encode_steps", fail)
    done = cli("segment", cells, "-t", "bright", "--out", tmp_path / "out")
    assert done.code == 1
    assert "ZeroDivisionError" in done.err
    assert "--debug" in done.err
    assert "Traceback" not in done.err
