"""New labels from kept probabilities: thresholds, clean-up, visibility and heatmaps.

The model never runs here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_vlseg.errors import PromptError
from napari_vlseg.models.base import automatic_threshold
from napari_vlseg.models.registry import specs
from napari_vlseg.proposals import ModelInfo, PostProcess, Proposals
from napari_vlseg.ui.editing.composed import Written
from napari_vlseg.ui.geometry import plane_index
from napari_vlseg.ui.jobs import settle_job
from napari_vlseg.ui.layers import class_of, heatmaps_of, show_heatmap
from napari_vlseg.ui.results import Place
from napari_vlseg.ui.runner import Handlers
from napari_vlseg.ui.shelf import are_the_same
from napari_vlseg.workflow.propose import preview

if TYPE_CHECKING:
    from napari_vlseg.ui.controller import Controller

SETTLE_LANE = "settle"


@dataclass(frozen=True)
class Look:
    """How probabilities are turned into labels."""

    thresholds: tuple[tuple[str, float], ...]
    shown: tuple[str, ...]
    postprocess: PostProcess


class Relabeller:
    """The part of the controller that works on kept probabilities."""

    postprocess_changed = Signal(PostProcess)

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        self.postprocess = PostProcess()
        self._defaults = {spec.name: spec.default_threshold for spec in specs()}

    def automatic_threshold(self, class_name: str) -> float:
        """What "auto" stands for in the row of a class."""
        settings = self._controller.settings
        model = self._controller.models.peek(settings)
        if model is not None:
            return automatic_threshold(model, class_name)
        return self._defaults.get(settings.name, 0.5)

    def set_postprocess(self, postprocess: PostProcess) -> None:
        """Change the clean-up, and the labels in view with it."""
        self.postprocess = postprocess
        self.postprocess_changed.emit(postprocess)
        self.settle_if_changed()

    def toggle_mode(self) -> None:
        """Change between instances and classes."""
        other = "instances" if self.postprocess.mode == "semantic" else "semantic"
        self.set_postprocess(replace(self.postprocess, mode=other))

    def preview(self, name: str, threshold: float) -> None:
        """Show quickly what a threshold would give, while a slider moves."""
        controller = self._controller
        image, record = controller.images.layer, controller.record
        if image is None or record is None or record.proposals is None:
            return
        if name not in record.proposals.classes:
            return
        thresholds = {**dict(self._wanted(record.proposals).thresholds), name: threshold}
        classes = preview(record.proposals, thresholds)
        controller.results.preview(image, controller.key(image), classes)

    def settle_if_changed(self) -> None:
        """Make exact labels of the plane in view, if the table asks for other ones."""
        controller = self._controller
        image, record = controller.images.layer, controller.record
        if image is None or record is None:
            return
        if record.proposals is None:
            controller.blockwise.settle_plane(image, controller.images.index(image))
            return
        look = self._wanted(record.proposals)
        shown = record.basis.shown
        shown = record.proposals.classes if shown is None else shown
        if look == Look(_thresholds(record.proposals), shown, record.proposals.postprocess):
            controller.results.end_preview()
            return
        self._settle(controller.place(image), record.proposals, look)

    def replace_others(self) -> None:
        """Compose the plane in view anew so that its proposals replace what nobody touched."""
        controller = self._controller
        image, record = controller.images.layer, controller.record
        if image is not None and record is not None and record.proposals is not None:
            place = replace(controller.place(image), policy="replace")
            self._settle(place, record.proposals, self._wanted(record.proposals))

    def refresh_heatmaps(self) -> None:
        """Show the present probabilities on the heatmaps that are there."""
        controller = self._controller
        image, record = controller.images.layer, controller.record
        if image is None or record is None or record.proposals is None:
            return
        shown = set(map(class_of, heatmaps_of(controller.viewer, image)))
        for position, row in enumerate(controller.prompts.table.rows):
            if row.name in shown and row.name in record.proposals.classes:
                self.heatmap(position)

    def heatmap(self, position: int) -> None:
        """Show the probabilities of a class on the plane in view."""
        controller = self._controller
        with controller.told():
            image = controller.images.require()
            name = controller.prompts.table.rows[position].name
            record = controller.record
            proposals = None if record is None else record.proposals
            if proposals is None or name not in proposals.classes:
                raise PromptError(
                    f"There are no probabilities of “{name}” on this plane yet: press Segment."
                )
            values = proposals.probabilities[proposals.classes.index(name)]
            view, key = controller.images.view(image), controller.key(image)
            show_heatmap(controller.viewer, image, view, key, values, name)

    def wanted_thresholds(
        self, present: tuple[tuple[str, float], ...], made_by: ModelInfo
    ) -> dict[str, float]:
        """What the table asks for, by class.

        Parameters
        ----------
        present : tuple of (str, float)
            Classes of a result and the thresholds it has.
        made_by : ModelInfo
        """
        rows = {row.name: row for row in self._controller.prompts.table.rows}
        thresholds = {}
        for name, before in present:
            row = rows.get(name)
            if row is None:
                thresholds[name] = before
            elif row.threshold is None:
                thresholds[name] = self._automatic(made_by, name, before)
            else:
                thresholds[name] = row.threshold
        return thresholds

    def _wanted(self, proposals: Proposals) -> Look:
        rows = {row.name: row for row in self._controller.prompts.table.rows}
        thresholds = self.wanted_thresholds(_thresholds(proposals), proposals.model)
        shown = tuple(n for n in proposals.classes if n in rows and rows[n].visible)
        return Look(tuple(thresholds.items()), shown, self.postprocess)

    def _automatic(self, made_by: ModelInfo, class_name: str, present: float) -> float:
        """What "auto" stands for on a map: a matter of the model that made it."""
        model = self._controller.models.peek(self._controller.settings)
        if model is not None and (model.info.name, model.info.hashes) == (
            made_by.name,
            made_by.hashes,
        ):
            return automatic_threshold(model, class_name)
        return present if made_by.adapter_sha256 else self._defaults.get(made_by.name, present)

    def _settle(self, place: Place, proposals: Proposals, look: Look) -> None:
        controller = self._controller
        target = controller.results.aim(place, "threshold", look.shown)
        work = settle_job(proposals, dict(look.thresholds), look.shown, look.postprocess, target)

        def done(written: Written) -> None:
            self._on_settled(place, proposals, look, written)

        handlers = Handlers(lambda event: None, done, self._on_failed, self._on_cancelled)
        controller.runner.start(SETTLE_LANE, work, handlers)

    def _on_settled(self, place: Place, asked: Proposals, look: Look, written: Written) -> None:
        controller = self._controller
        record = controller.results.record(place.image, place.key)
        if record is None or not are_the_same(record.proposals, asked):
            return
        with controller.told():
            if controller.results.write(place, written) is None:
                # A person drew in the meantime.
                on = controller.results.target(place.image)
                self._settle(replace(place, on=on), asked, look)
                return
            controller.mark_unsaved()
            if place.on is not None:
                index = plane_index(place.image, place.view, place.key)
                controller.blockwise.note_settled(place.on, index, written.made.proposals)
            controller.say(found(written.made.proposals))
            if asked.refined_by is not None:
                controller.tell(written.made.proposals.notices[-1], "info")

    def _on_failed(self, text: str) -> None:
        self._on_cancelled()
        self._controller.tell(text, "error")

    def _on_cancelled(self) -> None:
        self._controller.results.end_preview()


def found(proposals: Proposals) -> str:
    """How much was found, and what to do if it is nothing."""
    n = len(proposals.objects)
    if n:
        return f"found {n} object{'' if n == 1 else 's'}"
    return "nothing found: lower the threshold, or try another word or a reference region"


def _thresholds(proposals: Proposals) -> tuple[tuple[str, float], ...]:
    return tuple(zip(proposals.classes, proposals.thresholds, strict=True))
