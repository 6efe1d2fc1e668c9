"""The session: decides everything that the dock widget shows and does. No Qt in here.

Views call its methods and listen to its signals; long work goes through a `Runner`. An
answer is used only if the question is still the one that was asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from napari.components import ViewerModel
from napari.layers import Image, Labels
from psygnal import Signal

from napari_vlseg.errors import ImageError, VlsegError
from napari_vlseg.images import with_channels
from napari_vlseg.ui.arranging import arranged_layer
from napari_vlseg.ui.asking import MergeQuestion
from napari_vlseg.ui.blockwise.desk import BlockwiseDesk
from napari_vlseg.ui.blockwise.jobs import RunnerMaker
from napari_vlseg.ui.clicks.desk import ClickDesk
from napari_vlseg.ui.composing import Policy
from napari_vlseg.ui.editing.desk import EditDesk
from napari_vlseg.ui.geometry import Key, image_array, plane_key
from napari_vlseg.ui.image_choice import ImageChoice
from napari_vlseg.ui.jobs import (
    ClickModelLoader,
    ModelLoader,
    ModelSettings,
    load_by_registry,
)
from napari_vlseg.ui.planes import PlaneRecord
from napari_vlseg.ui.preferences import load_preferences, remember
from napari_vlseg.ui.progress import ProgressState
from napari_vlseg.ui.project_desk import ProjectDesk
from napari_vlseg.ui.prompt_editor import PromptEditor
from napari_vlseg.ui.propagation.desk import PropagationDesk
from napari_vlseg.ui.propagation.linking import LinkDesk
from napari_vlseg.ui.references import ReferenceTaker
from napari_vlseg.ui.relabel import Relabeller
from napari_vlseg.ui.remote import where_the_model_is
from napari_vlseg.ui.results import Place, Results
from napari_vlseg.ui.review.desk import ReviewDesk
from napari_vlseg.ui.runner import Runner
from napari_vlseg.ui.scope import Scope
from napari_vlseg.ui.segmenter import Segmenter
from napari_vlseg.ui.training.adapted import AdaptedModel
from napari_vlseg.ui.training.desk import TrainDesk
from napari_vlseg.ui.training.guide import Guide
from napari_vlseg.ui.training.thresholds import ThresholdDesk
from napari_vlseg.workflow.cache import EmbeddingCache
from napari_vlseg.workflow.disk_cache import DiskCache
from napari_vlseg.workflow.propose import vocabulary_notices


class Controller:
    """One session; one per dock widget.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
    runner : Runner
        Has long work done; `napari_vlseg.ui.workers.ThreadRunner` in the window.
    load : callable
        Loads a model, see `napari_vlseg.ui.jobs.load_by_registry`.
    load_clicks : callable
        Loads a model for clicks.
    make_runner : callable
        Gives what answers the blocks of stacks and large planes, see
        `napari_vlseg.ui.remote.where_the_model_is`.
    """

    busy_changed = Signal(bool)
    progress_changed = Signal(ProgressState)
    facts_changed = Signal()
    activity_changed = Signal(str)
    message = Signal(str, str)
    warnings_changed = Signal()
    labels_touched = Signal()
    policy_changed = Signal(str)

    def __init__(
        self,
        viewer: ViewerModel,
        runner: Runner,
        load: ModelLoader = load_by_registry,
        load_clicks: ClickModelLoader = load_by_registry,
        make_runner: RunnerMaker = where_the_model_is,
    ) -> None:
        self.viewer = viewer
        self.runner = runner
        self.images = ImageChoice(viewer)
        self.prompts = PromptEditor()
        self.editing = EditDesk(self)
        self.results = Results(viewer, self.editing)
        self.models = AdaptedModel(load)
        self.embeddings = EmbeddingCache(disk=DiskCache())
        self.settings = ModelSettings()
        self.policy: Policy = load_preferences().policy
        self.asking = MergeQuestion(self)
        self.outlines = False
        self.activity = ""
        self.warnings: dict[str, str] = {}
        self.edits = 0
        self.scope = Scope(self)
        self.segmenter = Segmenter(self)
        self.blockwise = BlockwiseDesk(self, make_runner)
        self.relabel = Relabeller(self)
        self.references = ReferenceTaker(self)
        self.desk = ProjectDesk(self)
        self.clicks = ClickDesk(self, load_clicks)
        self.through = PropagationDesk(self)
        self.linking = LinkDesk(self, self.through)
        self.review = ReviewDesk(self)
        self.training = TrainDesk(self)
        self.guide = Guide(self)
        self.thresholds = ThresholdDesk(self)
        self._last_image = self.images.layer
        self.prompts.changed.connect(self._on_prompts)
        self.images.changed.connect(self._on_image)
        viewer.layers.events.removed.connect(self._on_removed)

    # ---- what views may ask

    @property
    def labels(self) -> Labels | None:
        """The labels layer of the image in use."""
        image = self.images.layer
        return None if image is None else self.results.target(image)

    @property
    def n_objects(self) -> int:
        """Objects on the labels layer of the image in use."""
        if self.labels is None:
            return 0
        statuses = self.editing.table(self.labels).column("status")
        return len(statuses) - statuses.count("rejected")

    @property
    def record(self) -> PlaneRecord | None:
        """What is known about the plane in view."""
        image = self.images.layer
        return None if image is None else self.results.record(image, self.key(image))

    def key(self, image: Image, index: Sequence[int] | None = None) -> Key:
        """Where the plane in view, or another one, lies in the labels array of an image."""
        at = self.images.index(image) if index is None else index
        return plane_key(image, self.images.view(image), at)

    def place(self, image: Image, index: Sequence[int] | None = None) -> Place:
        """Where a result for the plane in view, or another one, goes."""
        return Place(
            image,
            self.images.view(image),
            self.key(image, index),
            self.results.target(image),
            self.policy,
        )

    @property
    def unsaved(self) -> bool:
        """Whether there are edits that no project holds."""
        return not self.desk.keeper.is_saved

    def facts(self) -> str:
        """Model, device and what there is, on one line."""
        model = self.models.peek(self.settings)
        name = self.settings.name.rstrip("/").rsplit("/", 1)[-1]
        training = self.models.training
        if training is not None and self.models.suits(self.settings):
            name += f" + {training.title}"
        parts = [
            name,
            f"device: {self.settings.device}"
            if model is None
            else str(getattr(model, "where", model.info.device)),
        ]
        if self.labels is not None:
            n = self.n_objects
            parts.append(f"{n} object{'' if n == 1 else 's'}")
            parts.append(self.desk.state)
        return " · ".join(parts)

    # ---- what views may do

    def set_settings(self, settings: ModelSettings) -> None:
        """Choose a model, or how it runs; takes effect with the next Segment."""
        self.settings = settings
        self.check_words()
        self.facts_changed.emit()

    def choose_model(self, name: str) -> None:
        """Use another model with the same settings; its working scale is its own."""
        if name != self.settings.name:
            self.set_settings(replace(self.settings, name=name, working_scale=None))

    def segment(self) -> None:
        """Segment what the scope says, in the background."""
        with self.told():
            image = self.images.require()
            self.prompts.table.active  # noqa: B018 - raises for an empty question
            if self.scope.kind == "view":
                index = self.images.index(image)
                self.blockwise.start(image, (index,), self.scope.window(image))
            elif self.scope.is_one_pass(image):
                self.segmenter.start()
            else:
                self.blockwise.start(image, self.scope.indices(image))

    def save_prompts(self, path: Path) -> None:
        """Write the prompt table to a JSON file."""
        with self.told():
            self.prompts.save(path)
            self.say(f"prompts saved to {path}")

    def load_prompts(self, path: Path) -> None:
        """Read the prompt table from a JSON file."""
        with self.told():
            self.prompts.load(path)
            self.look_as_prompts_say()
            self.say(f"prompts loaded from {path}")

    def name_axes(self, axes: str) -> None:
        """Say what the axes of the image in use are, by letters such as ZCYX."""
        with self.told():
            image = self.images.require()
            if self.results.target(image) is not None:
                raise ImageError(
                    f"“{image.name}” has labels on the axes it has: remove its labels layer "
                    "first, then name the axes."
                )
            arranged, view = arranged_layer(self.viewer, image, axes)
            self.images.choose(arranged)
            if view.channel_axis is not None:
                self.images.set_channel_axis(view.channel_axis)
            else:
                self.images.set_view(view)

    def look_as_prompts_say(self) -> None:
        """Look at the channels of the image in use as when the prompts were saved."""
        image = self.images.layer
        if image is not None:
            view = self.images.view(image)
            wanted = with_channels(view, self.prompts.table.channels, image_array(image))
            if wanted != view:
                self.images.set_view(wanted)

    def set_policy(self, policy: Policy) -> None:
        """Choose what becomes of labels that are there already."""
        self.policy = policy
        remember(policy=policy)
        self.policy_changed.emit(policy)

    def set_outlines(self, wanted: bool) -> None:
        """Choose whether the click model outlines what Segment finds."""
        self.outlines = wanted

    def set_target(self, layer: Labels | None) -> None:
        """Choose the labels layer for the image in use; None is a new one."""
        with self.told():
            self.results.set_target(self.images.require(), layer)
            if layer is not None:
                self.watch(layer)
            self.facts_changed.emit()

    def look_at_edits(self) -> None:
        """Take notice of what happened to labels since the last look."""
        self.editing.look_around()
        if self.editing.take_news():
            self.mark_unsaved()

    def mark_unsaved(self) -> None:
        """Note that something was changed."""
        self.edits += 1
        self.facts_changed.emit()

    def say(self, activity: str) -> None:
        """Show what is going on in the status line."""
        self.activity = activity
        self.activity_changed.emit(activity)

    @contextmanager
    def told(self) -> Iterator[None]:
        """Turn a `VlsegError` of the block into a message to the person."""
        try:
            yield
        except VlsegError as error:
            self.tell(str(error), "error")

    def tell(self, text: str, severity: str) -> None:
        """Tell the person something: "error", "warning" or "info"."""
        self.say(text)
        self.message.emit(text, severity)

    def watch(self, layer: Labels) -> None:
        """Journal a person's edits of a labels layer from now on."""
        self.editing.book(layer)

    def close(self) -> None:
        """Stop all work and let go of the viewer."""
        self.runner.close()
        self.clicks.close()
        self.review.stop()
        self.results.end_preview()
        self.images.close()
        self.viewer.layers.events.removed.disconnect(self._on_removed)
        self.editing.close()
        if self.models.peek(self.settings) is not None:
            self.models.base.let_go()

    # ---- what happens around

    def _on_prompts(self, table: Any) -> None:
        self.segmenter.stop_if_stale()
        self.blockwise.stop_if_stale()
        self.check_words()
        self.relabel.settle_if_changed()
        if self.labels is not None:
            self.mark_unsaved()

    def _on_image(self) -> None:
        image = self.images.layer
        if image is not self._last_image and not self.segmenter.busy:
            self.say("" if image is None else f"{image.name}: press Segment")
        self._last_image = image
        self.facts_changed.emit()

    def _on_removed(self, event: Any) -> None:
        self.segmenter.stop_if_stale()
        self.blockwise.stop_if_stale()
        self.facts_changed.emit()

    def check_words(self) -> None:
        """Find the words of each row that the loaded model never saw."""
        model = self.models.peek(self.settings)
        found: dict[str, str] = {}
        if model is not None:
            for row in self.prompts.table.rows:
                found[row.name] = " ".join(vocabulary_notices(model, (row,)))
        warnings = {name: text for name, text in found.items() if text}
        if warnings != self.warnings:
            self.warnings = warnings
            self.warnings_changed.emit()
