"""Which signal of the box for stacks calls what in the controller, and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_vlseg.ui.dock_widget import VlsegWidget


def wire_through(widget: VlsegWidget) -> None:
    """Tie the box to following and linking, and show the first state."""
    controller, view = widget.controller, widget.through
    desk, linking = controller.through, controller.linking

    def show() -> None:
        view.show_state(
            lengths=desk.lengths,
            axis=desk.axis_in_use,
            direction=desk.direction,
            which=desk.which,
            busy=desk.busy,
            n_corrected=len(desk.corrected),
        )
        view.show_stops(desk.stops)

    desk.changed.connect(show)
    desk.progress_changed.connect(view.show_progress)
    linking.progress_changed.connect(view.show_progress)
    controller.editing.changed.connect(lambda _: show())
    for signal, action in (
        (view.propagate_wanted, "propagate"),
        (view.again_wanted, "propagate_again"),
        (view.link_wanted, "link_planes"),
        (view.tracks_wanted, "show_tracks"),
    ):
        signal.connect(_on_key(widget, action))
    view.stop_wanted.connect(desk.stop)
    view.direction_chosen.connect(desk.set_direction)
    view.which_chosen.connect(desk.set_which)
    view.planes_typed.connect(desk.set_planes)
    view.axis_chosen.connect(desk.set_axis)
    view.stop_chosen.connect(desk.go_to)
    show()


def through_actions(widget: VlsegWidget) -> dict[str, Callable[[], object]]:
    """What keys and buttons do, by action."""
    controller = widget.controller

    def propagate() -> None:
        """Start; while it runs, stop."""
        if controller.through.busy:
            controller.through.stop()
        else:
            controller.through.set_planes(widget.through.planes.text())
            controller.through.start()

    return {
        "propagate": propagate,
        "propagate_again": controller.through.again,
        "link_planes": controller.linking.link,
        "show_tracks": controller.linking.show_tracks,
    }


def _on_key(widget: VlsegWidget, action: str) -> Callable[[], None]:
    """What the key of an action does; the keys come after the views."""

    def act() -> None:
        widget.actions_of_keys[action]()

    return act
