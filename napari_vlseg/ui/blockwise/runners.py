"""Where the blocks of stacks and large planes are answered."""

from __future__ import annotations

from napari_vlseg.models.base import DenseSegmenter
from napari_vlseg.ui.jobs import ModelSettings
from napari_vlseg.workflow.blocks.tasks import BlockRunner


def this_machine(settings: ModelSettings, model: DenseSegmenter) -> BlockRunner | None:
    """Blocks are answered by the loaded model."""
    return None
