from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO

from napari_vlseg.corrections.store import Project
from napari_vlseg.errors import ExportError
from napari_vlseg.events import Progress, run
from napari_vlseg.images import read_mask
from napari_vlseg.samples import load_sample
from napari_vlseg.workflow.demo import SAMPLE, demo, free_folder
from tests.fakes import BrightnessSegmenter


@pytest.fixture
def model():
    return BrightnessSegmenter()


@pytest.fixture
def result(model, tmp_path):
    return run(demo(tmp_path / "demo", model))


def test_the_image_is_encoded_once_for_both_prompts(model, result):
    assert model.n_encoded == 1
    assert [score.name for score in result.scores] == ["text", "reference", "corrected"]


def test_corrections_bring_the_labels_closer_to_the_truth(result):
    text, _, corrected = result.scores
    assert corrected.iou > text.iou
    assert corrected.ap50 >= text.ap50
    assert result.n_redrawn > 0


def test_the_project_opens_with_what_was_saved(result):
    (entry,) = Project.open(result.project).images
    image, truth = load_sample(SAMPLE)
    np.testing.assert_array_equal(entry.load_image().data, image)
    labels, objects = entry.load_labels()
    assert labels.shape == truth.shape
    assert set(objects["label"]) == set(np.unique(labels)) - {0}
    assert (objects["status"] == "edited").sum() == result.n_redrawn
    assert len(entry.proposals()) == 2


def test_the_coco_export_opens_in_pycocotools(result):
    path = result.coco / "instances.json"
    coco = COCO(path)
    labels = read_mask(result.labels)
    masks = [coco.annToMask(annotation) for annotation in coco.anns.values()]
    assert len(masks) == len(np.unique(labels)) - 1
    np.testing.assert_array_equal(np.any(masks, axis=0), labels > 0)


def test_the_overlay_shows_proposal_and_correction_side_by_side(result):
    image, _ = load_sample(SAMPLE)
    overlay = np.asarray(Image.open(result.overlay))
    assert overlay.shape == (3 * image.shape[0], 6 * image.shape[1], 3)
    left, right = np.hsplit(overlay, 2)
    assert (left != right).any()


def test_the_summary_is_the_result(result):
    document = json.loads((result.folder / "summary.json").read_text("utf-8"))
    assert document == result.to_dict()
    assert document["project"] == str(result.project)


def test_a_folder_with_contents_stays_as_it_is(model, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ExportError, match="already holds files"):
        run(demo(tmp_path, model))
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_cancelled_demo_leaves_nothing(model, tmp_path):
    work = demo(tmp_path / "demo", model)
    for event in work:
        if event == Progress("demo", 3, 5):
            break
    work.close()
    assert not list(tmp_path.iterdir())


def test_a_second_demo_gets_a_folder_of_its_own(tmp_path):
    first = free_folder(tmp_path)
    first.mkdir()
    second = free_folder(tmp_path)
    second.mkdir()
    assert (first.name, second.name) == ("vlseg-demo", "vlseg-demo-2")
    assert free_folder(tmp_path).name == "vlseg-demo-3"
