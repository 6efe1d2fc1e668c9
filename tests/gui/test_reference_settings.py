"""How references are shown to the model is part of the prompt table, and seen in Details."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from napari_vlseg.prompts import TEMPLATES
from napari_vlseg.visual_prompts import VisualPromptSettings

pytestmark = pytest.mark.gui


def test_a_box_changes_the_table(widget: Any) -> None:
    widget.result.context.setValue(0.4)
    widget.result.blur.setValue(1.5)
    table = widget.controller.prompts.table
    assert table.visual == VisualPromptSettings(context=0.4, background=0.1, blur_sigma=1.5)


def test_a_loaded_table_is_shown(widget: Any, tmp_path: Any) -> None:
    prompts = widget.controller.prompts
    visual = VisualPromptSettings(context=0.25, background=0.5, blur_sigma=2)
    shown = replace(prompts.table, visual=visual, templates=TEMPLATES["microscopy"])
    path = tmp_path / "prompts.json"
    path.write_text(shown.to_json(), encoding="utf-8")
    prompts.load(path)
    assert prompts.table == shown
    assert widget.result.background.value() == 0.5
    assert widget.result.templates.currentText() == "microscopy"
