"""Which signal of which view calls what in the controller, and back."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.utils.notifications import Notification, NotificationSeverity, notification_manager
from qtpy.QtWidgets import QFileDialog, QMenu, QWidget

from napari_vlseg.prompts import TEMPLATES
from napari_vlseg.ui.arranging import axes_text
from napari_vlseg.ui.geometry import image_array
from napari_vlseg.ui.opening import add_sample, open_images
from napari_vlseg.ui.review_wiring import wire_review
from napari_vlseg.ui.scope import described
from napari_vlseg.ui.through_wiring import wire_through
from napari_vlseg.ui.train_wiring import wire_training

if TYPE_CHECKING:
    from napari_vlseg.ui.dock_widget import VlsegWidget

_SEVERITIES = {
    "error": NotificationSeverity.ERROR,
    "warning": NotificationSeverity.WARNING,
    "info": NotificationSeverity.INFO,
}


def wire(widget: VlsegWidget) -> None:
    """Tie all views of the dock widget to its controller, and show the first state."""
    _wire_image(widget)
    _wire_model(widget)
    _wire_prompts(widget)
    _wire_result(widget)
    _wire_run(widget)
    _wire_clicks(widget)
    wire_through(widget)
    _wire_project(widget)
    _wire_worklist(widget)
    wire_review(widget)
    wire_training(widget)


def _wire_image(widget: VlsegWidget) -> None:
    controller, view = widget.controller, widget.image
    images, popup = controller.images, widget.channels

    def show() -> None:
        view.show_layers(images.layers, images.layer, images.scope())

    def fill_popup() -> None:
        layer = images.require()
        low, high = (0, 1) if layer.rgb else layer.contrast_limits
        limits = None if layer.rgb else (float(low), float(high))
        shape = image_array(layer).shape
        popup.show_view(images.view(layer), shape, limits, axes_text(layer))

    def show_channels() -> None:
        with controller.told():
            fill_popup()
            popup.show_below(view.channels)

    def edit(change: Any, value: Any) -> None:
        with controller.told():
            change(value)
            shown = images.view(images.require())
            if shown.channel_axis is not None:
                controller.prompts.set_channels(shown.channels)
            fill_popup()

    def name_axes(axes: str) -> None:
        controller.name_axes(axes)
        fill_popup()

    def ask_open() -> None:
        files, _ = QFileDialog.getOpenFileNames(view, "Open images")
        with controller.told():
            open_images(controller.viewer, map(Path, files))

    def open_sample(name: str) -> None:
        with controller.told():
            add_sample(controller.viewer, name)

    images.changed.connect(show)
    view.chosen.connect(images.choose)
    view.channels_wanted.connect(show_channels)
    view.open_wanted.connect(ask_open)
    view.sample_wanted.connect(open_sample)
    popup.axes_named.connect(name_axes)
    popup.axis_chosen.connect(partial(edit, images.set_channel_axis))
    popup.edited.connect(partial(edit, images.set_view))
    show()


def _wire_model(widget: VlsegWidget) -> None:
    controller, view, popup = widget.controller, widget.model, widget.settings

    def choose(name: str) -> None:
        if name:
            controller.choose_model(name)
        view.show_model(controller.settings.name)
        _show_table(widget)

    def show_settings() -> None:
        popup.show_settings(controller.settings)
        popup.show_below(view.settings)

    view.chosen.connect(choose)
    view.settings_wanted.connect(show_settings)
    popup.edited.connect(controller.set_settings)
    view.show_model(controller.settings.name)


def _wire_prompts(widget: VlsegWidget) -> None:
    controller, view = widget.controller, widget.table
    prompts, relabel = controller.prompts, controller.relabel

    def edit(position: int, field: str, value: Any) -> None:
        with controller.told():
            prompts.edit(position, **{field: value})
        _show_table(widget)

    def preview(position: int, threshold: float) -> None:
        relabel.preview(prompts.table.rows[position].name, threshold)

    def save() -> None:
        path, _ = QFileDialog.getSaveFileName(view, "Save prompts", "prompts.json", "*.json")
        if path:
            controller.save_prompts(Path(path))

    def load() -> None:
        path, _ = QFileDialog.getOpenFileName(view, "Load prompts", "", "*.json")
        if path:
            controller.load_prompts(Path(path))

    prompts.changed.connect(lambda _: _show_table(widget))
    controller.warnings_changed.connect(lambda: _show_table(widget))
    view.edited.connect(edit)
    view.phrases_edited.connect(prompts.set_phrases)
    view.threshold_moved.connect(preview)
    view.reference_removed.connect(prompts.remove_reference)
    view.reference_menu_wanted.connect(partial(_show_reference_menu, widget))
    view.heatmap_wanted.connect(relabel.heatmap)
    view.moved.connect(prompts.move_row)
    view.removed.connect(prompts.remove_row)
    view.added.connect(prompts.add_row)
    view.save_wanted.connect(save)
    view.load_wanted.connect(load)
    _show_table(widget)


def _show_table(widget: VlsegWidget) -> None:
    controller = widget.controller
    widget.table.show_table(
        controller.prompts.table, controller.relabel.automatic_threshold, controller.warnings
    )


def _show_reference_menu(widget: VlsegWidget, position: int, button: QWidget) -> None:
    """Where a reference is taken from: shapes or a label, on any image of the viewer."""
    references = widget.controller.references
    menu = QMenu(widget)
    menu.addAction(
        "Selected shapes, on the image in use", partial(references.from_shapes, position)
    )
    for image in references.images:
        if image is not widget.controller.images.layer:
            menu.addAction(
                f"Selected shapes, on {image.name}",
                partial(references.from_shapes, position, image),
            )
    menu.addSeparator()
    menu.addAction("Selected label of the labels layer", partial(references.from_label, position))
    menu.aboutToHide.connect(menu.deleteLater)
    menu.popup(button.mapToGlobal(button.rect().bottomLeft()))


def _wire_result(widget: VlsegWidget) -> None:
    controller, view = widget.controller, widget.result

    def show_targets() -> None:
        image = controller.images.layer
        if image is not None:
            with controller.told():
                layers = controller.results.candidates(image, controller.images.view(image))
                view.show_targets(layers, controller.labels)

    def choose_templates(name: str) -> None:
        controller.prompts.set_templates(TEMPLATES[name])

    view.edited.connect(controller.relabel.set_postprocess)
    view.policy_chosen.connect(controller.set_policy)
    view.target_chosen.connect(controller.set_target)
    view.templates_chosen.connect(choose_templates)
    view.visual_chosen.connect(controller.prompts.set_visual)
    controller.prompts.changed.connect(view.show_prompt_settings)
    controller.relabel.postprocess_changed.connect(view.show_postprocess)
    controller.policy_changed.connect(view.show_policy)
    controller.facts_changed.connect(show_targets)
    view.show_postprocess(controller.relabel.postprocess)
    view.show_prompt_settings(controller.prompts.table)
    view.show_policy(controller.policy)
    show_targets()


def _wire_run(widget: VlsegWidget) -> None:
    controller = widget.controller

    def show_facts() -> None:
        widget.status.show_facts(controller.facts())

    def show_outline() -> None:
        widget.run.show_outline(controller.clicks.short_name, controller.outlines)

    def notify(text: str, severity: str) -> None:
        notification_manager.dispatch(Notification(text, _SEVERITIES[severity]))

    def show_scope() -> None:
        image = controller.images.layer
        kinds = scope.kinds
        leading = scope.leading(image) if image is not None and "stack" in kinds else ()
        items = [(kind, described(kind, leading)) for kind in kinds]
        widget.run.show_scope(items, scope.kind, scope.planes)
        huge = blockwise.huge
        widget.run.show_region(huge.is_huge(image), huge.is_region(image))

    def show_outdated() -> None:
        widget.run.show_outdated(0 if controller.segmenter.busy else blockwise.thresholds_differ)

    scope, blockwise = controller.scope, controller.blockwise
    scope.changed.connect(show_scope)
    widget.run.scope_chosen.connect(scope.choose)
    widget.run.planes_typed.connect(scope.set_planes)
    for signal in (blockwise.changed, controller.prompts.changed, controller.facts_changed):
        signal.connect(show_outdated)
    controller.relabel.postprocess_changed.connect(show_outdated)
    widget.run.apply_wanted.connect(blockwise.apply_thresholds)
    widget.run.region_wanted.connect(blockwise.huge.toggle)
    show_scope()
    show_outdated()
    widget.run.segment_wanted.connect(widget.segment)
    widget.run.cancel_wanted.connect(controller.segmenter.cancel)
    widget.run.outline_toggled.connect(controller.set_outlines)
    controller.clicks.changed.connect(show_outline)
    widget.status.keys_wanted.connect(lambda: widget.keys.show_below(widget.status.help))
    controller.busy_changed.connect(widget.run.show_busy)
    controller.progress_changed.connect(widget.run.show_progress)
    controller.activity_changed.connect(widget.status.show_activity)
    controller.facts_changed.connect(show_facts)
    controller.message.connect(notify)
    controller.labels_touched.connect(lambda: widget.look_timer.start())
    asking, bar = controller.asking, widget.merge_bar
    asking.changed.connect(lambda: bar.show_question(asking.text))
    bar.answered.connect(lambda policy, always: asking.answer(policy, always=always))
    show_facts()
    show_outline()
    widget.status.show_activity("type what to find, then press Segment")


def _wire_clicks(widget: VlsegWidget) -> None:
    controller, view, desk = widget.controller, widget.click_box, widget.controller.clicks

    def show() -> None:
        step = None if desk.session is None else desk.session.step
        view.show_state(desk.tool, desk.name, desk.in_progress, step)
        view.show_classes(controller.prompts.table.rows, desk.row)
        widget.table.set_current(desk.row)
        widget.canvas_keys.set_on(desk.tool is not None)

    def choose_tool(name: str) -> None:
        widget.actions_of_keys[name]()

    def choose_row(position: int) -> None:
        if position != desk.row:
            desk.set_row(position)

    desk.changed.connect(show)
    view.tool_chosen.connect(choose_tool)
    view.model_chosen.connect(desk.choose_model)
    view.class_chosen.connect(choose_row)
    view.action_wanted.connect(lambda name: widget.actions_of_keys[name]())
    widget.table.current_changed.connect(choose_row)
    show()


def _wire_project(widget: VlsegWidget) -> None:
    view, desk = widget.project, widget.controller.desk

    def show() -> None:
        folder = None if desk.project is None else desk.project.folder
        view.show_project(folder, desk.worklist.counts, desk.busy, desk.keeper.trouble)

    def export(format_name: str, out: str, overwrite: bool) -> None:
        desk.export(format_name, Path(out), overwrite)

    def show_leftover() -> None:
        first = desk.leftovers.first
        widget.leftover.show_leftover("" if first is None else first.text)

    desk.changed.connect(show)
    desk.worklist.changed.connect(show)
    desk.leftovers.changed.connect(show_leftover)
    widget.leftover.restore_wanted.connect(desk.leftovers.restore)
    widget.leftover.discard_wanted.connect(desk.leftovers.discard)
    desk.leftovers.look()
    view.create_wanted.connect(lambda folder: desk.create(Path(folder)))
    view.open_wanted.connect(lambda folder: desk.open(Path(folder)))
    view.folder_wanted.connect(lambda folder: desk.open_folder([Path(folder)]))
    view.save_wanted.connect(desk.save)
    view.export_wanted.connect(export)
    show()


def _wire_worklist(widget: VlsegWidget) -> None:
    box, stepper, desk = widget.project.images, widget.stepper, widget.controller.desk.worklist

    def show() -> None:
        counts = desk.counts
        box.show_items(desk.items, desk.position, desk.wanted, counts)
        box.show_new_files(desk.n_new_files)
        stepper.show_place(desk.position, desk.items, counts)

    def on_key(name: str) -> Callable[[], object]:
        return widget.actions_of_keys[name]

    desk.changed.connect(show)
    box.chosen.connect(desk.go)
    box.filter_chosen.connect(desk.list_only)
    box.mark_wanted.connect(desk.mark)
    box.add_wanted.connect(desk.add_new_files)
    stepper.previous_wanted.connect(on_key("previous_image"))
    stepper.next_wanted.connect(on_key("next_image"))
    stepper.done_wanted.connect(on_key("done_and_next"))
    show()
