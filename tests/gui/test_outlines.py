"""Segment, with outlines by the click model."""

from __future__ import annotations

import numpy as np
import pytest

from tests.gui.driving import drag_threshold, press_segment, type_phrase, wait_idle
from tests.gui.fakes import blobs

pytestmark = pytest.mark.gui


def _segment_with_outlines(qtbot, widget):
    type_phrase(qtbot, widget, "nuclei")
    widget.run.outline.click()
    press_segment(qtbot, widget)


def test_objects_are_outlined_by_the_click_model(qtbot, widget):
    assert "sam-mini" in widget.run.outline.text()
    _segment_with_outlines(qtbot, widget)
    labels = widget.controller.labels
    assert len(np.unique(labels.data)) == 5
    assert set(labels.features["outline"].dropna()) == {"painting@1"}
    assert labels.features["refine_score"].dropna().between(0.5, 1).all()
    assert widget.controller.record.proposals.refined_by.name == "painting"
    assert "found 4 objects" in widget.controller.activity


def test_without_the_choice_the_map_outlines(qtbot, segmented):
    assert segmented.controller.record.proposals.refined_by is None
    assert "outline" not in segmented.controller.labels.features


def test_another_threshold_says_whose_the_outlines_are(qtbot, widget):
    told = []
    widget.controller.message.connect(lambda text, severity: told.append(text))
    _segment_with_outlines(qtbot, widget)
    drag_threshold(qtbot, widget, 0.6)
    assert widget.controller.record.proposals.refined_by is None
    assert any("segment once more" in text for text in told)
    press_segment(qtbot, widget)
    assert widget.controller.record.proposals.refined_by is not None


def test_one_label_per_class_can_not_be_outlined(qtbot, widget):
    told = []
    widget.controller.message.connect(lambda text, severity: told.append((text, severity)))
    widget.controller.relabel.toggle_mode()
    _segment_with_outlines(qtbot, widget)
    wait_idle(qtbot, widget)
    ((text, severity),) = told
    assert "choose instances" in text
    assert severity == "error"
    assert widget.controller.labels is None


def test_the_choice_names_the_click_model(qtbot, make_widget):
    widget = make_widget()
    widget.controller.viewer.add_image(blobs(), name="squares")
    widget.controller.clicks.choose_model("/models/my-sam")
    assert widget.run.outline.text() == "Outline with my-sam"
    assert not widget.run.outline.isChecked()
