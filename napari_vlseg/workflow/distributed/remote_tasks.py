"""What a worker does for a `napari_vlseg.workflow.distributed.remote.RemoteSegmenter`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from napari_vlseg.events import Event, Notice, run
from napari_vlseg.models.base import Conditional, DenseSegmenter, Embedding, LatticeSegmenter
from napari_vlseg.models.registry import require_dense
from napari_vlseg.tiling import TilePlan
from napari_vlseg.workflow.cache import EmbeddingCache
from napari_vlseg.workflow.distributed.worker import PreparedModel, at_work, loaded

_KEPT_BYTES = 1 << 30


@dataclass(frozen=True, eq=False)
class AskedPlane:
    """A plane to encode, or the key of one that was.

    Attributes
    ----------
    key : str
        See `RemoteSegmenter.embedding_key`.
    plane : numpy.ndarray, shape (H, W, 3), float32 in [0, 1], or None
    working_scale : float or None
    plan : TilePlan or None
    """

    key: str
    plane: np.ndarray | None
    working_scale: float | None
    plan: TilePlan | None


@dataclass(frozen=True, eq=False)
class Encoded:
    """What becomes known by encoding.

    Attributes
    ----------
    worker : str
        Address of who has the embedding.
    plan : TilePlan
    working_scale : float
    notices : tuple of str
    """

    worker: str
    plan: TilePlan
    working_scale: float
    notices: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Predicted:
    """What a model says of a plane.

    Attributes
    ----------
    worker : str
        Address of who has the embedding.
    maps : numpy.ndarray, shape (n_prompts, H, W), float32 in [0, 1], or None
        None where the worker does not have the plane, and was not given it.
    notices : tuple of str
    """

    worker: str
    maps: np.ndarray | None
    notices: tuple[str, ...] = ()


def call_model(prepared: PreparedModel, method: str, *args: Any) -> Any:
    """A quick method of the model."""
    with at_work(prepared.threads):
        return getattr(loaded(prepared.recipe), method)(*args)


def encode_plane(prepared: PreparedModel, asked: AskedPlane) -> Encoded:
    """Encode a plane and keep the embedding."""
    notices: list[str] = []
    with at_work(prepared.threads):
        embedding = _embedding(prepared, asked, notices)
    return Encoded(_here(), embedding.plan, embedding.working_scale, tuple(notices))


def predict_plane(
    prepared: PreparedModel,
    asked: AskedPlane,
    prompts: Sequence[Conditional],
    edges: bool | None,
) -> Predicted:
    """Maps of a plane that it has, or is given."""
    notices: list[str] = []
    with at_work(prepared.threads):
        if asked.plane is None and _kept().get(asked.key) is None:
            return Predicted(_here(), None)
        embedding = _embedding(prepared, asked, notices)
        model = require_dense(loaded(prepared.recipe))
        maps = run(model.predict_steps(embedding, prompts, edges=edges), _noting(notices))
    return Predicted(_here(), maps, tuple(notices))


def _embedding(prepared: PreparedModel, asked: AskedPlane, notices: list[str]) -> Embedding:
    known = _kept().get(asked.key)
    if isinstance(known, Embedding):
        return known
    model: DenseSegmenter = require_dense(loaded(prepared.recipe))
    plan = {"plan": asked.plan} if isinstance(model, LatticeSegmenter) else {}
    plane = np.asarray(asked.plane)
    steps = model.encode_steps(plane, working_scale=asked.working_scale, **plan)
    embedding = replace(run(steps, _noting(notices)), key=asked.key)
    _kept().put(embedding)
    return embedding


@lru_cache(maxsize=1)
def _kept() -> EmbeddingCache:
    """What this worker has encoded for prompts to come."""
    return EmbeddingCache(_KEPT_BYTES)


def _noting(notices: list[str]) -> Callable[[Event], None]:
    """What keeps the notices among events."""

    def note(event: Event) -> None:
        if isinstance(event, Notice):
            notices.append(event.message)

    return note


def _here() -> str:
    from distributed import get_worker

    return get_worker().address
