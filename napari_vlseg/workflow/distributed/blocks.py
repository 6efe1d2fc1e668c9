"""Blocks of large images on a cluster."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from napari_vlseg.events import Event, Notice
from napari_vlseg.workflow.blocks.tasks import BlockAnswer, BlockQuestion, BlockTask
from napari_vlseg.workflow.distributed.cluster import Cluster
from napari_vlseg.workflow.distributed.streaming import answered
from napari_vlseg.workflow.distributed.worker import PreparedModel, answer_block


class DaskRunner:
    """A `napari_vlseg.workflow.blocks.tasks.BlockRunner` on a cluster.

    Answers are those of a `napari_vlseg.workflow.blocks.tasks.LocalRunner`.

    Parameters
    ----------
    cluster : Cluster
    model : PreparedModel
        From `napari_vlseg.workflow.distributed.models.prepare_steps`.
    """

    def __init__(self, cluster: Cluster, model: PreparedModel) -> None:
        self._cluster = cluster
        self._model = model

    def answers(
        self, question: BlockQuestion, tasks: Iterator[BlockTask]
    ) -> Iterator[Event | BlockAnswer]:
        """See `BlockRunner.answers`."""
        for event in answered(self._cluster, partial(answer_block, self._model, question), tasks):
            if isinstance(event, BlockAnswer):
                yield from map(Notice, event.notices)
            yield event
