"""Contact sheets of best and worst cases."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_vlseg.errors import ImageError
from napari_vlseg.events import Progress, run
from napari_vlseg.training.dsb2018 import NucleiImage
from napari_vlseg.training.pictures import (
    FOUND_COLOUR,
    TRUTH_COLOUR,
    Case,
    contact_sheet,
    save_sheet,
    worst_cases,
)
from tests.fakes import BrightnessSegmenter


def case(name: str, right: int, shape: tuple[int, int] = (60, 80)) -> Case:
    """A square of 20 × 20 of which `right` columns are found."""
    truth, found = np.zeros(shape, bool), np.zeros(shape, bool)
    truth[20:40, 20:40] = True
    found[20:40, 20 : 20 + right] = True
    return Case(name, np.full((*shape, 3), 0.2, np.float32), truth, found)


def has(part: np.ndarray, colour: tuple[int, int, int]) -> bool:
    return bool((part == colour).all(axis=-1).any())


def test_a_case_scores_itself_and_refuses_masks_of_another_image():
    assert case("half", 10).iou == 0.5
    good = case("good", 20)
    with pytest.raises(ImageError, match="give masks of that image"):
        Case("odd", good.plane, good.truth, good.found[1:])


def test_the_worst_case_is_above_the_best_whatever_their_order(monkeypatch):
    cases = [case(f"case {right}", right) for right in (15, 0, 20, 5)]
    written = written_lines(monkeypatch)
    sheet = contact_sheet(cases, k=1)
    assert sheet.dtype == np.uint8
    assert [line for line in written if line.startswith("IoU")] == [
        "IoU 0.00, case 0",
        "IoU 1.00, case 20",
    ]
    worst, best = np.array_split(sheet, 2)
    assert has(worst, TRUTH_COLOUR)
    assert not has(worst, FOUND_COLOUR)
    assert has(best, FOUND_COLOUR)


def test_no_case_is_shown_twice(monkeypatch):
    written = written_lines(monkeypatch)
    contact_sheet([case(f"case {right}", right) for right in (1, 2, 3)], k=9)
    names = [line.split(", ")[1] for line in written if line.startswith("IoU")]
    assert names == ["case 1", "case 2", "case 3"]


def test_one_case_is_a_sheet_and_none_is_an_error():
    assert contact_sheet([case("only", 3, (300, 90))]).shape[2] == 3
    with pytest.raises(ImageError, match="give a case or more"):
        contact_sheet([])
    with pytest.raises(ImageError, match="k ≥ 1"):
        contact_sheet([case("only", 3)], k=0)


def test_a_model_is_asked_about_every_image(scene, monkeypatch):
    image, labels = scene
    rgb = np.repeat(np.asarray(image, np.uint8)[..., np.newaxis], 3, axis=-1)
    images = [
        NucleiImage("a", "purple_on_white", "1", rgb, labels.astype(np.int32)),
        NucleiImage("b", "fluorescence", "2", rgb, np.zeros_like(labels, np.int32)),
    ]
    model = BrightnessSegmenter()
    written = written_lines(monkeypatch)
    events: list[object] = []
    run(worst_cases(model, images, 1, phrase="bright"), events.append)
    assert model.n_encoded == 2
    assert [event.done for event in events if isinstance(event, Progress)] == [1, 2]
    shown = [line for line in written if line.startswith("IoU")]
    assert shown[0] == "IoU 0.00, fluorescence"
    assert shown[1].endswith("purple on white")
    assert float(shown[1][4:8]) > 0.5


def test_a_sheet_is_written_small_enough(tmp_path: Path):
    noise = np.random.default_rng(0).integers(0, 255, (200, 300, 3), dtype=np.uint8)
    save_sheet(noise, tmp_path / "best.webp")
    best = (tmp_path / "best.webp").stat().st_size
    save_sheet(noise, tmp_path / "small.webp", max_bytes=best - 1)
    assert (tmp_path / "small.webp").stat().st_size < best
    with Image.open(tmp_path / "small.webp") as picture:
        assert picture.size == (300, 200)
    with pytest.raises(ImageError, match="show fewer cases"):
        save_sheet(noise, tmp_path / "tiny.webp", max_bytes=100)
    assert not (tmp_path / "tiny.webp").exists()


def written_lines(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is written on sheets from now on."""
    lines: list[str] = []
    monkeypatch.setattr(
        "napari_vlseg.training.pictures._write", lambda sheet, corner, text: lines.append(text)
    )
    return lines
