"""What is computed for the documentation while it is built: the gallery, and numbers of models."""

from __future__ import annotations

import importlib
import json
import re
import socket
from io import BytesIO
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from napari_vlseg.models.spec import BUILT_IN, bundled_folder, suggested_click_model

ROOT = Path(__file__).parents[1]
HOOKS = ROOT / "docs" / "hooks"


@pytest.fixture(scope="module")
def hooks():
    """Imports a module of the hooks, as mkdocs does."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(HOOKS)
        yield importlib.import_module


@pytest.fixture(scope="module")
def marks(hooks) -> ModuleType:
    return hooks("marks")


def test_one_entry_is_asked_drawn_and_described(hooks):
    gallery, entries = hooks("gallery"), hooks("entries")
    entry = next(entry for entry in entries.ENTRIES if entry.name == "lesions")
    shown = gallery.exhibit(entry)
    with Image.open(BytesIO(shown.picture)) as picture:
        assert picture.format == "WEBP"
        rgb = np.asarray(picture.convert("RGB")).astype(int)
    left, right = np.array_split(rgb, 2, axis=1)
    assert colourful(left)  # the marks
    assert colourful(right) == (shown.n_objects > 0)
    text = gallery.as_markdown([shown])
    assert text.startswith(f"## {gallery._SECTIONS[shown.verdict.grade]}\n")
    assert "](gallery/lesions.webp)" in text
    for part in ("“dark spots”", shown.verdict.sentence, entry.caption, "CC0", "A. Maier"):
        assert part in text


def colourful(picture: np.ndarray) -> bool:
    """Whether a part of a grey picture has a colour."""
    return bool((np.ptp(picture, axis=-1) > 60).any())


def test_every_picture_comes_with_scikit_image(hooks, monkeypatch, tmp_path):
    def refuse(*_: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setenv("SKIMAGE_DATADIR", str(tmp_path / "none"))
    names = []
    for entry in hooks("entries").ENTRIES:
        image = entry.picture.load()
        entry.marks.judge(np.zeros(image.shape[:2], np.int32))  # no mark is outside
        assert image.dtype == np.uint8
        assert entry.picture.licence
        names.append(entry.name)
    assert len(set(names)) == len(names)


def test_reduced_pictures_are_means(hooks):
    pictures = hooks("pictures")
    whole = pictures.RETINA.part(0, 400, 100, 601).load()
    half = pictures.RETINA.part(0, 400, 100, 601, step=2).load()
    assert half.shape == (50, 100, 3)
    assert np.abs(half[3, 5] - whole[6:8, 10:12].mean(axis=(0, 1))).max() <= 0.5


def test_objects_count_by_overlap_and_strangers_count_where_all_are_marked(marks):
    ellipses = ((20, 20, 10, 10), (20, 60, 6, 12, 30))
    truth = marks.Objects(ellipses)._truth((40, 80))
    assert marks.Objects(ellipses).judge(truth).grade == "good"
    assert (np.bincount(truth.ravel())[1:] - np.pi * np.array([100, 72])).max() < 15
    assert truth[18, 68] == 2  # 30 degrees: the right end is up
    assert truth[22, 68] == 0
    strangers = truth.copy()
    strangers[0, 0], strangers[39, 79] = 3, 4
    judged = marks.Objects(ellipses).judge(strangers)
    assert judged.sentence.startswith("2 of 2")
    assert "2 of the outlines found are no marked object" in judged.sentence
    assert judged.grade == "poor"
    assert marks.Objects(ellipses, complete=False).judge(strangers).grade == "good"
    assert marks.Objects(ellipses).judge(truth * 0).grade == "poor"


@pytest.mark.parametrize(
    ("covered", "grade"),
    [((0, 10), "good"), ((0, 6), "mixed"), ((0, 20), "poor"), ((0, 0), "poor")],
)
def test_points_weigh_what_is_covered_against_what_should_not_be(marks, covered, grade):
    labels = np.zeros((20, 1), np.int32)
    labels[slice(*covered)] = 1
    points = marks.Points([(row, 0) for row in range(10)], [(row, 0) for row in range(10, 20)])
    judged = points.judge(labels)
    assert judged.grade == grade
    assert judged.sentence.startswith(f"{min(covered[1], 10)} of 10 points")


@pytest.mark.parametrize(("rows", "grade"), [(1, "good"), (20, "mixed"), (21, "poor")])
def test_where_nothing_is_right_the_area_decides(marks, rows, grade):
    labels = np.zeros((1000, 2), np.int32)
    labels[:rows] = 7
    assert marks.Nothing().judge(labels).grade == grade


def test_numbers_come_from_the_report(hooks):
    fill = hooks("facts").fill
    report = json.loads((bundled_folder("vlseg-mini") / "report.json").read_text("utf-8"))
    nuclei = report["nuclei"]["present"]["nuclei"]
    assert fill("{{ report vlseg-mini: nuclei/present/nuclei/iou }}") == f"{nuclei['iou']:.3f}"
    assert fill("IoU {{ report vlseg-mini: nuclei/present/nuclei/iou | .1% }}.") == (
        f"IoU {nuclei['iou']:.1%}."
    )
    assert fill("{{ report vlseg-mini: model }}") == "vlseg-mini"
    assert fill("{{ about clipseg-rd64: licence }}") == "Apache-2.0"
    row = f"| nuclei | {nuclei['n']} | {nuclei['iou']:.3f} | {nuclei['dice']:.3f} |"
    assert row in fill("{{ scores vlseg-mini: nuclei/present }}").splitlines()
    assert fill("{% raw %} {x} {{ not ours }}") == "{% raw %} {x} {{ not ours }}"


def test_a_table_has_the_columns_that_all_rows_have(hooks, monkeypatch):
    facts = hooks("facts")
    row = {"n": 7, "mean": 0.81234, "above_half": 0.5, "by_kind": {"fluorescence": 0.9}}
    report = {"nuclei": {"scores": {"1 click": row, "box": row | {"dice": 0.9}}}}
    monkeypatch.setattr(facts, "_report", lambda model: report)
    assert facts.fill("{{ scores sam-mini: nuclei/scores }}").splitlines() == [
        "| prompt | asked | mean IoU | share above IoU 0.5 |",
        "|---|---|---|---|",
        "| 1 click | 7 | 0.812 | 0.500 |",
        "| box | 7 | 0.812 | 0.500 |",
    ]


def test_parts_about_absent_models_are_left_out(hooks):
    text = "a\n<!-- with {0} -->\nb {{{{ about {0}: name }}}}\n<!-- end -->\nc\n"
    facts = hooks("facts")
    assert facts.fill(text.format("clipseg-rd64")) == "a\nc\n"
    assert facts.fill(text.format("vlseg-mini")) == "a\nb vlseg-mini\nc\n"
    assert "vlseg-mini" in facts.bundled()


@pytest.mark.parametrize(
    ("call", "named"),
    [
        ("report vlseg-mini: nuclei/absnt", "absnt"),
        ("about no-such-model: licence", "no-such-model"),
        ("guess vlseg-mini: model", "guess"),
    ],
)
def test_a_number_that_does_not_exist_stops_the_build(hooks, call, named):
    with pytest.raises(LookupError, match=named):
        hooks("facts").fill(f"{{{{ {call} }}}}")


def test_every_number_of_the_pages_exists(hooks):
    for page in sorted((ROOT / "docs").rglob("*.md")):
        assert "{{" not in hooks("facts").fill(page.read_text("utf-8")), page.name


def test_models_are_listed_with_licence_and_size(hooks):
    rows = hooks("facts").models("clicks").splitlines()[2:]
    names = [spec.name for spec in BUILT_IN if spec.task == "clicks"]
    assert [row.split("`")[1] for row in rows] == names
    assert "| BSD-3-Clause | 7.1 MB | bundled |" in rows[0]
    assert all("| Apache-2.0 |" in row and row.endswith("first used |") for row in rows[1:])
    with pytest.raises(LookupError, match="pictures"):
        hooks("facts").models("pictures")


@pytest.mark.parametrize("device", ["cpu", "mps", "cuda"])
def test_the_page_of_models_names_what_is_suggested(device, monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.setattr("napari_vlseg.models.devices.choose_device", torch.device)
    page = (ROOT / "docs" / "choosing-a-model.md").read_text("utf-8")
    said = page.split("the click model follows the device", 1)[1].split("\n\n", 1)[0]
    assert f"`{suggested_click_model(device)}`" in said


def test_every_picture_is_drawn_once_and_shown(hooks, monkeypatch):
    figures = hooks("figures")
    pages = "".join(page.read_text("utf-8") for page in (ROOT / "docs" / "prompts").glob("*.md"))
    assert set(re.findall(r"<!-- picture (\S+) -->", pages)) == set(figures.FIGURES)
    assert figures.ALBUM.markdown("text").endswith("](pictures/text.webp)")
    with pytest.raises(LookupError, match="nothing-like-it"):
        figures.ALBUM.markdown("nothing-like-it")


def test_the_pictures_of_the_tutorial_show_what_it_does(hooks):
    lessons = hooks("lessons")
    page = (ROOT / "docs" / "tutorial.md").read_text("utf-8")
    assert set(re.findall(r"<!-- lesson (\S+) -->", page)) == set(lessons.LESSONS)
    assert "painted_pool(1, n_work=10, n_test=6)" in page
    assert [len(plane.objects) for plane in lessons.corrections()] == [3] * 5
    with pytest.raises(LookupError, match="nothing-like-it"):
        lessons.ALBUM.markdown("nothing-like-it")


def test_the_page_of_keys_has_what_the_window_has(hooks):
    window = pytest.importorskip("napari_vlseg.ui.keys", reason="Qt is needed to ask the window")
    shortcuts = hooks("shortcuts")
    assert shortcuts.entries("everywhere") == [(key.qt, key.text) for key in window.KEYS]
    assert shortcuts.entries("clicks") == [(key, text) for _, key, text in window.CLICK_KEYS]
    assert shortcuts.entries("mouse") == list(window.CLICK_GESTURES)
    assert shortcuts.entries("review") == [(key, text) for _, key, text in window.REVIEW_KEYS]
    page = (ROOT / "docs" / "keys.md").read_text("utf-8")
    groups = ("everywhere", "clicks", "mouse", "review")
    assert all(f"<!-- keys {group} -->" in page for group in groups)


def test_keys_are_shown_one_by_one(hooks):
    shown = hooks("shortcuts").table("everywhere")
    assert "| <kbd>Ctrl</kbd>+<kbd>Enter</kbd> | Segment (the plane in view) |" in shown
    with pytest.raises(LookupError, match="sideways"):
        hooks("shortcuts").table("sideways")


def test_clicks_are_answered_as_in_the_window(hooks):
    panels = hooks("figures").FIGURES["points"].panels()
    *candidates, corrected = panels
    assert len(candidates) == 3
    assert all(panel.labels[117, 172] for panel in candidates)
    assert not corrected.labels[108, 209]


def test_panels_stand_side_by_side_and_marks_lie_on_their_pixels(hooks):
    drawing = hooks("drawing")
    plane, labels = np.zeros((40, 60, 3), np.float32), np.zeros((40, 60), int)
    labels[10:20, 30:40] = 7
    asked = drawing.Panel(plane, draw=lambda pen: pen.dot(15, 35, "#ffffff"))
    found = drawing.Panel(plane, labels, window=(0, 20, 40, 60))
    with Image.open(BytesIO(drawing.side_by_side([asked, found], 120))) as picture:
        rgb = np.asarray(picture.convert("RGB")).astype(int)
    assert rgb.shape == (120, 120 + 8 + 120, 3)
    rows, cols = np.nonzero(rgb[:80, :120].min(axis=-1) > 200)  # below it is nothing
    assert abs(rows.mean() - 31) < 1.5  # (row + 0.5) · 2
    assert abs(cols.mean() - 71) < 1.5
    rows, cols = np.nonzero(np.ptp(rgb[:, 128:], axis=-1) > 30)
    assert (rows.min(), cols.min()) == pytest.approx((30, 30), abs=3)
    assert (rows.max(), cols.max()) == pytest.approx((59, 59), abs=3)


class Patches:
    """Outlines 9 × 9 pixels around a click, or a whole box; sure of clicks to the right."""

    def encode(self, plane):
        return plane.shape[:2]

    def predict(self, shape, points=None, boxes=None, multimask=True):
        if boxes is not None:
            assert not multimask
            return [self._proposal(shape, *np.round(box + 0.5).astype(int)) for box in boxes]
        ((row, col),) = points
        best = self._proposal(shape, row - 4, col - 4, row + 5, col + 5)
        return [best, self._proposal(shape, 0, 0, *shape)]

    def _proposal(self, shape, top, left, bottom, right):
        mask = np.zeros(shape, bool)
        mask[top:bottom, left:right] = True
        return SimpleNamespace(mask=mask, score=left / shape[1])


def test_clicks_and_boxes_become_labels(hooks, monkeypatch):
    asking = hooks("asking")
    monkeypatch.setattr(asking, "sam_mini", Patches)
    image = np.zeros((40, 60), np.uint8)
    clicked = asking.ByClicks([(10, 30), (10, 20), (30, 35)]).find(image)
    assert np.bincount(clicked.ravel()).tolist() == [2400 - 243, 81, 81, 81]
    assert (clicked[10, 30], clicked[30, 35]) == (1, 3)
    overlapping = asking.ByClicks([(10, 23), (10, 20)]).find(image)
    assert (overlapping[10, 19:28] == 1).all()  # of the higher score
    boxed = asking.ByBoxes([(0, 0, 5, 10), (20, 20, 30, 30)]).find(image)
    assert np.bincount(boxed.ravel()).tolist() == [2400 - 150, 50, 100]


def test_the_gallery_shows_the_models_that_are_bundled(hooks, monkeypatch):
    gallery = hooks("gallery")
    monkeypatch.setattr(gallery, "exhibit", lambda entry: entry)
    for name in ("vlseg-mini", "sam-mini"):
        gallery.exhibits.cache_clear()
        monkeypatch.setattr(gallery, "bundled", lambda name=name: {name, "another"})
        assert {entry.prompt.model for entry in gallery.exhibits()} == {name}
    gallery.exhibits.cache_clear()
