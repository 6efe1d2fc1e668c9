"""Whole planes on a cluster: the images of a folder, several at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from napari_vlseg.events import Event, Notice, Work
from napari_vlseg.proposals import ModelInfo
from napari_vlseg.workflow.blocks import BlockResult, BlockSource
from napari_vlseg.workflow.distributed.blocks import DaskRunner
from napari_vlseg.workflow.distributed.cluster import Cluster
from napari_vlseg.workflow.distributed.remote import remote_segmenter
from napari_vlseg.workflow.distributed.streaming import answered
from napari_vlseg.workflow.distributed.worker import PreparedModel, propose_planes
from napari_vlseg.workflow.plane_tasks import PlaneAnswer, PlaneQuestion, PlaneTask, TextQuestion


class DaskPlanes:
    """A `napari_vlseg.workflow.plane_tasks.PlaneRunner` on a cluster.

    Answers are those that this process would give: labels, objects, and notices too.

    Parameters
    ----------
    cluster : Cluster
    models : sequence of PreparedModel
        From `napari_vlseg.workflow.distributed.models.prepare_steps`.
    """

    def __init__(self, cluster: Cluster, models: Sequence[PreparedModel]) -> None:
        self._cluster = cluster
        self._models = tuple(models)

    @property
    def models(self) -> tuple[ModelInfo, ...]:
        """See `PlaneRunner.models`."""
        return tuple(model.info for model in self._models)

    def answers(
        self, question: PlaneQuestion, tasks: Iterator[PlaneTask], maps: bool
    ) -> Iterator[Event | PlaneAnswer]:
        """See `PlaneRunner.answers`."""
        call = partial(propose_planes, self._models, question, maps)
        for event in answered(self._cluster, call, tasks):
            if isinstance(event, PlaneAnswer) and event.proposals is not None:
                yield from map(Notice, event.proposals.notices)
            yield event

    def blocks(
        self,
        question: TextQuestion,
        source: BlockSource,
        folder: Path,
        planes: Sequence[tuple[int, ...]],
    ) -> Work[BlockResult]:
        """See `PlaneRunner.blocks`."""
        model = self._models[0]
        return question.segment_blocks(
            remote_segmenter(self._cluster, model),
            source,
            folder,
            planes,
            DaskRunner(self._cluster, model),
        )
