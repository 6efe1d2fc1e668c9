"""The part of the controller that segments stacks and large planes. No Qt in here."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from napari.layers import Image, Labels
from psygnal import Signal

from napari_vlseg.errors import VlsegError
from napari_vlseg.events import Event, Notice, Partial, Progress
from napari_vlseg.images import ImageView, plane_shape
from napari_vlseg.models.base import DenseSegmenter
from napari_vlseg.proposals import Proposals
from napari_vlseg.ui.blockwise.coming import Coming
from napari_vlseg.ui.blockwise.folders import runs_folder
from napari_vlseg.ui.blockwise.huge import Huge, overview_job, overview_threshold_job
from napari_vlseg.ui.blockwise.jobs import (
    Gate,
    Look,
    PlaneReady,
    Region,
    Request,
    blocks_job,
    kept_proposals,
    threshold_job,
)
from napari_vlseg.ui.blockwise.overview import Taking
from napari_vlseg.ui.editing.composed import Target, Written
from napari_vlseg.ui.geometry import image_array
from napari_vlseg.ui.jobs import ModelSettings, compose_job
from napari_vlseg.ui.progress import Clock
from napari_vlseg.ui.prompt_editor import Question, question
from napari_vlseg.ui.results import Place
from napari_vlseg.ui.runner import Handlers
from napari_vlseg.ui.scope import Index
from napari_vlseg.ui.segmenter import MODEL_LANE
from napari_vlseg.workflow.blocks.answering import STAGE
from napari_vlseg.workflow.blocks.results import BlockResult
from napari_vlseg.workflow.blocks.segmenting import Focus
from napari_vlseg.workflow.blocks.tasks import BlockRunner

if TYPE_CHECKING:
    from napari_vlseg.ui.controller import Controller

PLANE_LANE = "planes"
_MOST_TRIES = 4


@dataclass(frozen=True, eq=False)
class Made:
    """What a run made of a plane, as long as nothing else happens to it.

    Attributes
    ----------
    result : BlockResult
        Of this plane.
    region : tuple of slice
    is_whole : bool
        Whether the region is all of the plane.
    look : Look
    """

    result: BlockResult
    region: Region
    is_whole: bool
    look: Look


@dataclass(eq=False)
class Asked:
    """A run on its way."""

    image: Image
    view: ImageView
    data: Any
    planes: tuple[Index, ...]
    is_region: bool
    op: str
    question: Question
    gate: Gate = field(default_factory=Gate)
    taking: Taking | None = None
    done: int = 0
    found: int = 0


class BlockwiseDesk:
    """Runs over many planes, and over parts of large ones; each plane is one edit.

    Parameters
    ----------
    controller : Controller
    make_runner : callable
        Gives what answers blocks for settings and a model; None is this machine.
    """

    changed = Signal()

    def __init__(
        self,
        controller: Controller,
        make_runner: Callable[[ModelSettings, DenseSegmenter], BlockRunner | None],
    ) -> None:
        self._controller = controller
        self._make_runner = make_runner
        self._made: WeakKeyDictionary[Labels, dict[Index, Made]] = WeakKeyDictionary()
        self._asked: Asked | None = None
        self._waiting: deque[tuple[Asked, PlaneReady]] = deque()
        self._is_composing = False
        self._why_stopped = ""
        self._clock = Clock()
        self._coming = Coming(controller)
        self.huge = Huge(controller)
        self._of_huge: WeakKeyDictionary[Image, BlockResult] = WeakKeyDictionary()

    # ---- what others may ask

    @property
    def busy(self) -> bool:
        """Whether a run is on its way, or planes of it are being put on the labels."""
        return self._asked is not None

    @property
    def thresholds_differ(self) -> int:
        """Planes of the image in use whose labels have other thresholds than the table."""
        image = self._controller.images.layer
        result = None if image is None else self._of_huge.get(image)
        if result is not None:
            return 0 if self._is_as_asked(result) else len(result.run.planes)
        return len(self._outdated())

    def made(self, labels: Labels, index: Index) -> Made | None:
        """What a run made of a plane, if it is the last thing a model said of it."""
        return self._made.get(labels, {}).get(index)

    # ---- what is done

    def start(self, image: Image, planes: tuple[Index, ...], within: Region | None = None) -> None:
        """Segment planes, or the part of one that is in view, in the background."""
        controller = self._controller
        if controller.segmenter.busy:
            return
        rows, cols = within or controller.scope.window(image)
        focus = Focus(
            controller.images.index(image),
            (rows.start + rows.stop) / 2,
            (cols.start + cols.stop) / 2,
        )
        request = Request(
            controller.images.whole(image),
            planes,
            focus,
            within,
            controller.prompts.table,
            controller.relabel.postprocess,
            controller.settings,
            runs_folder(),
        )
        asked = self._ask(image, planes, within is not None, "propose")
        cache = controller.embeddings if within is not None else None
        if self.huge.is_huge(image):
            taking = self.huge.taking(image, anew=within is None)
            models, make = controller.models, self._make_runner
            asked.taking = taking
            self._begin(asked, overview_job(models, request, cache, taking, make))
            return
        work = blocks_job(controller.models, request, cache, asked.gate, self._make_runner)
        self._begin(asked, work)
        if controller.outlines:
            controller.tell(
                "Outlines by the click model are drawn for single planes alone: "
                "choose “This plane” for them.",
                "warning",
            )

    def apply_thresholds(self) -> None:
        """Make all planes of the last runs follow the thresholds of the table; no model runs."""
        controller = self._controller
        image, labels = controller.images.layer, controller.labels
        if image is not None and image in self._of_huge and not controller.segmenter.busy:
            self._settle_huge(image, self._of_huge[image])
            return
        outdated = self._outdated()
        if image is None or labels is None or controller.segmenter.busy or not outdated:
            return
        planes = tuple(index for index, _ in outdated)
        self._settle(image, planes, [made.result for _, made in outdated])

    def settle_plane(self, image: Image, index: Index) -> bool:
        """Make a plane of which a part was segmented follow the table; False where none was."""
        controller = self._controller
        labels = controller.labels
        made = None if labels is None else self.made(labels, index)
        if made is None or made.is_whole or controller.segmenter.busy:
            return False
        if made.look == self._wanted(made.result):
            return True
        self._settle(image, (index,), [made.result])
        return True

    def stop_if_stale(self) -> None:
        """Stop where what is still to come could not be used any more; what is done stays."""
        reason = "" if self._asked is None else self._why_stale(self._asked)
        if reason:
            self._why_stopped = reason
            self._controller.say(reason)
            self._controller.runner.cancel(MODEL_LANE)

    def supersede(self, labels: Labels, index: Index) -> None:
        """A plane was segmented anew by itself."""
        if self._made.get(labels, {}).pop(index, None) is not None:
            self.changed.emit()

    def note_settled(self, labels: Labels, index: Index, proposals: Proposals) -> None:
        """The plane in view has the labels of other thresholds by now."""
        made = self.made(labels, index)
        if made is not None:
            post = proposals.postprocess
            result = replace(made.result, thresholds=proposals.thresholds, postprocess=post)
            look = Look(proposals.thresholds, self._shown(result), post)
            self._made[labels][index] = replace(made, result=result, look=look)
            self.changed.emit()

    # ---- a run

    def _ask(self, image: Image, planes: tuple[Index, ...], is_region: bool, op: str) -> Asked:
        controller = self._controller
        view = controller.images.view(image)
        asked = question(controller.prompts.table)
        return Asked(image, view, image.data, planes, is_region, op, asked)

    def _settle(self, image: Image, planes: tuple[Index, ...], runs: list[BlockResult]) -> None:
        asked = self._ask(image, planes, True, "threshold")
        wanted = [(result, self._wanted(result)) for result in runs]
        self._begin(asked, threshold_job(wanted, asked.gate))

    def _settle_huge(self, image: Image, result: BlockResult) -> None:
        look = self._wanted(result)
        thresholds = dict(zip(result.classes, look.thresholds, strict=True))
        taking = self.huge.taking(image, anew=True)
        asked = self._ask(image, result.run.planes, False, "threshold")
        post, asked.taking = look.postprocess, taking
        self._begin(asked, overview_threshold_job(result, thresholds, post, taking))

    def _is_as_asked(self, result: BlockResult) -> bool:
        look = self._wanted(result)
        return (result.thresholds, result.postprocess) == (look.thresholds, look.postprocess)

    def _begin(self, asked: Asked, work: Any) -> None:
        controller = self._controller
        self._asked, self._why_stopped, self._clock = asked, "", Clock()
        controller.say("starting …")
        handlers = Handlers(
            partial(self._on_event, asked),
            partial(self._on_done, asked),
            partial(self._on_failed, asked),
            lambda: self._end(asked, self._why_stopped or "cancelled"),
        )
        controller.runner.start(MODEL_LANE, work, handlers)
        controller.busy_changed.emit(controller.segmenter.busy)

    def _on_event(self, asked: Asked, event: Event) -> None:
        controller = self._controller
        if isinstance(event, PlaneReady):
            self._waiting.append((asked, event))
            self._compose_next()
        elif isinstance(event, Partial) and self.huge.is_huge(asked.image):
            self.huge.overview(asked.image)
        elif isinstance(event, Partial):
            self._coming.show(asked.image, event)
        elif isinstance(event, Progress) and not self._is_in_between(asked, event):
            state = self._clock.update(self._in_planes(asked, event))
            controller.progress_changed.emit(state)
            controller.say(state.text)
        elif isinstance(event, Notice):
            controller.tell(event.message, "warning")

    @staticmethod
    def _is_in_between(asked: Asked, event: Progress) -> bool:
        """Whether it tells of one plane among many, which says nothing of the run."""
        return asked.done > 0 and len(asked.planes) > 1 and event.total < len(asked.planes)

    def _in_planes(self, asked: Asked, event: Progress) -> Progress:
        """Progress of a run over planes counts planes: that is what a person thinks in."""
        if event.stage != STAGE or len(asked.planes) == 1 or not event.total:
            return event
        n_planes = len(asked.planes)
        done = event.done * n_planes // event.total
        return Progress("segmenting planes", done, n_planes)

    def _compose_next(self) -> None:
        """Put the next plane on the labels as they are by now, beside the window."""
        while not self._is_composing and self._waiting:
            asked, ready = self._waiting.popleft()
            if self._why_stale(asked):
                asked.gate.leave()
            else:
                self._is_composing = True
                self._compose(asked, ready, 1)

    def _compose(self, asked: Asked, ready: PlaneReady, tries: int) -> None:
        controller, said = self._controller, ready.proposals()
        place = self._place(asked, ready)

        def done(written: Written) -> None:
            is_written = True
            with controller.told():
                is_written = self._write(asked, ready, place, written)
                if not is_written and tries == _MOST_TRIES:
                    # Who never puts the brush down waits for it once.
                    here = self._place(asked, ready)
                    again = self._aim(asked, ready, here).compose(said)
                    is_written = self._write(asked, ready, here, again)
            if is_written:
                self._plane_ended(asked, ready)
            else:
                self._compose(asked, ready, tries + 1)  # a person drew in the meantime

        def failed(text: str) -> None:
            controller.tell(text, "error")
            self._plane_ended(asked, ready)

        try:
            target = self._aim(asked, ready, place)
        except VlsegError as error:
            failed(str(error))
            return
        ended = partial(self._plane_ended, asked, ready)
        handlers = Handlers(lambda event: None, done, failed, ended)
        controller.runner.start(PLANE_LANE, compose_job(said, target), handlers)

    def _place(self, asked: Asked, ready: PlaneReady) -> Place:
        return replace(self._controller.place(asked.image, ready.index), view=asked.view)

    def _aim(self, asked: Asked, ready: PlaneReady, place: Place) -> Target:
        """What a plane, or its region, is composed on."""
        assert ready.result is not None
        here = (ready.rows, ready.cols)
        region = None if self._is_whole(asked.image, here) else here
        shown = self._shown(ready.result)
        return self._controller.results.aim(place, asked.op, shown, region)

    def _write(self, asked: Asked, ready: PlaneReady, place: Place, written: Written) -> bool:
        """Put a plane on the labels; False where they are no longer what it was composed on."""
        assert ready.result is not None
        load: Callable[[], Proposals | None] = _nothing
        whole = written.region is None
        if whole:
            load = kept_proposals(written.made.proposals, ready.result.run, ready.index)
        layer = self._controller.results.write(place, written, load)
        if layer is not None:
            self._note(asked, layer, ready, whole, written)
        return layer is not None

    def _plane_ended(self, asked: Asked, ready: PlaneReady) -> None:
        self._is_composing = False
        self._coming.put_away(ready.index)
        asked.gate.leave()
        self._compose_next()

    def _note(
        self, asked: Asked, layer: Labels, ready: PlaneReady, whole: bool, written: Written
    ) -> None:
        assert ready.result is not None
        shown = written.made.basis.shown or ()
        look = Look(ready.result.thresholds, shown, ready.result.postprocess)
        made = Made(ready.result, (ready.rows, ready.cols), whole, look)
        self._made.setdefault(layer, {})[ready.index] = made
        asked.done += 1
        asked.found += len(written.made.rows)
        self._controller.mark_unsaved()
        self.changed.emit()

    def _on_done(self, asked: Asked, result: Any) -> None:
        if isinstance(result, BlockResult) and asked.taking is not None:
            self.huge.note_objects(asked.image, asked.taking, result.objects)
            self._of_huge[asked.image] = result
            self.huge.overview(asked.image)
            asked.found = len(result.objects)
        self._end(asked, "")

    def _on_failed(self, asked: Asked, text: str) -> None:
        self._end(asked, text)
        self._controller.message.emit(text, "error")

    def _end(self, asked: Asked, why: str) -> None:
        controller = self._controller
        self._asked = None
        self._coming.put_away()
        controller.say(self._summary(asked, why))
        controller.check_words()
        controller.busy_changed.emit(controller.segmenter.busy)
        controller.facts_changed.emit()
        self.changed.emit()
        if not why:
            controller.relabel.settle_if_changed()

    def _summary(self, asked: Asked, why: str) -> str:
        total = len(asked.planes)
        objects = f"{asked.found:,} object{'s'[: asked.found != 1]}"
        if why:
            if asked.op == "propose" and why == "cancelled":
                done = f"{asked.done} of {total} planes are done, " if total > 1 else ""
                return f"cancelled: {done}Segment goes on from there"
            return why
        where = f"on {total} planes" if total > 1 else "in view" if asked.is_region else ""
        return f"found {objects} {where}".rstrip()

    def _why_stale(self, asked: Asked) -> str:
        """Why what is still to come can't be used, or nothing."""
        controller, image = self._controller, asked.image
        if question(controller.prompts.table) != asked.question:
            return "the prompt changed: press Segment again"
        if image not in controller.viewer.layers:
            return "the image was removed, so the run was stopped"
        if image.data is not asked.data or controller.images.view(image) != asked.view:
            return "the image changed, so the run was stopped: press Segment again"
        return ""

    # ---- thresholds

    def _is_whole(self, image: Image, region: Region) -> bool:
        view = self._controller.images.view(image)
        shape = plane_shape(image_array(image), view)
        return all(
            (part.start, part.stop) == (0, side) for part, side in zip(region, shape, strict=True)
        )

    def _shown(self, result: BlockResult) -> tuple[str, ...]:
        rows = {row.name: row for row in self._controller.prompts.table.rows}
        return tuple(name for name in result.classes if name in rows and rows[name].visible)

    def _wanted(self, result: BlockResult) -> Look:
        """What the table asks for of a plane."""
        relabel = self._controller.relabel
        present = tuple(zip(result.classes, result.thresholds, strict=True))
        thresholds = relabel.wanted_thresholds(present, result.run.model)
        return Look(tuple(thresholds.values()), self._shown(result), relabel.postprocess)

    def _outdated(self) -> list[tuple[Index, Made]]:
        labels = self._controller.labels
        made = {} if labels is None else self._made.get(labels, {})
        return [(i, one) for i, one in sorted(made.items()) if one.look != self._wanted(one.result)]


def _nothing() -> None:
    """No probabilities of a plane are kept where only a part of it was segmented."""
