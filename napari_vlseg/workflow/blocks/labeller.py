"""Labels of blocks, each as soon as all that it looks at is there."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from napari_vlseg.errors import CacheError
from napari_vlseg.events import Partial, Progress, Work
from napari_vlseg.proposals import PostProcess
from napari_vlseg.workflow.blocks.grid import Block
from napari_vlseg.workflow.blocks.labelling import (
    HALO,
    BlockObjects,
    around,
    find_objects,
    read_objects,
    write_objects,
)
from napari_vlseg.workflow.blocks.results import BlockRun, objects_folder
from napari_vlseg.workflow.blocks.stitching import matches
from napari_vlseg.workflow.blocks.store import plane_name

_IN_MEMORY = 8
_FIRST_LOOKS = 2
"""Blocks that are shown before their neighbours are done."""


class Labelling:
    """Labels blocks once all that they look at is there.

    Parameters
    ----------
    run : BlockRun
    thresholds : sequence of float
        One per class.
    post : PostProcess
    """

    def __init__(self, run: BlockRun, thresholds: Sequence[float], post: PostProcess) -> None:
        self.run = run
        self.thresholds = tuple(thresholds)
        self.post = post
        self.halo = round(HALO * max(1.0, run.grid.scale))
        self._folder = objects_folder(run, self.thresholds, post)
        self._wanted = frozenset(run.blocks)
        self._keys: dict[tuple[int, int], str] = {}
        self._labelled: set[tuple[int, int]] = set()
        self._recent: OrderedDict[tuple[int, int], BlockObjects] = OrderedDict()
        self._shown: dict[tuple[int, int], np.ndarray] = {}
        self._highest = 0
        self._looks = 0

    def take(self, place: int, number: int, key: str) -> Work[None]:
        """A block is done, computed from the pixels of a key: label what can be labelled."""
        self._keys[place, number] = key
        grid = self.run.grid
        block = grid.block(number)
        ready = False
        for other in grid.touching(*_wider(block.window, self.halo)):
            if other.number in self._wanted and self._is_ready(place, other):
                yield from self._label(place, other)
                ready = ready or other.number == number
        if not ready and number in self._wanted and self._looks < _FIRST_LOOKS:
            self._looks += 1
            yield from self._show_alone(place, block)

    def label_all(self) -> Work[None]:
        """Label every block of a run whose blocks are all done."""
        planes, blocks = self.run.planes, self.run.blocks
        for place, index in enumerate(planes):
            for number in self.needed():
                self._keys[place, number] = self.run.store.key(plane_name(index), number)
            for done, number in enumerate(blocks, start=place * len(blocks)):
                yield Progress("drawing labels", done, len(planes) * len(blocks))
                yield from self._label(place, self.run.grid.block(number))

    def is_labelled(self, place: int) -> bool:
        """Whether every block of a plane is labelled, for good."""
        return all((place, number) in self._labelled for number in self.run.blocks)

    def needed(self) -> list[int]:
        """Numbers of the blocks that must be answered on each plane, near ones first."""
        blocks = map(self.run.grid.block, self.run.blocks)
        seen = [[block.number, *self._around(block)] for block in blocks]
        return list(dict.fromkeys([n for n, *_ in seen] + [n for some in seen for n in some]))

    def objects(self, place: int, number: int) -> BlockObjects:
        """What a block holds."""
        at = place, number
        if at not in self._recent:
            found = read_objects(self._file(*at))
            if found is None:
                raise CacheError(
                    f"“{self._file(*at)}” is missing: run again, which computes it anew."
                )
            self._remember(at, found)
        self._recent.move_to_end(at)
        return self._recent[at]

    def _seen_by(self, block: Block) -> list[Block]:
        return self.run.grid.touching(*around(block, self.run.grid.shape, self.halo))

    def _is_ready(self, place: int, block: Block) -> bool:
        if (place, block.number) in self._labelled:
            return False
        return all((place, one.number) in self._keys for one in self._seen_by(block))

    def _label(self, place: int, block: Block) -> Work[None]:
        path = self._file(place, block.number)
        made_of = " ".join(self._keys[place, one.number] for one in self._seen_by(block))
        found = read_objects(path, made_of)
        if found is None:
            rows, cols = around(block, self.run.grid.shape, self.halo)
            maps = self.run.probabilities(self.run.planes[place], rows, cols)
            found = yield from find_objects(maps, rows, cols, block, self.thresholds, self.post)
            write_objects(path, found, made_of)
        self._labelled.add((place, block.number))
        self._remember((place, block.number), found)
        yield self._partial(place, block, found)

    def _show_alone(self, place: int, block: Block) -> Work[None]:
        """Show a block before its neighbours are there; nothing is kept of it."""
        rows, cols = block.core
        name = plane_name(self.run.planes[place])
        maps = self.run.store.window(name, rows, cols, [block])
        found = yield from find_objects(maps, rows, cols, block, self.thresholds, self.post)
        yield self._partial(place, block, found)

    def _partial(self, place: int, block: Block, found: BlockObjects) -> Partial:
        """The block with numbers of this run: those of its neighbours where objects go on."""
        numbers = np.arange(len(found.classes) + 1)
        if self.post.mode != "semantic":
            numbers[1:] += self._highest
            self._highest += len(found.classes)
            for other in self._around(block):
                known = self._shown.get((place, other))
                if known is not None and (place, other) in self._recent:
                    for mine, theirs in matches(found, self._recent[place, other]):
                        numbers[mine] = known[theirs]
            self._shown[place, block.number] = numbers
        labels = self.run.enlarged(block, numbers[found.core(block)].astype(np.uint32))
        return Partial(self.run.planes[place], *self.run.full(block), labels)

    def _around(self, block: Block) -> list[int]:
        return [b.number for b in self._seen_by(block) if b.number != block.number]

    def _remember(self, at: tuple[int, int], found: BlockObjects) -> None:
        while len(self._recent) >= _IN_MEMORY:
            self._recent.popitem(last=False)
        self._recent[at] = found

    def _file(self, place: int, number: int) -> Path:
        return self._folder / plane_name(self.run.planes[place]) / f"{number:06d}.block"


def _wider(window: tuple[slice, slice], halo: int) -> tuple[slice, slice]:
    rows, cols = (slice(part.start - halo, part.stop + halo) for part in window)
    return rows, cols
