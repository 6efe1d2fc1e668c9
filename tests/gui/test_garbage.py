"""A loaded model is left out of the searches for garbage until the window closes."""

from __future__ import annotations

import gc
from typing import Any

import pytest

from napari_vlseg.errors import ModelError
from napari_vlseg.events import Progress, Work, run
from napari_vlseg.ui import jobs
from napari_vlseg.ui.garbage import look_at_all_again
from napari_vlseg.ui.jobs import ModelSettings, load_by_registry


def test_what_was_loaded_is_left_out_until_it_may_go(monkeypatch: Any) -> None:
    def steps(name: str, **options: Any) -> Work[list[str]]:
        yield Progress("loading", 0, 1)
        return ["a model"]

    monkeypatch.setattr(jobs, "load_steps", steps)
    before = gc.get_freeze_count()
    try:
        assert run(load_by_registry(ModelSettings())) == ["a model"]
        assert gc.get_freeze_count() > before
    finally:
        look_at_all_again()
    assert gc.get_freeze_count() == 0


def test_a_model_that_fails_to_load_changes_nothing(monkeypatch: Any) -> None:
    def steps(name: str, **options: Any) -> Work[None]:
        yield Progress("loading", 0, 1)
        raise ModelError("no")

    monkeypatch.setattr(jobs, "load_steps", steps)
    before = gc.get_freeze_count()
    with pytest.raises(ModelError):
        run(load_by_registry(ModelSettings()))
    assert gc.get_freeze_count() == before
