"""A model on a cluster with the face of one in this process."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from napari_vlseg.errors import CacheError, ModelError
from napari_vlseg.events import Notice, Work, run
from napari_vlseg.models.base import (
    Conditional,
    Embedding,
    PackedEmbedding,
)
from napari_vlseg.models.registry import specs
from napari_vlseg.prompts import ClassPrompt
from napari_vlseg.proposals import ModelInfo
from napari_vlseg.tiling import TilePlan
from napari_vlseg.visual_prompts import VisualPromptSettings
from napari_vlseg.workflow.distributed.cluster import Cluster
from napari_vlseg.workflow.distributed.remote_tasks import (
    AskedPlane,
    call_model,
    encode_plane,
    predict_plane,
)
from napari_vlseg.workflow.distributed.worker import PreparedModel

_HOMES = 64


class RemoteSegmenter:
    """A `DenseSegmenter` whose work is done by a worker of a cluster.

    A plane travels once; prompts on it are then answered by the worker that has encoded it,
    and by another that encodes it again where that one is lost. Build one with
    `remote_segmenter`.

    Parameters
    ----------
    cluster : Cluster
    prepared : PreparedModel
    """

    def __init__(self, cluster: Cluster, prepared: PreparedModel) -> None:
        self._cluster = cluster
        self._prepared = prepared
        self._homes: dict[str, str] = {}

    @property
    def cluster(self) -> Cluster:
        """Where it runs."""
        return self._cluster

    @property
    def is_lost(self) -> bool:
        """Whether the connection is gone, so that the model has to be made ready anew."""
        return self._cluster.is_lost

    @property
    def where(self) -> str:
        """Where it runs, in a few words."""
        n = self._cluster.n_workers
        return f"{n} worker{'s'[: n != 1]} at {self._cluster.address}"

    @property
    def prepared(self) -> PreparedModel:
        """The model as tasks name it."""
        return self._prepared

    @property
    def info(self) -> ModelInfo:
        """Name, revision, hash, and the device and precision of the worker."""
        return self._prepared.info

    @property
    def default_threshold(self) -> float:
        """See `DenseSegmenter.default_threshold`."""
        return self._prepared.default_threshold

    @property
    def class_thresholds(self) -> Mapping[str, float]:
        """Thresholds by class name that an adapter brought along."""
        return self._prepared.class_thresholds

    @property
    def default_edges(self) -> bool:
        """See `DenseSegmenter.default_edges`."""
        return self._prepared.default_edges

    @property
    def input_size(self) -> int:
        """See `DenseSegmenter.input_size`."""
        return self._prepared.input_size

    def embedding_key(
        self,
        plane: np.ndarray,
        working_scale: float | None = None,
        plan: TilePlan | None = None,
    ) -> str:
        """See `DenseSegmenter.embedding_key`; no key of a model in this process is the same."""
        digest = hashlib.sha256(repr((plane.shape, working_scale, plan, self.info)).encode())
        digest.update(np.ascontiguousarray(plane).data)
        return f"cluster-{digest.hexdigest()}"

    def encode(self, plane: np.ndarray, *, working_scale: float | None = None) -> Embedding:
        """See `DenseSegmenter.encode`."""
        return run(self.encode_steps(plane, working_scale=working_scale))

    def encode_steps(
        self,
        plane: np.ndarray,
        *,
        working_scale: float | None = None,
        plan: TilePlan | None = None,
    ) -> Work[Embedding]:
        """See `DenseSegmenter.encode_steps`; what was computed stays with the worker."""
        key = self.embedding_key(plane, working_scale, plan)
        found = yield from self._cluster.ask(
            encode_plane, self._prepared, AskedPlane(key, plane, working_scale, plan)
        )
        self._settle(key, found.worker)
        yield from map(Notice, found.notices)
        return Embedding(key, plane.shape[:2], found.plan, found.working_scale, (), plane)

    def pack(self, embedding: Embedding) -> PackedEmbedding:
        """Refused: what was encoded stays on the cluster.

        Raises
        ------
        CacheError
        """
        raise CacheError(f"What {self.info.name} encodes stays on {self._cluster.address}.")

    def unpack(self, packed: PackedEmbedding, plane: np.ndarray) -> Embedding:
        """Refused: see `pack`.

        Raises
        ------
        ModelError
        """
        raise ModelError(
            f"{self.info.name} runs on {self._cluster.address} and takes no kept embeddings: "
            "encode the plane again."
        )

    def condition(
        self,
        prompt: ClassPrompt,
        templates: Sequence[str] = ("{}",),
        visual: VisualPromptSettings | None = None,
    ) -> tuple[Conditional, list[Conditional]]:
        """See `DenseSegmenter.condition`."""
        return run(
            self._cluster.ask(call_model, self._prepared, "condition", prompt, templates, visual)
        )

    def predict(
        self, embedding: Embedding, prompts: Sequence[Conditional], *, edges: bool | None = None
    ) -> np.ndarray:
        """See `DenseSegmenter.predict`."""
        return run(self.predict_steps(embedding, prompts, edges=edges))

    def predict_steps(
        self, embedding: Embedding, prompts: Sequence[Conditional], *, edges: bool | None = None
    ) -> Work[np.ndarray]:
        """See `DenseSegmenter.predict_steps`."""
        asked = AskedPlane(embedding.key, None, embedding.working_scale, embedding.plan)
        home = self._homes.get(embedding.key, "")
        for one in (asked, replace(asked, plane=embedding.plane)):
            found = yield from self._cluster.ask(
                predict_plane, self._prepared, one, tuple(prompts), edges, near=home
            )
            if found.maps is not None:
                break
        self._settle(embedding.key, found.worker)
        yield from map(Notice, found.notices)
        return found.maps

    def unknown_words(self, phrase: str) -> list[str]:
        """See `DenseSegmenter.unknown_words`."""
        return run(self._cluster.ask(call_model, self._prepared, "unknown_words", phrase))

    def _settle(self, key: str, worker: str) -> None:
        """Remember who has a plane."""
        self._homes.pop(key, None)
        self._homes[key] = worker
        while len(self._homes) > _HOMES:
            del self._homes[next(iter(self._homes))]


class RemoteLatticeSegmenter(RemoteSegmenter):
    """A `RemoteSegmenter` of a `LatticeSegmenter`."""

    def lattice(
        self, shape: tuple[int, int], working_scale: float | None = None
    ) -> tuple[TilePlan, float]:
        """See `LatticeSegmenter.lattice`."""
        return run(self._cluster.ask(call_model, self._prepared, "lattice", shape, working_scale))


def remote_segmenter(cluster: Cluster, prepared: PreparedModel) -> RemoteSegmenter:
    """The face of a model that takes text and references.

    Raises
    ------
    ModelError
        If it takes clicks and boxes only.
    """
    if not prepared.is_dense:
        raise ModelError(
            f"The model “{prepared.info.name}” takes clicks and boxes, not text or references: "
            f"choose {', '.join(spec.name for spec in specs())}."
        )
    kind = RemoteLatticeSegmenter if prepared.has_lattice else RemoteSegmenter
    return kind(cluster, prepared)
