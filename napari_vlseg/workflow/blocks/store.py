"""The folder of a run: the probabilities of every block that is done."""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from napari_vlseg.errors import CacheError
from napari_vlseg.files import atomic_write_text, reading
from napari_vlseg.workflow.blocks.block_files import read_block, read_facts, write_block
from napari_vlseg.workflow.blocks.grid import Block, BlockGrid

RUN_FILE = "run.json"
_FORMAT = 1
_BLOCKS_IN_MEMORY = 12


class RunFolder:
    """Probabilities of the blocks of one run.

    Parameters
    ----------
    path : Path
        Of this run alone.
    grid : BlockGrid
        Of every plane.
    n_classes : int
    """

    def __init__(self, path: Path, grid: BlockGrid, n_classes: int) -> None:
        self.path = path
        self.grid = grid
        self.n_classes = n_classes
        self._recent: OrderedDict[tuple[str, int], np.ndarray | None] = OrderedDict()

    @classmethod
    def open(
        cls, folder: Path, facts: dict[str, Any], grid: BlockGrid, n_classes: int
    ) -> RunFolder:
        """The folder of a run within `folder`, made where there is none.

        Parameters
        ----------
        folder : Path
        facts : dict
            JSON: all that decides the probabilities beside the pixels. Runs with other facts
            have folders of their own.

        Raises
        ------
        CacheError
            If the folder can't be written.
        """
        text = json.dumps({"format": _FORMAT, **facts}, sort_keys=True)
        path = folder / hashlib.sha256(text.encode()).hexdigest()[:16]
        with reading(folder, CacheError):
            path.mkdir(parents=True, exist_ok=True)
        if not (path / RUN_FILE).exists():
            atomic_write_text(path / RUN_FILE, text + "\n", error=CacheError)
        return cls(path, grid, n_classes)

    def has(self, plane: str, block: int, key: str) -> bool:
        """Whether a block is done, and was computed from the pixels of a key."""
        return self.key(plane, block) == key

    def key(self, plane: str, block: int) -> str:
        """Key of the pixels that a block was computed from; empty where it is not done."""
        facts = read_facts(self._file(plane, block))
        return "" if facts is None else str(facts.get("pixels", ""))

    def put(self, plane: str, block: int, key: str, probabilities: np.ndarray | None) -> None:
        """Keep the probabilities of a block, float16 (C, h, w); None where there is nothing."""
        self._recent.pop((plane, block), None)
        write_block(self._file(plane, block), probabilities, {"pixels": key})

    def window(
        self, plane: str, rows: slice, cols: slice, done: Sequence[Block] | None = None
    ) -> np.ndarray:
        """Blended probabilities of a part of a plane, float32 (C, h, w).

        Parameters
        ----------
        plane : str
        rows, cols : slice
        done : sequence of Block, optional
            Blocks to take; all that see the part if omitted.

        Raises
        ------
        CacheError
            If a block is not there.
        """
        shape = (rows.stop - rows.start, cols.stop - cols.start)
        total = np.zeros((self.n_classes, *shape), np.float32)
        weight = np.zeros(shape, np.float32)
        for block in self.grid.touching(rows, cols) if done is None else done:
            spans = ((rows, block.rows), (cols, block.cols))
            here, there = zip(*(_shared(part, span) for part, span in spans), strict=True)
            share = np.outer(
                self.grid.weights(block.rows)[there[0]], self.grid.weights(block.cols)[there[1]]
            )
            weight[here] += share
            found = self._read(plane, block.number)
            if found is not None:
                total[(slice(None), *here)] += found[(slice(None), *there)] * share
        weight[weight == 0] = 1
        total /= weight
        return total

    def _read(self, plane: str, block: int) -> np.ndarray | None:
        key = plane, block
        if key not in self._recent:
            while len(self._recent) >= _BLOCKS_IN_MEMORY:
                self._recent.popitem(last=False)
            self._recent[key] = read_block(self._file(plane, block))
        self._recent.move_to_end(key)
        return self._recent[key]

    def _file(self, plane: str, block: int) -> Path:
        return self.path / "probabilities" / plane / f"{block:06d}.block"


def plane_name(index: Sequence[int]) -> str:
    """Folder name of a plane: its position on each leading axis."""
    return "-".join(f"{place:05d}" for place in index) or "plane"


def _shared(part: slice, span: Any) -> tuple[slice, slice]:
    """What a window and a block share, in pixels of either."""
    low, high = max(part.start, span.start), min(part.stop, span.stop)
    return slice(low - part.start, high - part.start), slice(low - span.start, high - span.start)
