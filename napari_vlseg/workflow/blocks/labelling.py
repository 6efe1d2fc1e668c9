"""The objects of one block, seen with what is around it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from napari_vlseg.events import Work
from napari_vlseg.masks import label_steps
from napari_vlseg.proposals import PostProcess
from napari_vlseg.workflow.blocks.block_files import read_block, read_facts, write_block
from napari_vlseg.workflow.blocks.grid import Block
from napari_vlseg.workflow.uncertainty import object_uncertainty

HALO = 128
"""Pixels around the core of a block in which objects are looked for too, so that one that
crosses a border is seen whole by both sides."""

COLUMNS = ("classes", "areas", "scores", "uncertainties", "first_rows", "first_cols")


@dataclass(frozen=True, eq=False)
class BlockObjects:
    """What a block knows of its objects 1 … n.

    Attributes
    ----------
    rows, cols : slice
        Pixels of the plane that were looked at.
    labels : numpy.ndarray, shape (h, w), int32
        Of these pixels.
    classes : numpy.ndarray, shape (n,), int64
        Class index.
    areas : numpy.ndarray, shape (n,), int64
        Pixels in the core; 0 for an object that lies beside it.
    scores, uncertainties : numpy.ndarray, shape (n,), float64
        Sum of the probability over those pixels, and the uncertainty of the object.
    first_rows, first_cols : numpy.ndarray, shape (n,), int64
        First pixel in the core, rows first, on the plane; -1 where there is none.
    """

    rows: slice
    cols: slice
    labels: np.ndarray
    classes: np.ndarray
    areas: np.ndarray
    scores: np.ndarray
    uncertainties: np.ndarray
    first_rows: np.ndarray
    first_cols: np.ndarray

    def core(self, block: Block) -> np.ndarray:
        """Labels of the block's own pixels."""
        rows, cols = block.core
        return self.labels[
            rows.start - self.rows.start : rows.stop - self.rows.start,
            cols.start - self.cols.start : cols.stop - self.cols.start,
        ]


def around(block: Block, shape: tuple[int, int], halo: int) -> tuple[slice, slice]:
    """The core of a block and a halo, as far as the plane reaches."""
    rows, cols = block.core
    return (
        slice(max(rows.start - halo, 0), min(rows.stop + halo, shape[0])),
        slice(max(cols.start - halo, 0), min(cols.stop + halo, shape[1])),
    )


def find_objects(
    probabilities: np.ndarray,
    rows: slice,
    cols: slice,
    block: Block,
    thresholds: Sequence[float],
    post: PostProcess,
) -> Work[BlockObjects]:
    """Label what a block and its halo hold.

    Parameters
    ----------
    probabilities : numpy.ndarray, shape (C, h, w), float32
    rows, cols : slice
        Where they lie on the plane.
    block : Block
    thresholds : sequence of float
        One per class.
    post : PostProcess

    Yields
    ------
    Progress

    Returns
    -------
    BlockObjects
    """
    labels, stats = yield from label_steps(probabilities, thresholds, post)
    uncertainties = object_uncertainty(labels, stats, probabilities, thresholds)
    count = int(labels.max(initial=0))
    table = {name: np.zeros(count, np.float64) for name in COLUMNS}
    for stat, uncertainty in zip(stats, uncertainties, strict=True):
        table["classes"][stat.label - 1] = stat.class_index
        table["uncertainties"][stat.label - 1] = uncertainty
    found = _objects(rows, cols, labels, table)
    own = np.s_[:, _part(block.rows.core, rows), _part(block.cols.core, cols)]
    _measure(found.core(block), block, found, probabilities[own])
    return found


def write_objects(path: Path, found: BlockObjects, made_of: str) -> None:
    """Keep the objects of a block; errors as for `write_block`.

    Parameters
    ----------
    path : Path
    found : BlockObjects
    made_of : str
        What tells whether they are out of date, see `read_objects`.
    """
    facts: dict[str, Any] = {name: getattr(found, name).tolist() for name in COLUMNS}
    window = (found.rows.start, found.rows.stop, found.cols.start, found.cols.stop)
    facts |= {"made_of": made_of, "window": window}
    write_block(path, found.labels if found.labels.any() else None, facts)


def read_objects(path: Path, made_of: str | None = None) -> BlockObjects | None:
    """What `write_objects` kept.

    None where there is nothing that can be read, or where it was made of something else.
    """
    facts = read_facts(path)
    if facts is None or made_of not in (None, facts.get("made_of")):
        return None
    top, bottom, left, right = facts["window"]
    rows, cols = slice(top, bottom), slice(left, right)
    labels = read_block(path)
    if labels is None:
        labels = np.zeros((rows.stop - rows.start, cols.stop - cols.start), np.int32)
    return _objects(rows, cols, labels, {name: np.asarray(facts[name]) for name in COLUMNS})


def _objects(
    rows: slice, cols: slice, labels: np.ndarray, table: dict[str, np.ndarray]
) -> BlockObjects:
    whole = {
        name: values.astype(np.int64 if name not in ("scores", "uncertainties") else np.float64)
        for name, values in table.items()
    }
    return BlockObjects(rows, cols, labels, **whole)


def _measure(
    core: np.ndarray, block: Block, found: BlockObjects, probabilities: np.ndarray
) -> None:
    """Fill in areas, scores and first pixels within the core."""
    count = len(found.areas) + 1
    places = np.flatnonzero(core)
    values = core.ravel()[places]
    found.areas[:] = np.bincount(values, minlength=count)[1:]
    for index, probability in enumerate(probabilities):
        mine = found.classes == index
        sums = np.bincount(values, probability.ravel()[places], minlength=count)[1:]
        found.scores[mine] = sums[mine]
    first = np.full(count, -1, np.int64)
    first[values[::-1]] = places[::-1]  # the first pixel is written last
    there = first[1:] >= 0
    row, col = np.divmod(first[1:], core.shape[1])
    found.first_rows[:] = np.where(there, row + block.rows.core[0], -1)
    found.first_cols[:] = np.where(there, col + block.cols.core[0], -1)


def _part(core: tuple[int, int], window: slice) -> slice:
    return slice(core[0] - window.start, core[1] - window.start)
