"""What a run over blocks found, on arrays that need not fit into memory."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from napari_vlseg.prompts import PromptTable
from napari_vlseg.proposals import ModelInfo, PostProcess
from napari_vlseg.workflow.blocks.grid import Block, BlockGrid
from napari_vlseg.workflow.blocks.sources import Index
from napari_vlseg.workflow.blocks.store import RunFolder, plane_name


@dataclass(frozen=True, eq=False)
class BlockRun:
    """A run over blocks: where its probabilities are, and what they are of.

    Attributes
    ----------
    store : RunFolder
    planes : tuple of tuple of int
        Position of each plane on the leading axes.
    leading : tuple of int
        How many planes there are along each leading axis.
    shape : tuple of int
        (H, W) of the labels; a multiple of that of the grid where a coarser level was read.
    blocks : tuple of int
        Numbers of the blocks of each plane that are labelled.
    prompts : PromptTable
    model : ModelInfo
    working_scale : float or None
        Image pixels per model pixel.
    edges : bool or None
    """

    store: RunFolder
    planes: tuple[Index, ...]
    leading: tuple[int, ...]
    shape: tuple[int, int]
    blocks: tuple[int, ...]
    prompts: PromptTable
    model: ModelInfo
    working_scale: float | None = None
    edges: bool | None = None

    @property
    def grid(self) -> BlockGrid:
        """Blocks of every plane."""
        return self.store.grid

    @property
    def classes(self) -> tuple[str, ...]:
        """One for each map."""
        return tuple(row.name for row in self.prompts.active)

    def probabilities(self, index: Index, rows: slice, cols: slice) -> np.ndarray:
        """Maps of a part of a plane, float32 (C, h, w), in pixels of the grid.

        Raises
        ------
        CacheError
            If the part was not computed.
        """
        return self.store.window(plane_name(index), rows, cols)

    def full(self, block: Block) -> tuple[slice, slice]:
        """Pixels of the labels that are a block's own."""
        rows, cols = (
            slice(*(round(place * whole / extent) for place in core))
            for core, whole, extent in zip(
                (block.rows.core, block.cols.core), self.shape, self.grid.shape, strict=True
            )
        )
        return rows, cols

    def enlarged(self, block: Block, labels: np.ndarray) -> np.ndarray:
        """Labels of a block's core in pixels of the labels."""
        if self.shape == self.grid.shape:
            return labels
        for axis, (part, core, whole, extent) in enumerate(
            zip(
                self.full(block),
                (block.rows.core, block.cols.core),
                self.shape,
                self.grid.shape,
                strict=True,
            )
        ):
            places = ((np.arange(part.start, part.stop) + 0.5) * extent / whole).astype(int)
            labels = labels.take(np.clip(places, core[0], core[1] - 1) - core[0], axis)
        return labels


@dataclass(frozen=True, eq=False)
class BlockResult:
    """Labels and objects of a run.

    Attributes
    ----------
    labels : array-like, uint32
        Leading axes of the image and (H, W), on disk; 0 is background. Instances of all
        planes have different numbers; in semantic mode the values are 1 + class index.
    objects : pandas.DataFrame
        `OBJECT_COLUMNS` and ``plane``: its position on the leading axes with commas between.
    thresholds : tuple of float
        One per class.
    postprocess : PostProcess
    run : BlockRun
        Its probabilities, for other thresholds.
    notices : tuple of str
    """

    labels: Any
    objects: pd.DataFrame
    thresholds: tuple[float, ...]
    postprocess: PostProcess
    run: BlockRun
    notices: tuple[str, ...] = ()

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names, by class index."""
        return self.run.classes


def objects_folder(run: BlockRun, thresholds: Sequence[float], post: PostProcess) -> Path:
    """Where the objects of blocks are kept for some thresholds."""
    text = json.dumps([list(thresholds), repr(post)])
    return run.store.path / f"objects-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
