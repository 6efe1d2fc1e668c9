"""Nuclei and whole cells."""

from __future__ import annotations

import numpy as np

from napari_vlseg.training.scenes.canvas import Canvas, FloatArray, Stamp
from napari_vlseg.training.scenes.outlines import Points, ellipse, polygon, rim, wobbly
from napari_vlseg.training.scenes.palette import jittered_colour
from napari_vlseg.training.scenes.registry import ObjectKind
from napari_vlseg.training.scenes.textures import chromatin, surface

Centre = tuple[float, float]

NUCLEUS_RADIUS = {"small": (4.0, 6.0), "": (6.0, 10.0), "large": (10.0, 16.0)}
CELL_RADIUS = {"small": (10.0, 14.0), "": (13.0, 19.0), "large": (19.0, 27.0)}
_TOUCHING = 0.85
_PAINTED_MEMBRANE = 2.0


def nucleus_stamp(centre: Centre, radius: float, rng: np.random.Generator) -> Stamp:
    """An ellipse or a slightly dented disc."""
    if rng.random() < 0.6:
        return ellipse(centre, radius, rng.uniform(0.55, 1), rng.uniform(0, np.pi))
    return wobbly(centre, radius, 0.09, rng)


def place(
    canvas: Canvas, radius: float, rng: np.random.Generator, clustered: float
) -> Centre | None:
    """A place for a nucleus or a cell, beside another one with probability `clustered`."""
    if rng.random() < clustered:
        return canvas.place_beside(radius, rng, gap=_TOUCHING)
    return canvas.free_place(radius, rng, gap=_TOUCHING)


def paint_nucleus(
    canvas: Canvas,
    rng: np.random.Generator,
    ink: FloatArray,
    radius: float,
    *,
    colour: str = "",
    size: str = "",
    clustered: float = 0.0,
    strength: float | None = None,
) -> None:
    """One nucleus; it may touch its neighbours and differs from them in brightness."""
    centre = place(canvas, radius, rng, clustered)
    if centre is None:
        return
    stamp = nucleus_stamp(centre, radius, rng)
    local = canvas.colour_at(centre)
    mixed = local + (strength or rng.uniform(0.6, 1)) * (ink - local)
    pixels = chromatin(mixed, stamp.alpha.shape, rng)
    canvas.paint([stamp], pixels, "nuclei", colour=colour, size=size)


def _draw_nuclei(canvas: Canvas, rng: np.random.Generator, colour: str, size: str) -> None:
    radius = float(rng.uniform(*NUCLEUS_RADIUS[size]))
    paint_nucleus(canvas, rng, jittered_colour(colour, rng), radius, colour=colour, size=size)


def body_stamp(centre: Centre, radius: float, shape: str, rng: np.random.Generator) -> Stamp:
    """Outline of a whole cell: round, polygonal or a spindle."""
    if shape == "polygonal":
        return polygon(_irregular_polygon(centre, radius, rng))
    if shape == "spindle":
        return _spindle(centre, radius, rng)
    return wobbly(centre, radius, 0.12, rng)


def _irregular_polygon(centre: Centre, radius: float, rng: np.random.Generator) -> Points:
    count = int(rng.integers(5, 8))
    angles = 2 * np.pi * (np.arange(count) + rng.uniform(-0.25, 0.25, count)) / count
    radii = radius * rng.uniform(0.95, 1.2, count)
    return np.asarray(centre) + np.c_[np.sin(angles), np.cos(angles)] * radii[:, np.newaxis]


def _spindle(centre: Centre, radius: float, rng: np.random.Generator) -> Stamp:
    """Long and pointed at both ends, slightly bent."""
    along = np.linspace(-1, 1, 9)
    half = 0.42 * radius * (1 - along**2) ** 0.8 + 0.6
    bend = rng.uniform(-0.25, 0.25) * radius * along**2
    edges = bend + half, bend - half
    upper, lower = (np.c_[edge, 1.5 * radius * along] for edge in edges)
    turn = rng.uniform(0, np.pi)
    rotation = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    return polygon(np.asarray(centre) + np.concatenate([upper, lower[::-1]]) @ rotation)


