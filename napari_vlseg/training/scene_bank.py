"""Many procedural scenes at hand: generated once, by several processes, kept in memory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

from napari_vlseg.training.scenes import Scene, generate_scene

TRAINING_SEEDS = range(1_000_000)
VALIDATION_SEEDS = range(1_000_000, 1_001_000)
_CHUNK = 50


@dataclass(frozen=True)
class SceneBank:
    """Scenes, and where each (kind, colour) of what has a name occurs.

    Attributes
    ----------
    scenes : tuple of Scene
    places : dict
        (kind, colour) → indices of the scenes that hold such an object.
    """

    scenes: tuple[Scene, ...]
    places: dict[tuple[str, str], tuple[int, ...]]

    @classmethod
    def of(cls, scenes: tuple[Scene, ...]) -> SceneBank:
        """Index the objects of scenes."""
        places: dict[tuple[str, str], list[int]] = {}
        for number, scene in enumerate(scenes):
            named = [thing for thing in scene.objects if not thing.recipe]
            for key in {(thing.kind, thing.colour) for thing in named}:
                places.setdefault(key, []).append(number)
        ordered = sorted(places.items())
        return cls(scenes, {key: tuple(numbers) for key, numbers in ordered})


def generate_scenes(first_seed: int, count: int, size: int, workers: int = 0) -> tuple[Scene, ...]:
    """Scenes of consecutive seeds; the number of workers does not change them.

    Parameters
    ----------
    first_seed, count : int
        Seeds ``first_seed`` … ``first_seed + count - 1``.
    size : int
        Side of the images in pixels.
    workers : int
        Processes; 0 for one per processor core.
    """
    workers = workers or os.cpu_count() or 1
    chunks = [
        (start, min(_CHUNK, first_seed + count - start), size)
        for start in range(first_seed, first_seed + count, _CHUNK)
    ]
    if workers == 1 or len(chunks) == 1:
        return tuple(scene for chunk in chunks for scene in _generate_chunk(chunk))
    return tuple(_in_processes(chunks, min(workers, len(chunks))))


def _in_processes(chunks: list[tuple[int, int, int]], workers: int) -> Iterator[Scene]:
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        for scenes in pool.map(_generate_chunk, chunks):
            yield from scenes


def _generate_chunk(chunk: tuple[int, int, int]) -> list[Scene]:
    first, count, size = chunk
    return [generate_scene(seed, size=size) for seed in range(first, first + count)]
