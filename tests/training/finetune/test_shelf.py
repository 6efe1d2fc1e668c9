"""Adapters on the shelf of a project: numbered, kept, used and rolled back."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from napari_vlseg.errors import ModelError
from napari_vlseg.models.adapters import Adapter, BaseModel
from napari_vlseg.training.finetune.shelf import ACTIVE_NAME, FOLDER_NAME, AdapterShelf

BASE = BaseModel("vlseg-mini", "r1", "a" * 64)


def adapter(value: float) -> Adapter:
    card = {
        "made": "2026-11-29T10:00:00Z",
        "corrections": {"trained_on": {"nuclei": 8}, "held_out": {"nuclei": 2}},
        "after": {"dice": {"nuclei": 0.75, "cells": 0.25}},
    }
    return Adapter(BASE, {"bias": torch.full((3,), value)}, {}, {"nuclei": 0.35}, card)


@pytest.fixture
def shelf(tmp_path: Path) -> AdapterShelf:
    return AdapterShelf(tmp_path)


def test_an_empty_shelf_makes_no_folder(shelf: AdapterShelf) -> None:
    content = shelf.look()
    assert (content.adapters, content.active, content.damaged) == ((), None, ())
    assert not shelf.folder.exists()


def test_adapters_are_numbered_and_told_of_without_their_tensors(shelf: AdapterShelf) -> None:
    first, second = shelf.add(adapter(1)), shelf.add(adapter(2))
    assert first.path.name == f"001-{adapter(1).sha256[:8]}.safetensors"
    assert [one.title for one in shelf.look().adapters] == ["001", "002"]
    assert second.n_objects == 10
    assert second.dice == pytest.approx(0.5)
    assert second.thresholds == {"nuclei": 0.35}
    assert second.base == BASE
    assert second.made == "2026-11-29T10:00:00Z"
    assert torch.equal(second.read().decoder["bias"], torch.full((3,), 2.0))


def test_the_same_adapter_twice_overwrites_nothing(shelf: AdapterShelf) -> None:
    assert shelf.add(adapter(1)).path != shelf.add(adapter(1)).path
    assert len(shelf.look().adapters) == 2


def test_one_is_in_use_or_none(shelf: AdapterShelf) -> None:
    for value in (1, 2, 3):
        shelf.add(adapter(value))
    assert shelf.look().active is None, "putting it there is not using it"
    shelf.activate(3)
    assert AdapterShelf(shelf.folder.parent).look().active == 3
    content = shelf.look()
    assert [content.before(number) for number in (3, 2, 1, None)] == [2, 1, None, None]
    shelf.activate(1)
    assert shelf.look().active == 1
    shelf.activate(None)
    assert shelf.look().active is None
    with pytest.raises(ModelError, match="no training 009"):
        shelf.activate(9)


def test_a_damaged_file_is_named_and_left_out(shelf: AdapterShelf) -> None:
    first, second = shelf.add(adapter(1)), shelf.add(adapter(2))
    shelf.activate(second.number)
    second.path.write_bytes(second.path.read_bytes()[:100])
    content = shelf.look()
    assert [one.number for one in content.adapters] == [first.number]
    assert content.active is None
    assert second.path.name in content.damaged[0]
    assert "base model is used" in content.damaged[1]
    assert shelf.add(adapter(3)).number == 3, "its number is not given again"


def test_tensors_that_were_changed_are_refused(shelf: AdapterShelf) -> None:
    shelved = shelf.add(adapter(1))
    content = bytearray(shelved.path.read_bytes())
    content[-1] ^= 1
    shelved.path.write_bytes(bytes(content))
    assert shelf.look().damaged == ()
    with pytest.raises(ModelError, match="was changed after it was written"):
        shelved.read()


@pytest.mark.parametrize("text", ["{", "[]", '{"format": "other", "active": null}', "null"])
def test_a_damaged_note_of_what_is_used_is_named(shelf: AdapterShelf, text: str) -> None:
    shelf.add(adapter(1))
    (shelf.folder / ACTIVE_NAME).write_text(text)
    content = shelf.look()
    assert content.active is None
    assert len(content.adapters) == 1
    assert ACTIVE_NAME in content.damaged[0]


def test_other_files_are_none_of_its_business(shelf: AdapterShelf) -> None:
    shelf.add(adapter(1))
    (shelf.folder / "mine.safetensors").write_bytes(b"x")
    (shelf.folder / "notes-12345678.safetensors").write_bytes(b"x")
    (shelf.folder / ".tmp-12345678.safetensors").write_bytes(b"x")
    content = shelf.look()
    assert len(content.adapters) == 1
    assert content.damaged == ()


def test_another_shelf_is_taken_over_with_what_is_used(tmp_path: Path) -> None:
    unsaved, project = AdapterShelf(tmp_path / "unsaved"), AdapterShelf(tmp_path / "project")
    for value in (1, 2, 3):
        unsaved.add(adapter(value))
    unsaved.activate(2)
    project.take_over(unsaved)
    content = project.look()
    assert [one.path.name for one in content.adapters] == [
        one.path.name for one in unsaved.look().adapters
    ]
    assert content.active == 2
    other = AdapterShelf(tmp_path / "nothing")
    other.take_over(AdapterShelf(tmp_path / "nowhere"))
    assert not other.folder.exists()


def test_the_folder_of_a_training_goes_when_it_ended_well(shelf: AdapterShelf) -> None:
    with shelf.training_folder() as folder:
        (folder / "training.pt").write_bytes(b"x")
    assert not folder.exists()
    with pytest.raises(KeyboardInterrupt), shelf.training_folder() as folder:
        raise KeyboardInterrupt
    assert folder.is_dir()


def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / FOLDER_NAME).write_text("a file")
    with pytest.raises(ModelError, match="a file is in the place of"):
        AdapterShelf(tmp_path).add(adapter(1))
