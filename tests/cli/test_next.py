"""``napari-vlseg next``, and the estimate that `status` tells."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_vlseg.corrections.worklist import WorklistFile
from napari_vlseg.workflow.disk_cache import LIMIT_VARIABLE
from tests.fakes import BrightnessSegmenter

from .conftest import Command


@pytest.fixture
def project(tmp_path: Path, cli: Command) -> Path:
    """Four images of bright discs."""
    folder = tmp_path / "plate"
    folder.mkdir()
    rows, cols = np.mgrid[:96, :96]
    for number in range(4):
        disc = (rows - 30) ** 2 + (cols - 20 - 10 * number) ** 2 < 120
        image = np.repeat(np.where(disc, 230, 10).astype(np.uint8)[..., None], 3, axis=2)
        tifffile.imwrite(folder / f"{number}.tif", image, photometric="rgb")
    cli("project", folder, "--out", tmp_path / "p")
    return tmp_path / "p"


def test_images_are_named_with_reasons(
    cli: Command, model: BrightnessSegmenter, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(LIMIT_VARIABLE, "1")
    asked = ("next", project, "--text", "bright", "--cache", project.with_name("cache"))
    done = cli(*asked, "--json", "-n", 3)
    assert done.code == 0, done.err
    document = done.document
    assert document["order"] == "typical"
    assert document["left"] == 4
    assert len({image["position"] for image in document["images"]}) == 3
    assert "look alike" in document["images"][0]["reason"]
    n_encoded = model.n_encoded
    table = cli(*asked, "--order", "random").out
    assert model.n_encoded == n_encoded, "what was looked at is not looked at again"
    assert "by chance" in table
    assert "3.tif" in table


def test_regions_of_the_image_that_comes_next(
    cli: Command, model: BrightnessSegmenter, project: Path
) -> None:
    asked = ("next", project, "-t", "bright", "--regions", "--side", 48, "--order", "uncertain")
    document = cli(*asked, "--json").document
    assert document["left"] == 4
    region = document["regions"][0]["region"]
    assert (region["height"], region["width"]) == (48, 48)
    assert "height" in cli(*asked).out


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (("--order", "best"), "typical, uncertain, random"),
        (("-n", 0), "1 or more"),
        ((), "no prompt"),
    ],
)
def test_what_can_not_be_asked_is_told(
    cli: Command, model: BrightnessSegmenter, project: Path, options: tuple[object, ...], word: str
) -> None:
    done = cli("next", project, *options)
    assert done.code == 1
    assert word in done.err.replace("\n", " ")


def test_nothing_left_is_said(cli: Command, model: BrightnessSegmenter, project: Path) -> None:
    def finished(found):  # type: ignore[no-untyped-def]
        for place in range(4):
            found = found.with_item(place, status="done")
        return found

    WorklistFile(project).change(finished)
    assert "No image is left" in cli("next", project, "-t", "bright").out


def test_status_tells_why_there_is_no_estimate(
    cli: Command, model: BrightnessSegmenter, project: Path
) -> None:
    assert cli("status", project, "--json").document["quality"] is None
    asked = cli("status", project, "--wanted", 0.9, "--json").document["quality"]
    assert asked["estimate"] is None
    assert "mark 5 as done" in asked["says"]
