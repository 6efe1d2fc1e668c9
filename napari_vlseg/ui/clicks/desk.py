"""The part of the controller that outlines objects by clicks: decides, and holds the session."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image
from psygnal import Signal

from napari_vlseg.errors import ImageError, PromptError
from napari_vlseg.models.registry import DEFAULT_CLICK_MODEL
from napari_vlseg.object_prompts import ObjectPrompt
from napari_vlseg.prompts import ClassPrompt
from napari_vlseg.ui.clicks.answering import Answerer
from napari_vlseg.ui.clicks.canvas import CanvasMouse
from napari_vlseg.ui.clicks.committing import Committer
from napari_vlseg.ui.clicks.jobs import Answer
from napari_vlseg.ui.clicks.marks import Marks
from napari_vlseg.ui.clicks.spots import Spot, require_flat, spot_in_view
from napari_vlseg.ui.jobs import ClickModelLoader, LoadedModel, ModelSettings, load_by_registry
from napari_vlseg.ui.remote import address_of
from napari_vlseg.workflow.clicking import ClickSession
from napari_vlseg.workflow.committing import CommitMode
from napari_vlseg.workflow.outlines import Stroke, Tool, box_outline

if TYPE_CHECKING:
    from napari_vlseg.ui.controller import Controller

_HINTS: dict[Tool, str] = {
    "point": "click an object; Alt or right button: what it is not; Shift: take up an object",
    "box": "drag a box around an object",
    "scribble": "draw over an object; with Alt over what it is not",
    "lasso": "draw around an object; with Alt around what it is not",
}


class ClickDesk:
    """Outlines one object at a time on the plane in view, and commits it to the labels.

    Parameters
    ----------
    controller : Controller
    load : callable
        Loads a click model, see `napari_vlseg.ui.jobs.load_by_registry`.
    """

    changed = Signal()

    def __init__(self, controller: Controller, load: ClickModelLoader = load_by_registry) -> None:
        self._controller = controller
        self.name = DEFAULT_CLICK_MODEL
        self.tool: Tool | None = None
        self.row = 0
        """Position of the class in the prompt table that objects are committed to."""
        self.session: ClickSession | None = None
        self.target = 0
        """The object that is refined, or 0."""
        self.spot: Spot | None = None
        self.model = ""
        """Name and revision of the model that answered last."""
        self.marks = Marks(controller.viewer)
        self._laid_on: Image | None = None
        self.mouse = CanvasMouse(controller.viewer, self)
        self.committer = Committer(controller, self)
        self.models = LoadedModel(load)
        self._answerer = Answerer(controller, self.models, self._open_question, self._take)
        controller.images.changed.connect(self._on_image)
        controller.prompts.changed.connect(self._on_prompts)

    # ---- what views may ask

    @property
    def settings(self) -> ModelSettings:
        """The click model, run as the text model is."""
        settings = self._controller.settings
        # Clicks are answered here: each would wait for a cluster.
        device = settings.device if address_of(settings.device) is None else "auto"
        return replace(settings, name=self.name, device=device, working_scale=None, edges=None)

    @property
    def short_name(self) -> str:
        """The click model without its folder."""
        return self.name.rstrip("/").rsplit("/", 1)[-1]

    @property
    def class_name(self) -> str:
        """The class that a new object is committed to."""
        return self._class_row.name

    @property
    def _class_row(self) -> ClassPrompt:
        rows = self._controller.prompts.table.rows
        return rows[min(self.row, len(rows) - 1)]

    @property
    def in_progress(self) -> bool:
        """Whether an object is being outlined."""
        return self.session is not None and not self.session.is_empty

    # ---- tools, model and class

    def set_tool(self, tool: Tool | None) -> None:
        """Take up a tool, or put it down with None; the one in hand is put down too."""
        self.tool = None if tool == self.tool else tool
        if self.tool is None:
            self.put_down()
        else:
            self.mouse.listen()
            self._controller.say(_HINTS[self.tool])
            self._look_ahead()
            self._lay_out()
        self.changed.emit()

    def put_down(self) -> None:
        """Drop what is in progress, and give mouse and layers back to napari."""
        self.tool, self.session, self.target = None, None, 0
        self._answerer.stop()
        self.mouse.release()
        self.marks.remove()

    def choose_model(self, name: str) -> None:
        """Use another click model."""
        if name and name != self.name:
            self.name = name
            self.drop()
            self._answerer.forget()
            self._look_ahead()
        self.changed.emit()

    def set_row(self, row: int) -> None:
        """Commit to another class of the prompt table."""
        self.row = min(max(row, 0), len(self._controller.prompts.table.rows) - 1)
        self._show()

    def next_class(self) -> None:
        """Commit to the class after this one."""
        self.set_row((self.row + 1) % len(self._controller.prompts.table.rows))

    # ---- what a person draws; positions are in world coordinates

    def click(self, position: np.ndarray, include: bool) -> None:
        """Say that the object is at a place, or that it is not."""
        self._say(
            [position], lambda session, places: session.click(places[0, 0], places[0, 1], include)
        )

    def retract_click(self) -> None:
        """Take a click back that turned out to begin a drag."""
        if self.session is not None and self.session.step.tool == "point":
            self.session.retract()
            if self.session.is_empty:
                self.session = None
            self._show()

    def draw(self, path: Sequence[np.ndarray], include: bool) -> None:
        """Take what was drawn with a box, scribble or lasso tool."""

        def drawn(session: ClickSession, places: np.ndarray) -> None:
            if self.tool == "box":
                session.draw_box(places[0], places[-1], include)
            elif self.tool == "scribble":
                session.scribble(places, include)
            else:
                session.lasso(places, include)

        self._say(path, drawn)

    def sketch(self, path: Sequence[np.ndarray], include: bool) -> None:
        """Show what is being drawn."""
        if self.tool is None:
            return
        with suppress(ImageError):  # the end of the drag says what is wrong
            spot = self._spot_in_view()
            self.marks.lie_on(spot)
            places = np.array([spot.place(position) for position in path], np.float32)
            if self.tool == "box":
                places = box_outline(places[0], places[-1])
            elif self.tool == "lasso":
                places = np.concatenate([places, places[:1]])
            here = self.session is not None and spot.is_like(self.spot)
            said = self.session.step.strokes if self.session is not None and here else ()
            self.marks.show_strokes((*said, Stroke(self.tool, places, include)))

    # ---- what a person does about it

    def undo(self) -> None:
        """Take the last step back; where there is none, the last change of the labels."""
        if self.session is not None and self.session.undo():
            if self.session.is_empty:
                self.session = None
            self._show()
        elif self._controller.labels is not None and not self.in_progress:
            self._controller.editing.undo()

    def redo(self) -> None:
        """Do again what was taken back."""
        if self.session is not None:
            if self.session.redo():
                self._show()
        elif self._controller.labels is not None:
            self._controller.editing.redo()

    def next_candidate(self, by: int = 1) -> None:
        """Look at another candidate."""
        if self.session is not None and self.session.cycle(by):
            self._show()

    def drop(self) -> None:
        """Forget the object in progress."""
        if self.session is not None:
            self.session, self.target = None, 0
            self._show()
            self._controller.say("dropped: click another object")

    def escape(self) -> None:
        """Drop the object in progress; where there is none, put the tool down."""
        if self.session is not None:
            self.drop()
        elif self.tool is not None:
            self.set_tool(None)

    def commit(self, mode: CommitMode | None = None) -> int:
        """Put the object on the labels; None replaces what is refined and else makes a new one.

        Returns
        -------
        int
            Its label; 0 where nothing was committed.
        """
        with self._controller.told():
            if self.session is None or self.session.outline is None:
                raise PromptError("There is no outline yet: click an object first.")
            if self.session.wanted is not None:
                raise PromptError("The outline is still on its way: commit it when it is there.")
            label = self.committer.commit(mode or ("replace" if self.target else "new"))
            self.session, self.target = None, 0
            self._show(said=True)
            return label
        return 0

    def refine(self) -> None:
        """Go on with the object under the pointer, or with the selected label."""
        self._refine(None)

    def refine_at(self, position: np.ndarray) -> None:
        """Go on with the object at a place."""
        self._refine(position)

    def find_alike(self) -> None:
        """Make the object a reference of its class, and look for others like it."""
        if self.session is not None and not self.commit():
            return
        with self._controller.told():
            self.committer.find_alike()

    def close(self) -> None:
        """Give the mouse back; the viewer may be closing, so that its layers are left alone."""
        self._answerer.stop()
        self.mouse.release()
        self._controller.images.changed.disconnect(self._on_image)
        self._controller.prompts.changed.disconnect(self._on_prompts)

    # ---- inside

    def _refine(self, position: np.ndarray | None) -> None:
        with self._controller.told():
            spot = self._spot_in_view()
            label, mask = self.committer.object_at(spot, position)
            if self.tool is None:
                self.set_tool("point")
            self.spot, self.target = spot, label
            self.session = ClickSession(mask.shape, mask)
            self.committer.choose_class_of(label)
            self.marks.lie_on(spot)
            self._show()
            self._look_ahead()

    def _say(
        self, path: Sequence[np.ndarray], change: Callable[[ClickSession, np.ndarray], None]
    ) -> None:
        """Let a session take what was said at places of the world, and ask about it."""
        with self._controller.told():
            spot = self._spot_in_view()
            if not spot.is_like(self.spot):
                self.session, self.target, self.spot = None, 0, spot
            self.marks.lie_on(spot)
            session = self.session or ClickSession(spot.shape)
            change(session, np.array([spot.place(position) for position in path]))
            self.session = session
        self._show(said=True)

    def _require_spot(self) -> Spot:
        if self.spot is None:
            raise PromptError("There is no click yet: choose a tool and click an object.")
        return self.spot

    def _spot_in_view(self) -> Spot:
        """The plane in view, if it can be clicked on."""
        controller = self._controller
        image = controller.images.require()
        require_flat(controller.viewer, image, controller.images.view(image))
        return spot_in_view(controller.images, image, self.settings)

    def _open_question(self) -> tuple[int, ObjectPrompt] | None:
        return None if self.session is None else self.session.wanted

    def _take(self, answer: Answer) -> None:
        if self.session is not None and self.session.answer(answer.number, answer.candidates):
            self.model = answer.model
            self._show()
            self._look_ahead()

    def _show(self, *, said: bool = False) -> None:
        """Show how things stand; `said` leaves the status line alone."""
        if self.session is not None and self.session.wanted is not None:
            self._answerer.ask(self._require_spot())  # first, so that it works while this draws
        elif not said and self.session is not None:
            self._controller.say(self._status(self.session))
        if self.spot is not None and self.marks.layers:
            self.marks.show(self.session, self._class_row.color)
        self.changed.emit()

    def _status(self, session: ClickSession) -> str:
        step, outline = session.step, session.outline
        if outline is None:
            return _HINTS[self.tool] if self.tool is not None else ""
        if not outline.mask.size:
            return "nothing found there: Tab for another candidate, or click again"
        goal = f"replaces object {self.target}" if self.target else f"commits to {self.class_name}"
        others = " · Tab: another candidate" if len(step.candidates) > 1 else ""
        return f"C {goal}{others}"

    def _look_ahead(self) -> None:
        """Have the plane in view and its neighbours in a stack encoded while nothing is asked."""
        image = self._controller.images.layer
        if self.tool is None or image is None:
            return
        with suppress(ImageError):  # a click says what is wrong
            spot = spot_in_view(self._controller.images, image, self.settings)
            self._answerer.prepare([spot, *spot.neighbours()])

    def _lay_out(self) -> None:
        """Make the layers before the first click needs them."""
        self._laid_on = self._controller.images.layer
        if self._laid_on is not None:
            with suppress(ImageError):  # a click says what is wrong
                self.marks.lie_on(self._spot_in_view())

    def _on_image(self) -> None:
        if self.spot is not None and self.spot.image not in self._controller.images.layers:
            self.session, self.target, self.spot = None, 0, None
            self.marks.remove()
            self._answerer.forget()
        if self.tool is not None and self._controller.images.layer is not self._laid_on:
            self._lay_out()
        self._look_ahead()
        self.changed.emit()

    def _on_prompts(self, table: Any) -> None:
        self.row = min(self.row, len(table.rows) - 1)
        self._show(said=True)
