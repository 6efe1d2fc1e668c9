"""Which signal of the Train tab calls what in the controller, and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_vlseg.ui.dock_widget import VlsegWidget


def wire_training(widget: VlsegWidget) -> None:
    """Tie the Train tab to the controller, and show the first state."""
    view, desk = widget.train, widget.controller.training

    def show() -> None:
        view.show_busy(desk.busy)
        view.show_line(desk.line)
        view.settings.show_settings(desk.settings)
        view.show_live(desk.live.is_on, desk.live.every)
        view.plot.show_curve(desk.curve, desk.settings.epochs)
        view.plot.setVisible(bool(desk.curve) or desk.busy)
        view.result.show_outcome(desk.outcome)
        view.shelf.show_content(desk.content, desk.busy)

    def show_lessons() -> None:
        if view.isVisible():
            view.show_lessons(desk.lessons)

    def look() -> None:
        if view.isVisible():
            desk.counting.count()
            show_lessons()

    widget.train_timer.timeout.connect(show_lessons)
    desk.changed.connect(show)
    desk.changed.connect(show_lessons)
    desk.progress_changed.connect(view.show_progress)
    widget.controller.editing.changed.connect(lambda _: widget.train_timer.start())
    view.seen_changed.connect(look)
    view.train_wanted.connect(on_key(widget, "train"))
    view.stop_wanted.connect(desk.stop)
    view.settings.edited.connect(desk.set_settings)
    view.live_toggled.connect(desk.live.set_on)
    view.live_every_chosen.connect(desk.live.set_every)
    view.shelf.use_wanted.connect(desk.use)
    view.shelf.roll_back_wanted.connect(desk.roll_back)
    show()
    _wire_thresholds(widget)
    _wire_guide(widget)


def _wire_thresholds(widget: VlsegWidget) -> None:
    view, desk = widget.train, widget.controller.thresholds

    def show() -> None:
        view.show_thresholds(desk.busy, desk.text)

    desk.changed.connect(show)
    view.thresholds_wanted.connect(on_key(widget, "thresholds"))
    show()


def _wire_guide(widget: VlsegWidget) -> None:
    view, guide = widget.project.guide, widget.controller.guide
    worklist = widget.controller.desk.worklist

    def show() -> None:
        view.setVisible(bool(worklist.items))
        view.show_state(guide.busy, guide.text)

    guide.changed.connect(show)
    guide.progress_changed.connect(view.show_progress)
    worklist.changed.connect(show)
    view.next_wanted.connect(guide.go_to_next)
    view.quality_wanted.connect(guide.estimate)
    view.stop_wanted.connect(guide.stop)
    show()


def on_key(widget: VlsegWidget, name: str) -> Callable[[], object]:
    """What a key does."""
    return widget.actions_of_keys[name]


def training_actions(widget: VlsegWidget) -> dict[str, Callable[[], object]]:
    """What the keys of training do."""
    view, desk = widget.train, widget.controller.training

    def train() -> None:
        widget.table.commit()
        widget.tabs.setCurrentWidget(view)
        desk.start()

    def thresholds() -> None:
        widget.table.commit()
        widget.controller.thresholds.fit()

    return {
        "train": train,
        "thresholds": thresholds,
        "stop_training": desk.stop,
        "live": lambda: desk.live.set_on(not desk.live.is_on),
        "activate": view.shelf.report_use,
        "roll_back": desk.roll_back,
        "use_base": lambda: desk.use(None),
        "go_there": widget.project.guide.report_next,
        "quality": widget.controller.guide.estimate,
    }
