"""Pairs of scenes that share unnamed kinds of object: generated once, kept in memory."""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from typing import TypeAlias

from napari_vlseg.training.scenes import Scene, generate_novel_pair

ScenePair: TypeAlias = tuple[Scene, Scene]

_CHUNK = 25


def generate_novel_pairs(
    first_seed: int, count: int, size: int, workers: int = 0, *, held_out: bool = False
) -> tuple[ScenePair, ...]:
    """Pairs of consecutive seeds; the number of workers does not change them.

    Parameters
    ----------
    first_seed, count : int
        Seeds ``first_seed`` … ``first_seed + count - 1``.
    size : int
        Side of the images in pixels.
    workers : int
        Processes; 0 for one per processor core.
    held_out : bool
        Draw from the outlines, textures and stainings that training never sees.
    """
    make = partial(generate_novel_pair, size=size, held_out=held_out)
    seeds = range(first_seed, first_seed + count)
    workers = workers or os.cpu_count() or 1
    if workers == 1 or count <= _CHUNK:
        return tuple(make(seed) for seed in seeds)
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        return tuple(pool.map(make, seeds, chunksize=_CHUNK))
