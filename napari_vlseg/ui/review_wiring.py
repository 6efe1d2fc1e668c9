"""Which signal of the Review tab calls what in the controller, and back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtWidgets import QFileDialog

from napari_vlseg.ui.geometry import pixel_size_of
from napari_vlseg.ui.review.bulk import Choice, choose
from napari_vlseg.ui.review.desk import ReviewDesk
from napari_vlseg.ui.review.progress import count, text
from napari_vlseg.ui.review.wording import line, physical, story

if TYPE_CHECKING:
    from napari_vlseg.ui.controller import Controller
    from napari_vlseg.ui.dock_widget import VlsegWidget


def wire_review(widget: VlsegWidget) -> None:
    """Tie the Review tab to the controller, and show the first state."""
    _wire_front(widget)
    _wire_list(widget)
    _wire_object(widget)
    _wire_bulk(widget)


def review_actions(widget: VlsegWidget) -> dict[str, Callable[[], object]]:
    """What the keys of the review do."""
    tour, decide = widget.controller.review.tour, widget.controller.review.decide

    def to_brush() -> None:
        decide.to_brush()
        widget.canvas_keys.take_focus()

    def to_clicks() -> None:
        decide.to_clicks()
        widget.canvas_keys.take_focus()

    def comment() -> None:
        widget.review.actions_.comment.setFocus()
        widget.review.actions_.comment.selectAll()

    return {
        "review_next": lambda: tour.step(1),
        "review_previous": lambda: tour.step(-1),
        "review_accept": decide.accept,
        "review_reject": decide.reject,
        "review_flag": decide.flag,
        "review_fly": tour.fly,
        "review_clicks": to_clicks,
        "review_brush": to_brush,
        "review_merge": decide.merge,
        "review_split": decide.split,
        "review_delete": decide.delete,
        "review_restore": decide.restore,
        "review_comment": comment,
        "review_undo": decide.undo,
        "review_redo": decide.redo,
    }


def object_tip(controller: Controller, uid: str) -> str:
    """All that is known about an object."""
    return _said(controller, uid, story)


def _said(controller: Controller, uid: str, say: Callable[[dict, str, str], str]) -> str:
    review, image = controller.review, controller.images.layer
    if review.table is None or uid not in review.table or image is None:
        return ""
    row = review.table.row(uid)
    size, unit = pixel_size_of(image, controller.images.view(image))
    reason = (review.query.only or {}).get(uid, "")
    return say(row, physical(float(row["area"]), size, unit), reason)


def _wire_front(widget: VlsegWidget) -> None:
    """Listen to edits and keys while the tab is in front."""
    review, clicks = widget.controller.review, widget.controller.clicks

    def show_keys() -> None:
        in_sight = review.is_open and widget.review.isVisible()
        widget.review_keys.set_on(in_sight and clicks.tool is None)

    def on_tab(_: int = 0) -> None:
        if widget.tabs.currentWidget() is widget.review:
            review.open()
        elif review.is_open:
            review.close()
        show_keys()

    review.stale.connect(lambda: widget.review_timer.start())
    review.front_wanted.connect(lambda: widget.tabs.setCurrentWidget(widget.review))
    clicks.changed.connect(show_keys)
    widget.review.seen_changed.connect(show_keys)
    widget.tabs.currentChanged.connect(on_tab)
    on_tab()


def _wire_list(widget: VlsegWidget) -> None:
    controller, view = widget.controller, widget.review
    review, gallery = controller.review, controller.review.gallery

    def show_query() -> None:
        listing = review.listing
        if listing is not None:
            names = sorted(listing.columns.names["class"], key=str.casefold)
            view.filter.show_query(review.query, names, listing.moved)
            view.actions_.show_classes(_classes(controller, names))

    def show_progress() -> None:
        listing = review.listing
        if listing is not None:
            counted = count(listing.columns)
            images = controller.desk.worklist.counts
            said = text(counted, images["done"], sum(images.values()))
            view.progress.show_progress(said, counted.fraction)
            view.show_state(counted.total, len(listing))
        else:
            view.show_state(0, 0)

    def show_list() -> None:
        view.table.show_list(review.listing, review.table)
        show_query()
        show_progress()
        _show_object(widget)

    def show_cells(positions: tuple[int, ...]) -> None:
        view.table.show_cells(positions)
        show_query()
        show_progress()

    def open_list() -> None:
        path, _ = QFileDialog.getOpenFileName(view, "Open a list", "", "Disagreements (*.json)")
        if path:
            review.given.open(Path(path))

    def sort(name: str) -> None:
        review.ask(sort=name, descending=_turned(review, name))

    review.listed.connect(show_list)
    review.cells_changed.connect(show_cells)
    controller.desk.worklist.changed.connect(show_progress)
    gallery.drawn.connect(lambda _: view.table.show_pictures())
    view.table.seen.connect(gallery.want)
    view.table.sort_wanted.connect(sort)
    view.filter.asked.connect(lambda parts: review.ask(**parts))
    view.filter.arrange_wanted.connect(review.arrange)
    view.progress.list_wanted.connect(open_list)
    view.filter.show_all_wanted.connect(review.show_all)
    view.show_all_wanted.connect(review.show_all)
    show_list()


def _wire_object(widget: VlsegWidget) -> None:
    view, tour = widget.review, widget.controller.review.tour
    decide = widget.controller.review.decide

    def choose_rows(uids: list[str], current: str, clicked: bool) -> None:
        tour.choose(uids, current)
        if clicked and len(uids) == 1:
            tour.fly()

    view.table.chosen.connect(choose_rows)
    view.actions_.action_wanted.connect(lambda name: widget.actions_of_keys[name]())
    view.actions_.class_chosen.connect(decide.set_class)
    view.actions_.commented.connect(decide.comment)
    tour.changed.connect(lambda: _show_object(widget))
    _show_object(widget)


def _wire_bulk(widget: VlsegWidget) -> None:
    controller, box = widget.controller, widget.review.bulk
    review = controller.review

    def choice() -> Choice | None:
        if review.listing is None:
            return None
        name = box.column.currentText()
        return choose(review.listing, name, box.good.value(), box.poor.value())

    def show(*_: object) -> None:
        chosen = choice() if review.is_open else None
        if chosen is not None:
            box.show_choice(chosen)

    def decide(decision: Callable[..., object], rows: np.ndarray, bound: float) -> None:
        listing = review.listing
        if listing is not None:
            uids = [listing.columns.uids[row] for row in rows.tolist()]
            decision(uids, cause={"column": box.column.currentText(), "bound": bound})
            review.refresh()

    def accept() -> None:
        chosen = choice()
        if chosen is not None:
            decide(controller.editing.accept, chosen.good, box.good.value())

    def reject() -> None:
        chosen = choice()
        if chosen is not None:
            decide(controller.editing.reject, chosen.poor, box.poor.value())

    box.moved.connect(show)
    box.accept_wanted.connect(accept)
    box.reject_wanted.connect(reject)
    review.listed.connect(show)
    review.cells_changed.connect(show)


def _show_object(widget: VlsegWidget) -> None:
    """Mark the rows that are chosen, and tell of the object in review."""
    controller, view = widget.controller, widget.review
    review, tour = controller.review, controller.review.tour
    listing, table = review.listing, review.table
    if listing is None or table is None or tour.current not in table:
        view.actions_.show_object("", "", "", "")
        return
    places = [listing.position(uid) for uid in tour.chosen]
    view.table.show_chosen([place for place in places if place >= 0], tour.place)
    said = _said(controller, tour.current, line)
    if len(tour.chosen) > 1:
        said = f"{len(tour.chosen)} objects · {said}"
    elif review.is_semantic:
        said = f"all pixels of the class · {said}"
    row = table.row(tour.current)
    tip = object_tip(controller, tour.current)
    view.actions_.show_object(said, tip, row["class"], row["comment"])


def _classes(controller: Controller, names: list[str]) -> tuple[str, ...]:
    """Classes that an object can get: those of the prompt table first."""
    prompted = (row.name for row in controller.prompts.table.rows)
    return tuple(dict.fromkeys([*prompted, *(name for name in names if name)]))


def _turned(review: ReviewDesk, name: str) -> bool:
    """Whether the list descends when the head of a column is clicked: the other way each time."""
    if review.query.sort == name:
        return not review.query.descending
    return name in ("uncertainty", "area")
