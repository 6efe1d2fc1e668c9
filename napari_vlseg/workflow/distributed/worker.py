"""What runs on a worker: pure functions of a recipe, a question and pixels.

A worker is one process. It loads a model at the first task that needs it, and does one task at
a time: a second one, of a worker with several threads, waits until the first is done.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from napari_vlseg.errors import ModelError
from napari_vlseg.events import run
from napari_vlseg.models.adapters import SUFFIX
from napari_vlseg.models.base import DenseSegmenter, LatticeSegmenter
from napari_vlseg.models.devices import choose_device, choose_dtype, precision_name
from napari_vlseg.models.registry import load, require_dense
from napari_vlseg.proposals import ModelInfo
from napari_vlseg.workflow.blocks.tasks import (
    BlockAnswer,
    BlockQuestion,
    BlockTask,
    answer_steps,
)
from napari_vlseg.workflow.distributed.allocator import keep_freed_memory
from napari_vlseg.workflow.distributed.recipes import ModelRecipe
from napari_vlseg.workflow.plane_tasks import PlaneAnswer, PlaneQuestion, PlaneTask, answer_plane

if TYPE_CHECKING:
    from napari_vlseg.models.spec import AnyModel

_DEVICE = "auto"
_ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True)
class PreparedModel:
    """A model that a worker has loaded, and what this machine has to know of it.

    Attributes
    ----------
    recipe : ModelRecipe
        With the precision that the worker chose, which all others then take.
    info : ModelInfo
    default_threshold : float
    class_thresholds : dict of str to float
    default_edges : bool
    input_size : int
        Side of the model's square input, in model pixels.
    is_dense, has_lattice : bool
        Whether it takes text, and whether it is a `LatticeSegmenter`.
    threads : int
        Threads that each task computes with.
    """

    recipe: ModelRecipe
    info: ModelInfo
    default_threshold: float
    class_thresholds: Mapping[str, float]
    default_edges: bool
    input_size: int
    is_dense: bool
    has_lattice: bool
    threads: int


def prepare(recipe: ModelRecipe, threads: int) -> PreparedModel:
    """Load a model, and tell of it.

    Raises
    ------
    ModelError
        If it can't be loaded here.
    """
    if recipe.precision == "auto":
        dtype = choose_dtype("auto", choose_device(_DEVICE))
        recipe = replace(recipe, precision=precision_name(dtype))
    with at_work(threads):
        model = loaded(recipe)
    return PreparedModel(
        recipe,
        model.info,
        getattr(model, "default_threshold", 0.5),
        dict(getattr(model, "class_thresholds", {})),
        getattr(model, "default_edges", False),
        model.input_size,
        isinstance(model, DenseSegmenter),
        isinstance(model, LatticeSegmenter),
        threads,
    )


def propose_planes(
    models: Sequence[PreparedModel], question: PlaneQuestion, maps: bool, task: PlaneTask
) -> PlaneAnswer:
    """Answer a `PlaneTask`; the probabilities come along where `maps`."""
    with at_work(models[0].threads):
        answer = run(answer_plane(question, [loaded(model.recipe) for model in models], task))
    if maps or answer.proposals is None:
        return answer
    none = np.zeros((len(answer.proposals.classes), 0, 0), np.float32)
    return replace(
        answer, proposals=replace(answer.proposals, probabilities=none, disagreement=None)
    )


def answer_block(model: PreparedModel, question: BlockQuestion, task: BlockTask) -> BlockAnswer:
    """Answer a `BlockTask`."""
    with at_work(model.threads):
        return run(answer_steps(require_dense(loaded(model.recipe)), question, task))


@contextmanager
def at_work(threads: int) -> Iterator[None]:
    """One task at a time, with as many threads as where the answer goes to.

    Sums of floating-point numbers come out differently in the last digits when they are divided
    among other numbers of threads; with the same number, answers are the same to the last bit.
    """
    with _ONE_AT_A_TIME:
        torch.set_num_threads(threads)
        yield


@lru_cache(maxsize=4)
def loaded(recipe: ModelRecipe) -> AnyModel:
    """The model of a recipe, loaded once in this process.

    Raises
    ------
    ModelError
        If it can't be loaded here.
    """
    keep_freed_memory()
    try:
        if not recipe.content:
            return _load(recipe.name, recipe)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, f"adapter{SUFFIX}")
            path.write_bytes(recipe.content)
            return _load(str(path), recipe)
    except ModelError as error:
        raise ModelError(f"On a worker: {error}") from error


def _load(name: str, recipe: ModelRecipe) -> AnyModel:
    return load(name, device=_DEVICE, precision=recipe.precision, offline=recipe.offline)
