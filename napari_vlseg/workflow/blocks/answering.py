"""The first stage of a run: blocks that are not done yet are read and answered."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from napari_vlseg.events import Notice, Progress, Work
from napari_vlseg.workflow.blocks.background import Background
from napari_vlseg.workflow.blocks.labeller import Labelling
from napari_vlseg.workflow.blocks.results import BlockRun
from napari_vlseg.workflow.blocks.sources import BlockSource, pixels_key
from napari_vlseg.workflow.blocks.store import plane_name
from napari_vlseg.workflow.blocks.tasks import (
    BlockAnswer,
    BlockQuestion,
    BlockRunner,
    BlockTask,
)

STAGE = "segmenting blocks"

_SAMPLE_SIDE = 128
"""Pixels along a window that is looked at for the background, for a model without tiles."""

_NOTHING = 0.05
"""Probability below which a model finds nothing in the background."""


@dataclass
class Answering:
    """The first stage of a run: every block is answered, and labelled once it can be.

    Attributes
    ----------
    run : BlockRun
    source : BlockSource
        At the resolution of the run's grid.
    labelling : Labelling
        Is told of each block that is done.
    background : Background
        What may be left out; nothing, until `learn_background`.
    notices : list of str
        What the model had to say, each once.
    """

    run: BlockRun
    source: BlockSource
    labelling: Labelling
    background: Background = field(default_factory=Background)
    notices: list[str] = field(default_factory=list)
    _keys: dict[int, str] = field(default_factory=dict)
    _settled: queue.SimpleQueue[tuple[int, bool]] = field(default_factory=queue.SimpleQueue)
    _stopped: threading.Event = field(default_factory=threading.Event)
    _done: int = 0
    _needed: list[int] = field(init=False)

    def __post_init__(self) -> None:
        self._needed = self.labelling.needed()

    def learn_background(self, runner: BlockRunner, question: BlockQuestion) -> Work[None]:
        """Find out what may be left out: where there is nothing, and the model says so."""
        grid = self.run.grid
        side = round(grid.side * grid.scale) if grid.side else _SAMPLE_SIDE
        background = yield from Background.search(self.source, self.run.planes, side)
        if background.pixels is None:
            return
        for event in runner.answers(question, iter([BlockTask(0, background.pixels)])):
            if isinstance(event, BlockAnswer):
                if event.probabilities.max() < _NOTHING:
                    self.background = background
            else:
                yield event

    def answer(self, runner: BlockRunner, question: BlockQuestion) -> Work[None]:
        """Have all blocks answered that are not done yet."""
        answers = runner.answers(question, self._tasks())
        try:
            for event in answers:
                if isinstance(event, BlockAnswer):
                    self._keep(event)
                    yield from self._block_done(event.number)
                elif isinstance(event, Notice):
                    yield from self._note(event.message)
                yield from self._take_settled()
                yield self._progress()
        finally:
            self._stopped.set()
            close = getattr(answers, "close", None)
            if close is not None:
                close()
        yield from self._take_settled()

    def _tasks(self) -> Iterator[BlockTask]:
        """Blocks whose answers are not there; runs in the thread that reads."""
        grid = self.run.grid
        for place, index in enumerate(self.run.planes):
            for number in self._needed:
                if self._stopped.is_set():
                    return
                block, name = grid.block(number), plane_name(index)
                pixels = self.source.read(index, *block.window)
                task = place * len(grid) + number
                key = self._keys[task] = pixels_key(pixels)
                if self.run.store.has(name, number, key):
                    self._settled.put((task, False))
                    continue
                plan, is_empty = grid.plan(block), False
                if self.background.color is not None:
                    shown = self.source.show(pixels)
                    if plan is None:
                        is_empty = self.background.covers(shown)
                    else:
                        plan = self.background.without_empty(plan, shown)
                        is_empty = not plan.tiles
                if is_empty:
                    self._settled.put((task, True))
                else:
                    yield BlockTask(task, pixels, plan)

    def _take_settled(self) -> Work[None]:
        """Blocks that need no answer, since the reader found so."""
        while not self._settled.empty():
            task, is_empty = self._settled.get()
            if is_empty:
                self._keep(BlockAnswer(task, np.zeros(0, np.float16)))
            yield from self._block_done(task)

    def _keep(self, answer: BlockAnswer) -> None:
        place, number = divmod(answer.number, len(self.run.grid))
        found = answer.probabilities if answer.probabilities.size else None
        name = plane_name(self.run.planes[place])
        self.run.store.put(name, number, self._keys[answer.number], found)

    def _block_done(self, task: int) -> Work[None]:
        place, number = divmod(task, len(self.run.grid))
        self._done += 1
        yield self._progress()
        yield from self.labelling.take(place, number, self._keys.pop(task))

    def _progress(self) -> Progress:
        return Progress(STAGE, self._done, len(self.run.planes) * len(self._needed))

    def _note(self, message: str) -> Iterator[Notice]:
        if message not in self.notices:
            self.notices.append(message)
            yield Notice(message)
