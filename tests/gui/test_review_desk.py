"""Going through objects without Qt: the list follows edits, and decisions move on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from napari.components import ViewerModel
from napari.layers import Labels

from napari_vlseg.proposals import completed
from napari_vlseg.ui.controller import Controller
from napari_vlseg.ui.layers import add_labels
from napari_vlseg.ui.review.desk import ReviewDesk
from napari_vlseg.ui.runner import SyncRunner
from tests.gui.fakes import BrightnessModel, Loader, ManualRunner, blobs
from tests.gui.painting import PaintingModel
from tests.gui.reviewing import squares

SHAPE = (40, 60)
SCORES = [0.9, 0.2, 0.5, 0.7, 0.4, 0.8]


class Review:
    """A session in which a labels layer with six squares is reviewed, the lowest score first."""

    def __init__(self, labels: np.ndarray | None = None, **image: Any) -> None:
        self.viewer = ViewerModel()
        self.controller = Controller(
            self.viewer, SyncRunner(), Loader(BrightnessModel()), Loader(PaintingModel())
        )
        self.messages: list[str] = []
        self.controller.message.connect(lambda text, severity: self.messages.append(text))
        self.open(squares(SHAPE, 20) if labels is None else labels, **image)
        self.desk.open()

    @property
    def desk(self) -> ReviewDesk:
        return self.controller.review

    @property
    def layer(self) -> Labels:
        assert self.controller.labels is not None
        return self.controller.labels

    @property
    def statuses(self) -> str:
        """First letters, in the order of the labels."""
        table = self.controller.editing.table(self.layer)
        cells = zip(table.column("label"), table.column("status"), strict=True)
        return "".join(status[0] for _, status in sorted(cells))

    @property
    def number(self) -> int:
        """The label in review."""
        tour, table = self.desk.tour, self.desk.table
        assert table is not None
        return int(table.get(tour.current, "label")) if tour.current else 0

    def open(self, labels: np.ndarray, **options: Any) -> None:
        image = self.viewer.add_image((labels > 0).astype(np.uint8) * 200, **options)
        view = self.controller.images.view(image)
        layer = add_labels(self.viewer, image, view, labels.copy())
        found = [label for label in np.unique(labels).tolist() if label]
        objects = {
            "object_uid": [f"o{label}" for label in found],
            "label": found,
            "class": "nuclei",
            "score": [SCORES[label - 1] for label in found],
            "area": [int((labels == label).sum()) for label in found],
            "status": "proposed",
            "source": "auto",
        }
        self.controller.results.adopt(image, layer, completed(pd.DataFrame(objects)))
        self.controller.watch(layer)


@pytest.fixture
def review() -> Review:
    return Review()


def test_the_first_step_goes_to_the_first_row_and_shows_it(review: Review) -> None:
    review.desk.tour.step(1)
    assert review.number == 2, "the lowest score comes first where no uncertainty is known"
    center = getattr(review.viewer, "scene", review.viewer).camera.center
    assert center[-2:] == pytest.approx((5.5, 25.5), abs=0.6)
    review.desk.tour.step(1)
    assert review.number == 5
    review.desk.tour.step(-1)
    review.desk.tour.step(-1)
    assert review.number == 2, "there is none before the first"
    assert "first" in review.controller.activity


def test_the_outline_is_one_layer_that_is_never_selected_nor_exported(review: Review) -> None:
    before = set(review.viewer.layers.selection)
    review.desk.tour.step(1)
    outline = review.desk.tour.outline.layer
    review.desk.tour.step(1)
    assert review.desk.tour.outline.layer is outline
    assert set(review.viewer.layers.selection) == before
    assert outline in review.viewer.layers
    assert not isinstance(outline, Labels)
    rows = outline.data[:, 0, -2]
    assert (rows.min(), rows.max()) == (19.5, 31.5)
    review.desk.close()
    assert outline not in review.viewer.layers


def test_deciding_goes_on_to_the_next_proposal_and_the_rows_stay(review: Review) -> None:
    tour, listing = review.desk.tour, review.desk.listing
    assert listing is not None
    order = [listing.uid(place) for place in range(6)]
    tour.step(1)
    review.desk.decide.accept()
    assert review.number == 5
    review.desk.decide.reject()
    assert review.number == 3
    review.desk.decide.flag()
    assert review.number == 4
    assert review.statuses == "pafprp"
    assert not (review.layer.data == 5).any()
    assert [listing.uid(place) for place in range(6)] == order
    assert listing.moved == 1, "the rejected one would not be listed"
    review.desk.arrange()
    assert len(listing) == 5


def test_after_the_last_the_first_proposal_left_comes_and_then_none(review: Review) -> None:
    tour = review.desk.tour
    tour.visit("o1")
    for number in (2, 5, 3, 4, 6):
        review.desk.decide.accept()
        assert review.number == number
    review.desk.decide.accept()
    assert review.statuses == "aaaaaa"
    assert "all objects of the list are reviewed" in review.controller.activity


def test_undo_looks_at_what_it_was_about(review: Review) -> None:
    tour = review.desk.tour
    tour.step(1)
    review.desk.decide.reject()
    review.desk.decide.undo()
    assert review.statuses == "pppppp"
    assert review.number == 2
    assert (review.layer.data == 2).any()
    review.desk.decide.redo()
    assert review.statuses == "prpppp"


def test_several_rows_are_decided_at_once(review: Review) -> None:
    tour = review.desk.tour
    tour.choose(("o1", "o3"), "o3")
    review.desk.decide.reject()
    assert review.statuses == "rprppp"
    review.desk.decide.undo()
    assert review.statuses == "pppppp", "one decision is one edit"


def test_what_is_deleted_makes_room_for_the_row_after_it(review: Review) -> None:
    tour = review.desk.tour
    tour.step(1)
    review.desk.decide.delete()
    assert review.number == 5
    assert len(review.desk.listing or ()) == 5


def test_one_object_of_two(review: Review) -> None:
    tour = review.desk.tour
    tour.choose(("o1", "o2"), "o2")
    review.desk.decide.merge()
    assert len(review.desk.listing or ()) == 5
    assert len(tour.chosen) == 1
    assert review.number in (1, 2)


def test_a_rejected_object_comes_back(review: Review) -> None:
    tour, before = review.desk.tour, review.layer.data.copy()
    tour.step(1)
    review.desk.decide.reject()
    review.desk.ask(statuses=frozenset({"rejected"}))
    tour.step(1)
    assert review.number == 2
    review.desk.decide.restore()
    assert review.statuses == "pppppp"
    np.testing.assert_array_equal(review.layer.data, before)


def test_class_and_comment(review: Review) -> None:
    tour = review.desk.tour
    tour.step(1)
    review.desk.decide.set_class("debris")
    review.desk.decide.comment("is it one?")
    assert review.desk.table is not None
    row = review.desk.table.row("o2")
    assert (row["class"], row["comment"]) == ("debris", "is it one?")
    review.desk.ask(text="one?")
    assert len(review.desk.listing or ()) == 1


def test_nothing_in_review_is_one_sentence(review: Review) -> None:
    for action in ("accept", "reject", "to_clicks", "to_brush", "split"):
        getattr(review.desk.decide, action)()
        assert "choose a row" in review.messages.pop()
    review.desk.tour.step(1)
    review.desk.decide.merge()
    assert "select another one" in review.messages.pop()
    assert review.statuses == "pppppp"


def test_what_was_rejected_has_no_pixels_to_correct(review: Review) -> None:
    tour = review.desk.tour
    tour.step(1)
    review.desk.decide.reject()
    tour.visit("o2")
    review.desk.decide.to_clicks()
    assert "restore it first" in review.messages.pop()


def test_the_brush_paints_the_object_in_review(review: Review) -> None:
    review.desk.tour.step(1)
    review.desk.decide.to_brush()
    assert review.viewer.layers.selection.active is review.layer
    assert (review.layer.selected_label, review.layer.mode) == (2, "paint")


def test_clicks_take_the_object_up(review: Review) -> None:
    review.desk.tour.step(1)
    review.desk.decide.to_clicks()
    assert review.controller.clicks.tool == "point"
    assert review.controller.clicks.target == 2
    outline = review.desk.tour.outline.layer
    assert outline is not None
    assert not len(outline.data), "one outline at a time"
    review.controller.clicks.set_tool(None)
    assert len(outline.data)


def test_painting_is_followed_by_the_row_the_outline_and_the_thumbnail(review: Review) -> None:
    desk = review.desk
    desk.tour.step(1)
    desk.gallery.want(["o2"])
    assert not desk.gallery.album.needs("o2")
    seen: list[Any] = []
    desk.cells_changed.connect(seen.append)
    review.layer.brush_size = 4
    review.layer.paint((12, 25), 2)
    desk.refresh()
    assert seen == [(0,)]
    assert desk.gallery.album.needs("o2")
    assert desk.listing is not None
    assert desk.listing.columns.numbers["area"][1] > 144
    outline = desk.tour.outline.layer
    assert outline is not None
    assert outline.data[:, 0, -2].max() > 12


def test_edits_while_another_tab_is_in_front_are_caught_up(review: Review) -> None:
    desk = review.desk
    desk.close()
    review.controller.editing.accept(("o1", "o3"))
    desk.open()
    assert desk.listing is not None
    assert desk.listing.columns.text("status", 0) == "accepted"


def test_rows_of_a_semantic_result_are_classes() -> None:
    review = Review()
    controller, desk = review.controller, review.desk
    review.viewer.add_image(blobs(), name="blobs")
    controller.prompts.set_phrases(0, "nuclei")
    controller.relabel.toggle_mode()
    controller.segmenter.start()
    desk.refresh()
    assert desk.is_semantic
    assert len(desk.listing or ()) == 1
    desk.tour.step(1)
    desk.decide.accept()
    assert review.statuses == "a"


def test_an_object_in_a_stack_is_shown_on_its_plane() -> None:
    labels = np.zeros((5, 40, 60), np.int32)
    labels[1, 4:12, 4:12] = 1
    labels[3, 20:30, 30:40] = 2
    labels[2:5, 2:6, 40:50] = 3
    review = Review(labels)
    tour, dims = review.desk.tour, review.viewer.dims
    tour.visit("o2")
    assert dims.current_step[0] == 3
    tour.visit("o3")
    assert dims.current_step[0] == 3, "it is on the plane in view"
    tour.visit("o1")
    assert dims.current_step[0] == 1
    assert tour.outline.layer is not None
    assert set(tour.outline.layer.data[:, 0, 0]) == {1.0}


def test_the_outline_follows_an_object_through_its_planes() -> None:
    labels = np.zeros((4, 40, 60), np.int32)
    labels[1, 4:12, 4:12] = labels[2, 4:20, 4:12] = 1
    review = Review(labels)
    review.viewer.dims.set_point(0, 0)
    review.desk.tour.visit("o1")
    outline = review.desk.tour.outline.layer
    assert outline is not None
    assert (set(outline.data[:, 0, 0]), outline.data[:, 0, 1].max()) == ({2.0}, 19.5)
    review.viewer.dims.set_point(0, 1)
    review.desk.refresh()
    assert (set(outline.data[:, 0, 0]), outline.data[:, 0, 1].max()) == ({1.0}, 11.5)


def test_what_is_picked_on_the_canvas_is_in_review(review: Review) -> None:
    review.layer.selected_label = 4
    assert review.number == 0, "a label that is chosen to paint with is not"
    review.layer.mode = "pick"
    review.layer.selected_label = 5
    assert review.number == 5


def test_thumbnails_have_the_contrast_and_colours_of_the_canvas(review: Review) -> None:
    gallery = review.desk.gallery
    gallery.want(["o1"])
    before = gallery.album.get("o1")
    image = review.controller.images.layer
    assert image is not None
    image.contrast_limits = (0, 100)
    assert gallery.album.needs("o1")
    gallery.want(["o1"])
    assert before is not None
    assert not np.array_equal(before, gallery.album.get("o1"))
    review.layer.new_colormap(seed=5)
    assert gallery.album.needs("o1")


def test_scale_and_translation_of_the_image_are_the_outlines() -> None:
    review = Review(scale=(0.5, 2.0), translate=(7.0, -3.0))
    review.desk.tour.visit("o2")
    center = getattr(review.viewer, "scene", review.viewer).camera.center
    assert center[-2:] == pytest.approx((7 + 0.5 * 5.5, -3 + 2 * 25.5), abs=1.1)
    outline = review.desk.tour.outline.layer
    assert outline is not None
    np.testing.assert_allclose(outline.scale, (0.5, 2.0))
    np.testing.assert_allclose(outline.translate, (7.0, -3.0))


def test_the_scale_stays_for_objects_of_one_size(review: Review) -> None:
    camera = getattr(review.viewer, "scene", review.viewer).camera
    camera.zoom = 0.01
    review.desk.tour.visit("o1")
    zoom = camera.zoom
    assert zoom > 1
    review.desk.tour.visit("o6")
    assert camera.zoom == zoom


def test_given_objects_alone_and_back(review: Review) -> None:
    desk = review.desk
    wanted: list[int] = []
    desk.front_wanted.connect(lambda: wanted.append(1))
    desk.show_only(["o4", "o1"], ["missed by B", "outline differs"])
    assert desk.listing is not None
    assert [desk.listing.uid(place) for place in range(2)] == ["o4", "o1"]
    assert wanted
    with pytest.raises(ValueError, match="argument 2 is shorter"):
        desk.show_only(["o4", "o1"], ["missed by B"])
    desk.show_all()
    assert len(desk.listing) == 6


def test_thumbnails_of_another_image_wait_for_those_that_are_drawn(review: Review) -> None:
    runner = review.controller.runner = ManualRunner()
    gallery = review.desk.gallery
    gallery.want(["o1", "o2"])
    one = np.zeros(SHAPE, np.int32)
    one[3:9, 3:9] = 1
    review.open(one, name="other")
    review.desk.refresh()
    assert "thumbnails" in runner.cancelled
    runner.finish("places")
    gallery.want(["o1"])
    runner.finish("thumbnails")
    assert not len(gallery.album), "these were of the image before"
    runner.finish("thumbnails")
    assert gallery.album.get("o1") is not None


def test_another_image_has_its_own_list(review: Review) -> None:
    desk = review.desk
    desk.ask(text="#2")
    one = np.zeros(SHAPE, np.int32)
    one[3:9, 3:9] = 1
    review.open(one, name="other")
    desk.refresh()
    assert desk.listing is not None
    assert (len(desk.listing), desk.query.text) == (1, "")
    review.viewer.layers.clear()
    desk.refresh()
    assert desk.listing is None
    desk.tour.step(1)
    assert "no object to review" in review.controller.activity


def test_thumbnails_are_drawn_for_what_is_in_view_only(review: Review) -> None:
    gallery = review.desk.gallery
    assert len(gallery.album) == 0
    gallery.want(["o1", "o2"])
    assert len(gallery.album) == 2
    picture = gallery.album.get("o1")
    assert picture is not None
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 2
