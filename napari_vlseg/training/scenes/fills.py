"""Patterns of surfaces: how much of a second colour each point takes.

A pattern maps coordinates along and across an object (in its radii), the period of the
pattern and a generator to weights in [0, 1].
"""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from napari_vlseg.training.scenes.textures import noise_field

Field = npt.NDArray[np.floating]
Fill = Callable[[Field, Field, float, np.random.Generator], Field]


def _soft(signal: Field) -> Field:
    """0 and 1 with edges about a pixel wide, from a signal around 0."""
    return np.clip(0.5 + 2.5 * signal, 0, 1)


def _wave(position: Field, pitch: float) -> Field:
    return np.cos(2 * np.pi * position / pitch)


def _plain(along: Field, across: Field, pitch: float, rng: np.random.Generator) -> Field:
    return np.zeros(along.shape)


def _stripes(along: Field, across: Field, pitch: float, rng: np.random.Generator) -> Field:
    return _soft(_wave(along, pitch))


def _dots(along: Field, across: Field, pitch: float, rng: np.random.Generator) -> Field:
    return _soft(_wave(along, pitch) + _wave(across, pitch) - 0.7)


def _mesh(along: Field, across: Field, pitch: float, rng: np.random.Generator) -> Field:
    return _soft(np.maximum(_wave(along, 1.4 * pitch), _wave(across, 1.4 * pitch)) - 0.6)


def _gradient(along: Field, across: Field, pitch: float, rng: np.random.Generator) -> Field:
    return np.clip(0.5 + 0.55 * along, 0, 1)


def _grain(along: Field, across: Field, pitch: float, rng: np.random.Generator) -> Field:
    height, width = along.shape
    return np.clip(0.12 + 0.12 * noise_field((height, width), 1, rng), 0, 0.5)


def _patches(along: Field, across: Field, pitch: float, rng: np.random.Generator) -> Field:
    height, width = along.shape
    return _soft(noise_field((height, width), 4 + 4 * pitch, rng))


def _two_tone(along: Field, across: Field, pitch: float, rng: np.random.Generator) -> Field:
    return _soft(4 * along)


def _core(along: Field, across: Field, pitch: float, rng: np.random.Generator) -> Field:
    return _soft(4 * (pitch - np.hypot(along, across)))


def _checker(along: Field, across: Field, pitch: float, rng: np.random.Generator) -> Field:
    return _soft(2 * _wave(along, 1.5 * pitch) * _wave(across, 1.5 * pitch))


def _concentric(along: Field, across: Field, pitch: float, rng: np.random.Generator) -> Field:
    return _soft(_wave(np.hypot(along, across), pitch))


FILLS: MappingProxyType[str, Fill] = MappingProxyType(
    {
        "plain": _plain,
        "stripes": _stripes,
        "dots": _dots,
        "mesh": _mesh,
        "gradient": _gradient,
        "grain": _grain,
        "patches": _patches,
        "two-tone": _two_tone,
        "core": _core,
    }
)

HELD_OUT_FILLS: MappingProxyType[str, Fill] = MappingProxyType(
    {"checker": _checker, "concentric": _concentric}
)
"""Fills that training never draws, to measure how references carry over."""
