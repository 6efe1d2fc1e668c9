"""The dock widget: composes the views; `wiring` ties them to the controller."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import napari
from qtpy.QtCore import QEvent, QObject, QTimer
from qtpy.QtWidgets import QTabWidget, QVBoxLayout, QWidget

from napari_vlseg.exporters import formats
from napari_vlseg.models.registry import specs
from napari_vlseg.samples import sample_names
from napari_vlseg.ui.canvas_context import keep_canvas_current
from napari_vlseg.ui.controller import Controller
from napari_vlseg.ui.garbage import look_at_all_again
from napari_vlseg.ui.jobs import ClickModelLoader, ModelLoader, load_by_registry
from napari_vlseg.ui.keys import CanvasKeys, key_texts, register_keys
from napari_vlseg.ui.layers import warm_up
from napari_vlseg.ui.review_wiring import object_tip, review_actions
from napari_vlseg.ui.through_wiring import through_actions
from napari_vlseg.ui.train_wiring import training_actions
from napari_vlseg.ui.views.click_box import TOOLS, ClickBox
from napari_vlseg.ui.views.header import ImageHeader, ModelHeader
from napari_vlseg.ui.views.leftover_line import LeftoverLine
from napari_vlseg.ui.views.merge_bar import MergeBar
from napari_vlseg.ui.views.parts import column
from napari_vlseg.ui.views.popups import ChannelsPopup, KeysPopup, SettingsPopup
from napari_vlseg.ui.views.project_tab import ProjectTab
from napari_vlseg.ui.views.prompt_table import PromptTableView
from napari_vlseg.ui.views.result_box import ResultBox
from napari_vlseg.ui.views.review_keys import ReviewKeys
from napari_vlseg.ui.views.review_tab import ReviewTab
from napari_vlseg.ui.views.run_box import RunBox
from napari_vlseg.ui.views.status import StatusLine
from napari_vlseg.ui.views.through_box import ThroughBox
from napari_vlseg.ui.views.train_tab import TrainTab
from napari_vlseg.ui.views.worklist_box import Stepper
from napari_vlseg.ui.wiring import wire
from napari_vlseg.ui.workers import ThreadRunner
from napari_vlseg.workflow.outlines import Tool

_LOOK_MS = 120
_AUTOSAVE_MS = 3000
_REVIEW_MS = 40
_TRAIN_MS = 250
_NUDGE = 0.05


class VlsegWidget(QWidget):
    """Prompt, correct and save, beside the canvas.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
    load : callable
        Loads a model, see `napari_vlseg.ui.jobs.load_by_registry`.
    load_clicks : callable
        Loads a model for clicks.
    """

    def __init__(
        self,
        napari_viewer: napari.viewer.Viewer,
        load: ModelLoader = load_by_registry,
        load_clicks: ClickModelLoader = load_by_registry,
    ) -> None:
        super().__init__()
        self._window_closes = False
        warm_up()
        self.runner = ThreadRunner(self)
        # napari hands plugins a proxy, which makes a new proxy of a layer each time it is asked
        # for one, so that nothing could be remembered of layers; and it has no public canvas.
        viewer = getattr(napari_viewer, "__wrapped__", napari_viewer)
        self.controller = Controller(viewer, self.runner, load, load_clicks)
        self.image = ImageHeader(sample_names())
        self.leftover = LeftoverLine()
        self.stepper = Stepper()
        self.model = ModelHeader(specs())
        self.table = PromptTableView()
        self.click_box = ClickBox(specs("clicks"))
        self.through = ThroughBox()
        self.result = ResultBox()
        self.run = RunBox()
        self.merge_bar = MergeBar()
        review = self.controller.review
        self.review = ReviewTab(partial(object_tip, self.controller), review.gallery.album.get)
        self.train = TrainTab()
        self.project = ProjectTab(formats())
        self.status = StatusLine()
        self.settings = SettingsPopup(self)
        self.channels = ChannelsPopup(self)
        self.keys = KeysPopup(self, key_texts())
        self.tabs = QTabWidget()
        self.look_timer = self._timer(_LOOK_MS, self.controller.look_at_edits)
        self.autosave_timer = self._timer(_AUTOSAVE_MS, self.controller.desk.autosave)
        self.autosave_timer.setSingleShot(False)
        self.autosave_timer.start()
        self.review_timer = self._timer(_REVIEW_MS, review.refresh)
        self.train_timer = self._timer(_TRAIN_MS, self.controller.training.prepare)
        self._lay_out()
        self.actions_of_keys = self._actions()
        canvas = viewer.window._qt_viewer.canvas.native
        self._let_canvas_be = keep_canvas_current(viewer, canvas)
        self.canvas_keys = CanvasKeys(canvas, self.actions_of_keys, self._hold_space)
        self.review_keys = ReviewKeys(canvas, self.review.table, self.actions_of_keys)
        wire(self)
        self._unbind = register_keys(viewer, self, self.actions_of_keys)
        self._closed = False
        controller = self.controller
        self.destroyed.connect(lambda *_: controller.close())

    def event(self, event: QEvent | None) -> bool:
        """Let go of the viewer when the widget leaves its dock, or the window closes."""
        kind, window = None if event is None else event.type(), self.window()
        gone = kind == QEvent.Type.ParentChange and self.parent() is None
        if kind == QEvent.Type.Hide and self._window_closes and window is not None:
            # What is in a window is hidden once the person has answered napari's last question.
            gone = not window.isVisible()
        if gone:
            self.shut_down()
        if kind == QEvent.Type.Show and window is not None:
            self._window_closes = False
            window.installEventFilter(self)
        return super().event(event)

    def eventFilter(  # noqa: N802 - Qt's name
        self, watched: QObject | None, event: QEvent | None
    ) -> bool:
        """Take notice of somebody who wants to close the window."""
        if event is not None and event.type() == QEvent.Type.Close and watched is self.window():
            self._window_closes = True
        return super().eventFilter(watched, event)

    def shut_down(self) -> None:
        """Save where a project is open, stop all work and listen no more."""
        if self._closed:
            return
        self._closed = True
        self.look_timer.stop()
        self.autosave_timer.stop()
        self.review_timer.stop()
        self.train_timer.stop()
        self.controller.clicks.put_down()
        self.controller.review.close()
        self.controller.look_at_edits()
        self.controller.desk.save_now()
        self.controller.close()
        self._let_canvas_be()
        self.canvas_keys.close()
        self.review_keys.close()
        self._unbind()
        look_at_all_again()

    def _lay_out(self) -> None:
        prompt = QWidget()
        inside = column(prompt)
        inside.addWidget(self.table, 1)
        inside.addWidget(self.click_box)
        inside.addWidget(self.through)
        inside.addWidget(self.result)
        inside.addWidget(self.run)
        inside.addWidget(self.merge_bar)
        self.tabs.addTab(prompt, "Prompt")
        self.tabs.setTabToolTip(0, "What to find, and the labels that are found")
        self.tabs.addTab(self.review, "Review")
        self.tabs.setTabToolTip(1, "Go through the objects of the image, and decide about each")
        self.tabs.addTab(self.train, "Train")
        self.tabs.setTabToolTip(2, "Teach the model what you corrected, and go back")
        self.tabs.addTab(self.project, "Project")
        self.tabs.setTabToolTip(3, "Save the work and export training sets")
        layout: QVBoxLayout = column(self)
        layout.addWidget(self.leftover)
        layout.addWidget(self.image)
        layout.addWidget(self.stepper)
        layout.addWidget(self.model)
        layout.addWidget(self.tabs, 1)
        layout.addWidget(self.status)
        self.setMinimumWidth(300)

    def _timer(self, milliseconds: int, timeout: Callable[[], object]) -> QTimer:
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.setInterval(milliseconds)
        timer.timeout.connect(timeout)
        return timer

    def _actions(self) -> dict[str, Callable[[], object]]:
        return {
            **self._click_actions(),
            **self._table_actions(),
            **through_actions(self),
            **review_actions(self),
            **training_actions(self),
        }

    def _click_actions(self) -> dict[str, Callable[[], object]]:
        clicks = self.controller.clicks
        return {
            **{name: partial(self.take_tool, name) for name in TOOLS},
            "click_commit": self._committed(clicks.commit),
            "click_new": self._committed(partial(clicks.commit, "new")),
            "click_add": partial(clicks.commit, "add"),
            "click_subtract": partial(clicks.commit, "subtract"),
            "click_replace": partial(clicks.commit, "replace"),
            "click_next": clicks.next_candidate,
            "click_previous": partial(clicks.next_candidate, -1),
            "click_undo": clicks.undo,
            "click_redo": clicks.redo,
            "click_drop": clicks.escape,
            "next_class": clicks.next_class,
            "refine": clicks.refine,
            "find_alike": self._committed(clicks.find_alike),
        }

    def _committed(self, action: Callable[[], object]) -> Callable[[], None]:
        """An action that comes after what is typed and not finished."""

        def act() -> None:
            self.table.commit()
            action()

        return act

    def _table_actions(self) -> dict[str, Callable[[], object]]:
        controller, prompts, table = self.controller, self.controller.prompts, self.table
        return {
            "segment": self.segment,
            "cancel": controller.segmenter.cancel,
            "next_scope": controller.scope.next,
            "region": controller.blockwise.huge.toggle,
            "apply_thresholds": controller.blockwise.apply_thresholds,
            "add_class": prompts.add_row,
            "remove_class": lambda: prompts.remove_row(table.current),
            "move_up": lambda: prompts.move_row(table.current, -1),
            "move_down": lambda: prompts.move_row(table.current, 1),
            "add_reference": lambda: controller.references.from_selection(table.current),
            "toggle_visible": lambda: prompts.toggle_visible(table.current),
            "lower": lambda: table.rows[table.current].nudge_threshold(-_NUDGE),
            "raise": lambda: table.rows[table.current].nudge_threshold(_NUDGE),
            "heatmap": lambda: controller.relabel.heatmap(table.current),
            "toggle_mode": controller.relabel.toggle_mode,
            "details": self.result.details.toggle,
            "save": controller.desk.save,
            "open": self.project.ask_open,
            "export": self.project.report_export,
            **self._worklist_actions(),
            "keys": lambda: self.keys.show_below(self.status.help),
        }

    def _worklist_actions(self) -> dict[str, Callable[[], object]]:
        worklist = self.controller.desk.worklist
        return {
            "next_image": self._committed(worklist.next_image),
            "previous_image": self._committed(worklist.previous_image),
            "done_and_next": self._committed(worklist.finish),
            "skip_and_next": self._committed(partial(worklist.finish, "skipped")),
        }

    def take_tool(self, name: Tool) -> None:
        """Take up a click tool, or put it down, and have keys go to the canvas."""
        self.controller.clicks.set_tool(name)
        if self.controller.clicks.tool is not None:
            self.canvas_keys.take_focus()

    def _hold_space(self, held: bool) -> None:
        self.controller.clicks.mouse.pans = held

    def segment(self) -> None:
        """Segment with what is typed, finished or not."""
        self.table.commit()
        if self.run.planes.hasFocus():
            self.controller.scope.set_planes(self.run.planes.text())
        self.controller.segment()

    def open_project(self, folder: Path) -> None:
        """Open a project and show its tab."""
        self.controller.desk.open(folder)
