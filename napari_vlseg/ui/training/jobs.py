"""What teaching a model has done beside the window: generators that touch neither layers nor Qt."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from napari_vlseg.corrections.store import Project
from napari_vlseg.errors import ModelError, PromptError, VlsegError
from napari_vlseg.events import Notice, Progress, T, Work
from napari_vlseg.images import ImageView
from napari_vlseg.models.base import DenseSegmenter
from napari_vlseg.models.clipseg import ClipSegSegmenter
from napari_vlseg.prompts import PromptTable
from napari_vlseg.proposals import PostProcess
from napari_vlseg.training.finetune.from_project import project_corrections
from napari_vlseg.training.finetune.project_run import require_trainable, with_rows_for
from napari_vlseg.training.finetune.settings import FinetuneSettings
from napari_vlseg.training.finetune.shelf import AdapterShelf, ShelfContent
from napari_vlseg.training.finetune.training import finetune
from napari_vlseg.ui.image_choice import Snapshot
from napari_vlseg.ui.jobs import ModelSettings
from napari_vlseg.ui.training.adapted import Adapted, AdaptedModel, Training, adapted, belongs
from napari_vlseg.ui.training.bank import Banks
from napari_vlseg.ui.training.outcome import Outcome, Pictures
from napari_vlseg.ui.training.pictures import outlined, region_of_change
from napari_vlseg.workflow.cache import EmbeddingCache
from napari_vlseg.workflow.propose import propose

PAUSE_S = 0.02
_PATIENCE_S = 60.0


@dataclass(frozen=True, eq=False)
class InView:
    """The plane in view, for pictures of it."""

    snapshot: Snapshot
    postprocess: PostProcess


@dataclass(frozen=True, eq=False)
class TrainRequest:
    """A training that somebody asked for.

    Attributes
    ----------
    models : AdaptedModel
    model : ModelSettings
        The model that learns.
    folder : Path
        The project that holds the corrections.
    table : PromptTable
    settings : FinetuneSettings
    views : mapping of str to ImageView
        How images of the project are looked at, by their id.
    cache : EmbeddingCache
    banks : Banks
    in_view : InView or None
    must_be_better : bool
        Whether it is used only if it is as good as what is in use.
    should_stop : callable
        Whether the best epoch so far is wanted now.
    is_written : callable
        Whether the project holds all edits.
    """

    models: AdaptedModel
    model: ModelSettings
    folder: Path
    table: PromptTable
    settings: FinetuneSettings
    views: Mapping[str, ImageView]
    cache: EmbeddingCache
    banks: Banks
    in_view: InView | None
    must_be_better: bool
    should_stop: Callable[[], bool]
    is_written: Callable[[], bool]


@dataclass(frozen=True, eq=False)
class Used:
    """Which training is used, and what is on the shelf.

    Attributes
    ----------
    content : ShelfContent
    training : Training or None
        None is the base model.
    made : Adapted or None
        What it makes of the loaded model, where one is loaded.
    """

    content: ShelfContent
    training: Training | None = None
    made: Adapted | None = None


@dataclass(frozen=True, eq=False)
class Trained:
    """What came of a training.

    Attributes
    ----------
    used : Used or None
        None where the model stays as it is.
    outcome : Outcome
    line : str
    """

    used: Used | None
    outcome: Outcome
    line: str


def train_job(request: TrainRequest) -> Work[Trained]:
    """Teach the base model all corrections of a project, and put what it learned on the shelf.

    Raises
    ------
    PromptError
        If nothing was corrected.
    ModelError
        If the model can't be trained, or the project can't be written.
    """
    yield from _until(request.is_written)
    project = Project.open(request.folder)
    planes = yield from project_corrections(project, request.views)
    if not any(plane.objects for plane in planes):
        raise PromptError(
            "There is nothing to learn from yet: accept, correct or draw objects of a class first."
        )
    base = require_trainable((yield from request.models.base.get(request.model)))
    before = yield from request.models.get(request.model)
    settings, shelf = request.settings, AdapterShelf(request.folder)
    bank = None
    if settings.replay_share:
        steps = request.banks.of(base, settings.replay_scenes, settings.seed).steps()
        bank = yield from steps
    with shelf.training_folder() as waiting:
        adapter = yield from finetune(
            base,
            with_rows_for(request.table, planes),
            planes,
            settings,
            working_scale=request.model.working_scale,
            cache=request.cache,
            bank=bank,
            folder=waiting,
            should_stop=request.should_stop,
            in_use=_comparable(before, request.models.training, settings),
        )
        outcome = Outcome.of("", adapter.card, adapter.thresholds)
        if request.must_be_better and outcome.is_worse:
            return Trained(None, outcome, _not_better(outcome))
        yield Progress("keeping what was learned", 0, 0)
        shelved = shelf.add(adapter)
    shelf.activate(shelved.number)
    made = adapted(base, Training(shelved.number, adapter))
    pictures = yield from _pictures(request, before, made)
    outcome = replace(outcome, title=shelved.title, pictures=pictures)
    return Trained(Used(shelf.look(), made.training, made), outcome, outcome.line)


def open_shelf_job(models: AdaptedModel, model: ModelSettings, folder: Path) -> Work[Used]:
    """What is on the shelf of a project, and the training that is used there.

    What can't be read is told of, and the base model is used.
    """
    yield Progress("looking for trainings", 0, 1)
    content = AdapterShelf(folder).look()
    for text in content.damaged:
        yield Notice(text)
    try:
        return _used(models, model, content)
    except ModelError as error:
        yield Notice(f"{error} The base model is used.")
        return Used(replace(content, active=None, damaged=(*content.damaged, str(error))))


def use_job(
    models: AdaptedModel, model: ModelSettings, folder: Path, number: int | None
) -> Work[Used]:
    """Use a training of a project's shelf; None is the base model.

    Raises
    ------
    ModelError
        If it is damaged, or the project can't be written.
    """
    yield Progress("changing the model", 0, 1)
    shelf = AdapterShelf(folder)
    used = _used(models, model, replace(shelf.look(), active=number))
    shelf.activate(number)
    return used


def _used(models: AdaptedModel, model: ModelSettings, content: ShelfContent) -> Used:
    shelved = content.get(content.active)
    if shelved is None:
        if content.active is not None:
            raise ModelError(f"There is no training {content.active:03d}: choose one of the list.")
        return Used(content)
    training, base = Training(shelved.number, shelved.read()), models.base.peek(model)
    if base is None or not belongs(base, training.adapter):
        return Used(content, training)
    return Used(content, training, adapted(base, training))


def _until(is_written: Callable[[], bool]) -> Work[None]:
    """Wait for the last edits to be in the project; not for ever, where its disk is full."""
    end = time.monotonic() + _PATIENCE_S
    while not is_written() and time.monotonic() < end:
        time.sleep(PAUSE_S)
        yield Progress("writing the last edits", 0, 0)


def _comparable(
    model: DenseSegmenter, training: Training | None, settings: FinetuneSettings
) -> ClipSegSegmenter | None:
    """The model in use, if it is a training that can be measured on what the next one sees.

    One that changed the encoder sees other activations than one that did not.
    """
    if training is None or not isinstance(model, ClipSegSegmenter):
        return None
    is_encoder_same = settings.trains_tower or not training.adapter.encoder
    return model if model.info.adapter_sha256 and is_encoder_same else None


def _not_better(outcome: Outcome) -> str:
    return (
        f"nothing better was learned from {outcome.n_objects} objects (Dice "
        f"{outcome.before:.2f} → {outcome.after:.2f}), so the model stays as it was"
    )


def _pictures(
    request: TrainRequest, before: DenseSegmenter, made: Adapted
) -> Work[Pictures | None]:
    """The plane in view as it is proposed before and after; None where nothing is asked of it."""
    if request.in_view is None:
        return None
    snapshot, model = request.in_view.snapshot, request.model
    try:
        plane = snapshot.plane()
        answers = []
        for asked in (before, made.model):
            asking = propose(
                asked,
                plane,
                request.table,
                postprocess=request.in_view.postprocess,
                working_scale=model.working_scale,
                edges=model.edges,
                cache=request.cache,
            )
            answers.append((yield from _without_notices(asking)))
    except VlsegError:
        return None  # the person is told where it is segmented
    region = region_of_change(*answers)
    first, second = (outlined(plane, said, region) for said in answers)
    return Pictures(first, second, _title(before, request.models), made.training.title)


def _without_notices(work: Work[T]) -> Work[T]:
    """The same work; what it has to tell is told where the person asks for it."""
    try:
        while True:
            event = next(work)
            if isinstance(event, Progress):
                yield event
    except StopIteration as stop:
        return stop.value
    finally:
        work.close()


def _title(model: DenseSegmenter, models: AdaptedModel) -> str:
    training = models.training
    return training.title if training is not None and model.info.adapter_sha256 else "base model"
