"""Outlines without a name in the vocabulary, and those reserved for measuring."""

from __future__ import annotations

from types import MappingProxyType

import numpy as np

from napari_vlseg.training.scenes.canvas import Stamp
from napari_vlseg.training.scenes.outlines import Points, Radius, polygon, radial

Centre = tuple[float, float]

_POLYGONS: MappingProxyType[str, tuple[tuple[float, float], ...]] = MappingProxyType(
    {
        "bar": ((-0.45, -1.15), (-0.45, 1.15), (0.45, 1.15), (0.45, -1.15)),
        "trapezoid": ((-0.7, -0.55), (-0.7, 0.55), (0.7, 1.1), (0.7, -1.1)),
        "kite": ((-1.2, 0), (-0.3, 0.75), (1.1, 0), (-0.3, -0.75)),
        "arrow": (
            (-0.35, -1.1),
            (-0.35, 0.1),
            (-0.95, 0.1),
            (0, 1.25),
            (0.95, 0.1),
            (0.35, 0.1),
            (0.35, -1.1),
        ),
        "ell": ((-1, -0.8), (-1, -0.1), (0.4, -0.1), (0.4, 0.9), (1.05, 0.9), (1.05, -0.8)),
        "tee": (
            (-1, -1),
            (-1, 1),
            (-0.35, 1),
            (-0.35, 0.35),
            (1.1, 0.35),
            (1.1, -0.35),
            (-0.35, -0.35),
            (-0.35, -1),
        ),
        "chevron": ((-1, -1), (0, 0.1), (1, -1), (1, 0), (0, 1.1), (-1, 0)),
        "bowtie": ((-0.9, -1.1), (-0.25, 0), (-0.9, 1.1), (0.9, 1.1), (0.25, 0), (0.9, -1.1)),
        "zigzag": (
            (-1.1, 0.1),
            (0.1, -0.8),
            (0.0, -0.05),
            (1.1, -0.1),
            (-0.1, 0.9),
            (0.0, 0.15),
        ),
    }
)


def _harmonic(order: int, depth: float, phase: float = 0.0) -> Radius:
    return lambda angle: 1 + depth * np.cos(order * angle + phase)


def _cushion(angle: Points) -> Points:
    return (np.cos(angle) ** 4 + np.sin(angle) ** 4) ** -0.25 * 0.9


def _half_disc(angle: Points) -> Points:
    return np.where(np.sin(angle) > -0.25, 1.1, -0.275 / np.minimum(np.sin(angle), -0.25))


def _wedge(angle: Points) -> Points:
    return np.where(np.abs(angle) < 0.6, 0.15, 1.1)


def _drop(angle: Points) -> Points:
    return 0.8 + 0.55 * np.exp(-6 * angle**2)


def _oval(angle: Points) -> Points:
    return 0.55 / np.sqrt((0.5 * np.cos(angle)) ** 2 + np.sin(angle) ** 2)


def _gear(angle: Points) -> Points:
    return 0.95 + 0.22 * np.clip(3 * np.cos(8 * angle), -1, 1)


_RADII: MappingProxyType[str, Radius] = MappingProxyType(
    {
        "oval": _oval,
        "hexagon": lambda angle: 0.95 / np.cos((angle % (np.pi / 3)) - np.pi / 6),
        "trefoil": _harmonic(3, 0.3),
        "quatrefoil": _harmonic(4, 0.28),
        "rosette": _harmonic(6, 0.1),
        "kidney": lambda angle: 0.72 + 0.5 * np.abs(np.sin(angle / 2)),
        "cushion": _cushion,
        "half": _half_disc,
        "wedge": _wedge,
        "drop": _drop,
    }
)


def _crescent_corners() -> Points:
    """Two arcs that meet at the tips."""
    outer = np.radians(np.linspace(50, 310, 14))
    inner = np.radians(np.linspace(262, 98, 10))[1:-1]
    arcs = [
        np.c_[np.cos(outer), np.sin(outer)],
        np.c_[0.75 + 0.773 * np.cos(inner), 0.773 * np.sin(inner)],
    ]
    return 1.2 * np.concatenate(arcs)


def _heart_corners() -> Points:
    angle = np.linspace(0, 2 * np.pi, 18, endpoint=False)
    across = 16 * np.sin(angle) ** 3
    down = 13 * np.cos(angle) - 5 * np.cos(2 * angle) - 2 * np.cos(3 * angle) - np.cos(4 * angle)
    return np.c_[-down, across] / 14


_RESERVED_POLYGONS = MappingProxyType({"crescent": _crescent_corners(), "heart": _heart_corners()})
_REACH = 1.6

OUTLINES = (*_POLYGONS, *_RADII)
HELD_OUT_OUTLINES = (*_RESERVED_POLYGONS, "gear")
"""Outlines that training never draws, to measure how references carry over."""


def draw_outline(name: str, centre: Centre, radius: float, turn: float) -> Stamp:
    """Coverage of an outline turned by an angle in radians.

    Parameters
    ----------
    name : str
        One of `OUTLINES` or `HELD_OUT_OUTLINES`.
    centre : tuple of float
        (row, col).
    radius : float
        Half of its extent in pixels, about.
    turn : float
        Radians.
    """
    corners = _RESERVED_POLYGONS.get(name)
    if corners is None and name in _POLYGONS:
        corners = np.asarray(_POLYGONS[name])
    if corners is not None:
        return polygon(np.asarray(centre) + radius * corners @ _rotation(turn))
    outline = _gear if name == "gear" else _RADII[name]

    def turned(angle: Points) -> Points:
        return radius * outline((angle - turn + np.pi) % (2 * np.pi) - np.pi)

    return radial(centre, turned, _REACH * radius)


def _rotation(turn: float) -> Points:
    return np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
