"""Images of any size, block by block."""

from __future__ import annotations

from napari_vlseg.workflow.blocks.finishing import rethreshold_blocks
from napari_vlseg.workflow.blocks.results import BlockResult, BlockRun
from napari_vlseg.workflow.blocks.segmenting import Focus, segment_blocks
from napari_vlseg.workflow.blocks.sources import BlockSource
from napari_vlseg.workflow.blocks.tasks import (
    BlockAnswer,
    BlockQuestion,
    BlockRunner,
    BlockTask,
    LocalRunner,
    answer_steps,
)

__all__ = [
    "BlockAnswer",
    "BlockQuestion",
    "BlockResult",
    "BlockRun",
    "BlockRunner",
    "BlockSource",
    "BlockTask",
    "Focus",
    "LocalRunner",
    "answer_steps",
    "rethreshold_blocks",
    "segment_blocks",
]