def paint_cell(
    canvas: Canvas,
    rng: np.random.Generator,
    ink: FloatArray,
    radius: float,
    *,
    shape: str = "round",
    colour: str = "",
    size: str = "",
    core: FloatArray | None = None,
    core_colour: str = "",
    membrane: float = 0.0,
) -> None:
    """Cytoplasm, often a membrane, and nuclei recorded as parts of the cell.

    Parameters
    ----------
    canvas, rng
    ink : ndarray of float32, shape (3,)
        Colour of the cytoplasm at full strength.
    radius : float
        Pixels.
    shape : {"round", "polygonal", "spindle"}
    colour, size : str
        Words that hold for the cell.
    core : ndarray of float32, shape (3,), optional
        Colour of the nucleus; a stronger `ink` when omitted.
    core_colour : str
        Word for the colour of the nucleus.
    membrane : float
        Width of the rim that stands out in pixels; 0 for none.
    """
    centre = place(canvas, radius, rng, 0.3)
    if centre is None:
        return
    body = body_stamp(centre, radius, shape, rng)
    local = canvas.colour_at(centre)
    plasma = local + rng.uniform(0.35, 0.65) * (ink - local)
    label = canvas.paint(
        [body], surface(plasma, body.alpha.shape, rng), "cell", colour=colour, size=size
    )
    if membrane:
        _paint_membrane(canvas, body, ink, membrane, colour, label)
    core = local + rng.uniform(0.85, 1.1) * (ink - local) if core is None else core
    slim = 0.3 if shape == "spindle" else rng.uniform(0.35, 0.5)
    for offset in _nuclei_offsets(radius, shape, rng):
        middle = (centre[0] + offset[0], centre[1] + offset[1])
        nucleus = nucleus_stamp(middle, max(radius * slim, 3.5), rng)
        pixels = chromatin(core, nucleus.alpha.shape, rng)
        canvas.paint([nucleus], pixels, "nuclei", colour=core_colour, parent=label)


def membrane_width(rng: np.random.Generator) -> float:
    """A width for the membranes of the cells of a scene: often none, at times a wide one."""
    return float(rng.choice([0.0, rng.uniform(1.2, 1.9), rng.uniform(2.2, 3.2)]))


def _paint_membrane(
    canvas: Canvas, body: Stamp, ink: FloatArray, width: float, colour: str, label: int
) -> None:
    """A rim; a wide one is an object of its own, a part of the cell."""
    band = rim(body, width)
    if width > _PAINTED_MEMBRANE:
        canvas.paint([band], ink, "membranes", colour=colour, parent=label)
    else:
        canvas.shade(band, ink)


def _nuclei_offsets(radius: float, shape: str, rng: np.random.Generator) -> list[Points]:
    """Offsets of one nucleus, rarely of two, from the middle of a cell."""
    if shape != "spindle" and rng.random() < 0.08:
        angle = rng.uniform(0, np.pi)
        step = 0.45 * radius * np.array([np.sin(angle), np.cos(angle)])
        return [step, -step]
    drift = 0.05 if shape == "spindle" else 0.2
    return [rng.uniform(-drift, drift, 2) * radius]


def _draw_cell(canvas: Canvas, rng: np.random.Generator, colour: str, size: str) -> None:
    shape = str(rng.choice(["round", "round", "polygonal", "spindle"]))
    radius = float(rng.uniform(*CELL_RADIUS[size]))
    ink = jittered_colour(colour, rng)
    paint_cell(
        canvas,
        rng,
        ink,
        radius,
        shape=shape,
        colour=colour,
        size=size,
        core_colour=colour,
        membrane=membrane_width(rng),
    )


NUCLEI_AND_CELLS = (
    ObjectKind("nuclei", _draw_nuclei, "biology", sized=True),
    ObjectKind("cell", _draw_cell, "biology", sized=True),
)
