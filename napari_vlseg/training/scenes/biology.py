"""Nuclei, whole cells and branching vessels."""

from __future__ import annotations

import numpy as np
from scipy import ndimage as ndi

from napari_vlseg.training.scenes.canvas import Canvas, FloatArray, Stamp
from napari_vlseg.training.scenes.outlines import Points, ellipse, stroke, wobbly
from napari_vlseg.training.scenes.palette import jittered_colour
from napari_vlseg.training.scenes.registry import ObjectKind
from napari_vlseg.training.scenes.textures import noise_field, surface

_NUCLEUS_RADIUS = {"small": (3.5, 6.0), "": (6.0, 10.0), "large": (10.0, 17.0)}
_TOUCHING = 0.85


def _nucleus_stamp(centre: tuple[float, float], radius: float, rng: np.random.Generator) -> Stamp:
    """An ellipse or a slightly dented disc."""
    if rng.random() < 0.6:
        return ellipse(centre, radius, rng.uniform(0.6, 1), rng.uniform(0, np.pi))
    return wobbly(centre, radius, 0.09, rng)


def chromatin(colour: FloatArray, size: int, rng: np.random.Generator) -> FloatArray:
    """A colour modulated by clumps of chromatin, shape (size, size, 3)."""
    clumps = 1 + noise_field(size, rng.uniform(2, 5), rng) * rng.uniform(0.03, 0.18)
    return np.asarray(colour * clumps[..., np.newaxis], np.float32)


def _draw_nuclei(canvas: Canvas, rng: np.random.Generator, colour: str, size: str) -> None:
    """One nucleus; it may touch its neighbours and differs from them in brightness."""
    radius = float(rng.uniform(*_NUCLEUS_RADIUS[size]))
    centre = canvas.free_place(radius, rng, gap=_TOUCHING)
    if centre is None:
        return
    stamp = _nucleus_stamp(centre, radius, rng)
    strength = rng.uniform(0.55, 1)
    local = canvas.image[
        int(np.clip(centre[0], 0, canvas.size - 1)), int(np.clip(centre[1], 0, canvas.size - 1))
    ].copy()
    mixed = local + strength * (jittered_colour(colour, rng) - local)
    canvas.paint([stamp], chromatin(mixed, canvas.size, rng), "nuclei", colour=colour, size=size)


def _draw_cell(canvas: Canvas, rng: np.random.Generator, colour: str, size: str) -> None:
    """Cytoplasm, often a membrane, and a nucleus recorded as a part of the cell."""
    radius = float(rng.uniform(9, 14) if size == "small" else rng.uniform(14, 24))
    centre = canvas.free_place(radius, rng, gap=0.95)
    if centre is None:
        return
    body = wobbly(centre, radius, 0.12, rng)
    ink = jittered_colour(colour, rng)
    local = canvas.image[int(centre[0]), int(centre[1])].copy()
    plasma = local + rng.uniform(0.3, 0.6) * (ink - local)
    label = canvas.paint(
        [body], surface(plasma, canvas.size, rng), "cell", colour=colour, size=size
    )
    if rng.random() < 0.6:
        canvas.shade(_membrane(body, rng.uniform(1.2, 2.4)), ink)
    drift = rng.uniform(-0.2, 0.2, 2) * radius
    nucleus = _nucleus_stamp(
        (centre[0] + drift[0], centre[1] + drift[1]), radius * rng.uniform(0.35, 0.5), rng
    )
    core = local + rng.uniform(0.85, 1.1) * (ink - local)
    canvas.paint(
        [nucleus], chromatin(core, canvas.size, rng), "nuclei", colour=colour, parent=label
    )


def _membrane(body: Stamp, width: float) -> Stamp:
    """The rim of a stamp, `width` pixels wide."""
    depth = ndi.distance_transform_edt(np.pad(body.alpha >= 0.5, 1))[1:-1, 1:-1]
    rim = np.clip(width + 0.5 - depth, 0, 1) * body.alpha
    return Stamp(rim.astype(np.float32), body.top, body.left)


def _draw_vessel(canvas: Canvas, rng: np.random.Generator, colour: str, size: str) -> None:
    """A tree of tapering tubes that enters at one side."""
    size_px, shape = canvas.size, canvas.labels.shape
    angle = rng.uniform(0, 2 * np.pi)
    start = size_px / 2 * (1 + 1.1 * np.array([np.sin(angle), np.cos(angle)]))
    start = np.clip(start, 0, size_px)
    heading = angle + np.pi + rng.normal(0, 0.2)
    paths: list[tuple[Points, Points]] = []
    _grow(paths, start, heading, rng.uniform(4, 9), size_px, rng)
    stamps = [stroke(path, widths, shape) for path, widths in paths]
    pixels = surface(jittered_colour(colour, rng), size_px, rng)
    canvas.paint(stamps, pixels, "vessel", colour=colour)


def _grow(
    paths: list[tuple[Points, Points]],
    start: Points,
    heading: float,
    width: float,
    size: int,
    rng: np.random.Generator,
) -> None:
    """Add a branch and, at its end, two thinner ones (Murray's law: r³ is kept)."""
    count = int(rng.uniform(0.15, 0.4) * size / 3)
    headings = heading + np.cumsum(rng.normal(0, 0.09, count))
    steps = 3 * np.c_[np.sin(headings), np.cos(headings)]
    path = start + np.concatenate([np.zeros((1, 2)), np.cumsum(steps, axis=0)])
    paths.append((path, np.linspace(width, 0.85 * width, len(path))))
    if width < 2.2:
        return
    share = rng.uniform(0.3, 0.7)
    for part, side in ((share, 1), (1 - share, -1)):
        turn = side * rng.uniform(0.25, 0.8)
        _grow(paths, path[-1], headings[-1] + turn, 0.85 * width * part ** (1 / 3), size, rng)


BIOLOGY = (
    ObjectKind("nuclei", _draw_nuclei, "biology", sized=True),
    ObjectKind("cell", _draw_cell, "biology", sized=True),
    ObjectKind("vessel", _draw_vessel, "biology"),
)
