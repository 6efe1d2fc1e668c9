"""What is remembered from one session to the next, and what is asked until then."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from napari_vlseg.errors import SettingsError
from napari_vlseg.ui.controller import Controller
from napari_vlseg.ui.preferences import (
    Preferences,
    load_preferences,
    preferences_path,
    remember,
)
from tests.gui.editing.scenes import check, labels_of, segment, session
from tests.gui.fakes import blobs


def with_labels_there() -> Controller:
    controller = session(phrase="")
    held = np.zeros(blobs().shape, np.int32)
    held[14:40, 14:40] = 7
    controller.set_target(controller.viewer.add_labels(held))
    segment(controller)
    return controller


def test_a_choice_is_kept_for_the_next_session() -> None:
    assert load_preferences() == Preferences("ask")
    session(phrase="").set_policy("add")
    assert session(phrase="").policy == "add"


@pytest.mark.parametrize("text", ["{", "[]", '{"policy": "eat them"}', '{"policy": 3}', "\x00"])
def test_a_damaged_file_is_as_if_nothing_was_chosen(
    text: str, caplog: pytest.LogCaptureFixture
) -> None:
    preferences_path().write_text(text)
    with caplog.at_level(logging.WARNING):
        assert load_preferences() == Preferences()
    assert str(preferences_path()) in caplog.text
    remember(policy="keep")
    assert load_preferences().policy == "keep"


def test_settings_of_later_releases_are_no_damage(caplog: pytest.LogCaptureFixture) -> None:
    preferences_path().write_text('{"policy": "add", "wings": 2}')
    assert load_preferences() == Preferences("add")
    assert not caplog.text


def test_a_folder_that_cannot_be_written_is_logged(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(
        "napari_vlseg.ui.preferences.user_config_path", lambda *_, **__: tmp_path / "file"
    )
    remember(policy="add")
    assert "can't be kept" in caplog.text
    with pytest.raises(SettingsError, match="choose keep, replace, add, ask"):
        remember(policy="eat them")


def test_what_is_there_is_kept_until_the_question_is_answered() -> None:
    controller = with_labels_there()
    assert controller.asking.text == "1 new object overlaps 1 that is there"
    layer = labels_of(controller)
    assert (layer.data == 7).sum() == 26 * 26
    controller.asking.answer("replace", always=False)
    assert not (layer.data == 7).any()
    assert (controller.asking.text, controller.policy) == ("", "ask")
    assert controller.n_objects == 4
    check(controller)
    controller.editing.undo()
    assert (layer.data == 7).sum() == 26 * 26


def test_an_answer_can_be_for_good() -> None:
    controller = with_labels_there()
    controller.asking.answer("keep", always=True)
    assert load_preferences().policy == controller.policy == "keep"
    segment(controller, "cells")
    assert controller.asking.text == ""


def test_there_is_no_question_about_what_a_person_touched() -> None:
    controller = with_labels_there()
    controller.asking.answer("keep", always=False)
    table = controller.editing.table(labels_of(controller))
    controller.editing.accept([table.uid_of(7)])
    segment(controller, "cells")
    assert controller.asking.text == ""
