"""The question as a table: short forms, references, JSON, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_vlseg.errors import PromptError
from napari_vlseg.images import Channel
from napari_vlseg.prompts import (
    TEMPLATES,
    ClassPrompt,
    PromptTable,
    ReferencePrompt,
    parse_class,
)

words = st.text(
    st.characters(categories=["L", "N"], include_characters=" -=;,'\"é“{}"), min_size=1, max_size=12
)


def region(seed: int = 0, shape: tuple[int, int] = (40, 50)) -> tuple[np.ndarray, np.ndarray]:
    image = np.random.default_rng(seed).random((*shape, 3), np.float32)
    mask = np.zeros(shape, bool)
    mask[10:20, 15:30] = True
    return image, mask


def test_channels_and_their_contrast_are_saved_with_the_prompts() -> None:
    channels = (Channel(2, "#00ff00", (100.0, 900.0)), Channel(0))
    table = replace(PromptTable.build("nuclei"), channels=channels)
    assert PromptTable.from_json(table.to_json()) == table
    document = json.loads(table.to_json())
    del document["channels"]  # as older versions wrote it
    assert PromptTable.from_json(json.dumps(document)) == PromptTable.build("nuclei")
    for wrong in ({"index": 0}, {"index": 0, "color": "green", "contrast": None}, 7):
        with pytest.raises(PromptError, match="not a napari-vlseg prompt file"):
            PromptTable.from_json(json.dumps({**document, "channels": [wrong]}))


def test_reference_keeps_the_region_with_a_margin_and_nothing_else() -> None:
    image, mask = region(shape=(100, 120))
    reference = ReferencePrompt.from_region(image, mask, "cells.tif")
    assert reference.image.shape == (35, 45, 3)
    assert reference.image.dtype == np.uint8
    assert reference.mask.sum() == mask.sum()
    assert reference.source == "cells.tif"
    np.testing.assert_allclose(
        reference.image[reference.mask] / 255, image[mask], atol=0.5 / 255 + 1e-6
    )


def test_large_references_are_made_smaller() -> None:
    image = np.zeros((1200, 900, 3), np.float32)
    mask = np.zeros((1200, 900), bool)
    mask[100:1100, 100:700] = True
    reference = ReferencePrompt.from_region(image, mask)
    assert max(reference.mask.shape) == 512
    assert reference.mask.mean() == pytest.approx(mask.mean(), rel=0.02)


def test_a_thin_region_survives_being_made_smaller() -> None:
    mask = np.zeros((1500, 1500), bool)
    mask[700, 10:1490] = True
    reference = ReferencePrompt.from_region(np.zeros((1500, 1500, 3), np.float32), mask)
    assert reference.mask.any(axis=0).sum() > 500
    assert reference.mask.any(axis=1).sum() <= 3


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (np.zeros((40, 50)), "empty"),
        (np.ones((50, 40)), r"\(50, 40\)"),
        (np.ones((40, 50, 3)), r"\(40, 50, 3\)"),
    ],
)
def test_regions_that_show_nothing_are_refused(mask: np.ndarray, message: str) -> None:
    with pytest.raises(PromptError, match=message):
        ReferencePrompt.from_region(region()[0], mask)


def test_equal_references_are_equal() -> None:
    first, same = (ReferencePrompt.from_region(*region()) for _ in range(2))
    image, mask = region()
    mask[25, 25] = True
    others = [ReferencePrompt.from_region(*region(1)), ReferencePrompt.from_region(image, mask)]
    assert first == same
    assert hash(first) == hash(same)
    assert all(first != other for other in others)
    assert ReferencePrompt.from_dict(first.to_dict()) == first


@pytest.mark.parametrize(
    ("spec", "name", "phrases"),
    [
        ("nuclei", "nuclei", ["nuclei"]),
        (" nuclei , cells ", "nuclei", ["nuclei", "cells"]),
        ("n=nuclei,cell nuclei;-debris", "n", ["nuclei", "cell nuclei", "-debris"]),
        ("n=nuclei;-debris,-dust", "n", ["nuclei", "-debris", "-dust"]),
        ("nuclei;-debris", "nuclei", ["nuclei", "-debris"]),
        ("-debris;nuclei", "nuclei", ["-debris", "nuclei"]),
        ("n=a=b", "n", ["a=b"]),
        ("n=a,,;", "n", ["a"]),
    ],
)
def test_a_class_in_short_form(spec: str, name: str, phrases: list[str]) -> None:
    assert parse_class(spec) == (name, phrases)


@pytest.mark.parametrize("spec", ["", "  ", "=", "=nuclei", "n=", "n=;,", "-", "-debris", ";-"])
def test_an_empty_short_form_is_refused(spec: str) -> None:
    with pytest.raises(PromptError, match="empty"):
        parse_class(spec)


def test_all_short_forms_of_a_table_mean_the_same() -> None:
    expected = ClassPrompt("n", ("nuclei", "cell nuclei"), ("debris",))
    for text in (
        "n=nuclei,cell nuclei;-debris",
        ["n=nuclei,cell nuclei", "n=-debris"],
        {"n": ["nuclei", "cell nuclei", "-debris"]},
        {"n": "nuclei,cell nuclei;-debris"},
    ):
        assert PromptTable.build(text).rows == (expected,)


def test_rows_get_colours_mix_threshold_and_references() -> None:
    reference = ReferencePrompt.from_region(*region())
    table = PromptTable.build(
        ["nuclei", "fibres"], {"fibres": [reference], "dust": [reference]}, mix=0.3, threshold=0.4
    )
    assert [row.name for row in table.rows] == ["nuclei", "fibres", "dust"]
    assert [len(row.references) for row in table.rows] == [0, 1, 1]
    assert len({row.color for row in table.rows}) == 3
    assert {(row.mix, row.threshold) for row in table.rows} == {(0.3, 0.4)}


@pytest.mark.parametrize(
    "text", [None, "", [], {}, {"n": []}, {"n": ["-debris"]}, {"n": " "}, ["nuclei", "n=-dust"]]
)
def test_a_table_that_asks_for_nothing_is_refused(text: Any) -> None:
    with pytest.raises(PromptError, match=r"empty|nothing to look for"):
        PromptTable.build(text)


def test_only_visible_rows_that_ask_for_something_are_active() -> None:
    shown = ClassPrompt("a", ("nuclei",))
    table = PromptTable((ClassPrompt("b"), shown, ClassPrompt("c", ("dust",), visible=False)))
    assert table.active == (shown,)
    with pytest.raises(PromptError, match="empty"):
        _ = PromptTable((ClassPrompt("b"),)).active


def test_a_row_replaces_the_one_of_its_name_in_place() -> None:
    table = PromptTable((ClassPrompt("a"), ClassPrompt("b")))
    changed = table.with_row(ClassPrompt("a", ("x",)))
    assert [row.name for row in changed.rows] == ["a", "b"]
    assert changed.rows[0].phrases == ("x",)
    assert [row.name for row in table.with_row(ClassPrompt("c")).rows] == ["a", "b", "c"]
    assert table.rows[0].phrases == ()


def test_a_prompt_is_described_on_one_line() -> None:
    reference = ReferencePrompt.from_region(*region())
    row = ClassPrompt("n", ("nuclei", "cells"), ("dust",), (reference,))
    assert row.describe() == "nuclei, cells; not dust; 1 reference"
    assert ClassPrompt("n", references=(reference, reference)).describe() == "2 references"


@given(
    st.lists(
        st.builds(
            ClassPrompt,
            words.filter(str.strip),
            st.tuples(words),
            st.tuples(words, words),
            mix=st.floats(0, 1),
            threshold=st.none() | st.floats(0, 1),
            visible=st.booleans(),
        ),
        unique_by=lambda row: row.name,
        max_size=4,
    )
)
def test_a_table_survives_json(rows: list[ClassPrompt]) -> None:
    table = PromptTable(tuple(rows), TEMPLATES["microscopy"])
    assert PromptTable.from_json(table.to_json()) == table


def test_references_survive_json() -> None:
    table = PromptTable.build(None, {"n": [ReferencePrompt.from_region(*region(), "a.tif")]})
    again = PromptTable.from_json(table.to_json())
    assert again == table
    assert again.rows[0].references[0].source == "a.tif"


def damaged(**changes: Any) -> str:
    return json.dumps(json.loads(PromptTable.build("nuclei").to_json()) | changes)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        "{}",
        damaged(format="other"),
        damaged(version="one"),
        damaged(classes=[{}]),
        damaged(classes=None),
        damaged(templates=None),
        damaged(classes=[{"name": "n", "references": [{"image_png": "AA", "mask_png": "AA"}]}]),
    ],
)
def test_a_file_that_is_no_table_is_refused(text: str) -> None:
    with pytest.raises(PromptError, match="not a napari-vlseg prompt file"):
        PromptTable.from_json(text)


def test_a_table_of_the_future_is_refused_with_the_remedy() -> None:
    with pytest.raises(PromptError, match=r"version 99.*update"):
        PromptTable.from_json(damaged(version=99))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ClassPrompt(" "), "no name"),
        (lambda: ClassPrompt("n", mix=1.5), "mix is 1.5"),
        (lambda: ClassPrompt("n", mix=float("nan")), "mix is nan"),
        (lambda: ClassPrompt("n", threshold=-0.1), "threshold is -0.1"),
        (lambda: PromptTable((ClassPrompt("n"), ClassPrompt("n"))), "Two classes"),
        (lambda: PromptTable((), ("a photo",)), "template"),
        (lambda: PromptTable((), ("{} and {}",)), "template"),
    ],
)
def test_impossible_prompts_are_refused(make: Any, message: str) -> None:
    with pytest.raises(PromptError, match=message):
        make()


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_named_set_of_templates_is_valid(name: str) -> None:
    assert PromptTable((), TEMPLATES[name]).templates[0] == "{}"
