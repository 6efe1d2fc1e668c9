"""Styles of scenes that look like micrographs and medical images."""

from __future__ import annotations

import numpy as np

from napari_vlseg.training.scenes.canvas import Canvas, FloatArray
from napari_vlseg.training.scenes.kinds import KINDS
from napari_vlseg.training.scenes.microbes import paint_bacteria, paint_vesicles
from napari_vlseg.training.scenes.nuclei import (
    CELL_RADIUS,
    NUCLEUS_RADIUS,
    membrane_width,
    paint_cell,
    paint_nucleus,
)
from napari_vlseg.training.scenes.optics import phase_contrast, relief
from napari_vlseg.training.scenes.outlines import disc
from napari_vlseg.training.scenes.palette import jittered_colour
from napari_vlseg.training.scenes.sheets import paint_sheet
from napari_vlseg.training.scenes.textures import background, noise_field, ramp
from napari_vlseg.training.scenes.vessels import paint_retina_vessels


def density(size: int) -> float:
    """Area relative to the size the numbers of objects were chosen for."""
    return size**2 / 144**2


def _rgb(*channels: float) -> FloatArray:
    return np.asarray(channels, np.float32)


def _near(colour: FloatArray, rng: np.random.Generator, spread: float = 0.03) -> FloatArray:
    """A colour like the one given."""
    return np.clip(colour + rng.normal(0, spread, 3), 0, 1).astype(np.float32)


def _dark_field(size: int, rng: np.random.Generator) -> FloatArray:
    """The black of a fluorescence image: offset, haze and a little structure."""
    haze = ramp(size, rng) * rng.uniform(0, 0.08)
    haze = haze + noise_field(size, 30, rng) * rng.uniform(0, 0.03)
    gray = rng.uniform(0.01, 0.14) + np.maximum(haze, 0)
    return np.repeat(gray[..., np.newaxis], 3, axis=-1).astype(np.float32)


def _light_field(size: int, level: float, rng: np.random.Generator) -> FloatArray:
    return background(size, np.full(3, level, np.float32), rng)


def _tissue(size: int, rng: np.random.Generator, tints: list[FloatArray]) -> FloatArray:
    """Stained tissue between white gaps, with wisps of fibres."""
    tint = _near(tints[int(rng.integers(len(tints)))], rng, 0.04)
    sheet = background(size, tint, rng)
    wisps = np.clip(noise_field(size, rng.uniform(5, 16), rng), 0, 2) * rng.uniform(0, 0.14)
    sheet = sheet - wisps[..., np.newaxis] * _rgb(0.4, 1, 0.4)
    if rng.random() < 0.3:
        gaps = np.clip(3 * (noise_field(size, size / 3, rng) - 0.5), 0, 1)[..., np.newaxis]
        sheet = sheet + gaps * (_rgb(0.95, 0.94, 0.95) - sheet)
    return np.asarray(sheet, np.float32)


def scatter_nuclei(
    canvas: Canvas, rng: np.random.Generator, count: int, colours: list[str]
) -> None:
    """Nuclei of one typical size, or of two that are called small and large.

    They cluster to a degree drawn at random, so that some of them touch.
    """
    words = ["small", "large"] if rng.random() < 0.3 else [""]
    typical = rng.uniform(4, 16)
    clustered = float(rng.choice([0.0, 0.3, 0.8]))
    for _ in range(min(count, int(650 * count / typical**2 / 8) + 4)):
        word, colour = str(rng.choice(words)), str(rng.choice(colours))
        low, high = NUCLEUS_RADIUS[word] if word else (0.75 * typical, 1.25 * typical)
        paint_nucleus(
            canvas,
            rng,
            jittered_colour(colour, rng),
            float(np.clip(rng.uniform(low, high), 4, 17)),
            colour=colour,
            size=word,
            clustered=clustered,
        )


def scatter_cells(canvas: Canvas, rng: np.random.Generator, count: int, colour: str) -> None:
    """Whole cells of one shape; small and large ones, or one typical size."""
    words = ["small", "large"] if rng.random() < 0.4 else [""]
    shape = str(rng.choice(["round", "round", "polygonal", "spindle"]))
    typical, membrane = rng.uniform(12, 22), membrane_width(rng)
    for _ in range(count):
        word = str(rng.choice(words))
        radius = rng.uniform(*CELL_RADIUS[word]) if word else typical * rng.uniform(0.8, 1.2)
        ink = jittered_colour(colour, rng)
        paint_cell(
            canvas,
            rng,
            ink,
            radius,
            shape=shape,
            colour=colour,
            size=word,
            core_colour=colour,
            membrane=membrane,
        )


def fluorescence(size: int, rng: np.random.Generator) -> Canvas:
    """Bright nuclei or whole cells of one dye on dark; at times bacteria or vesicles."""
    canvas = Canvas.on(_dark_field(size, rng))
    colour = str(rng.choice(["white", "white", "white", "blue", "green", "red", "cyan"]))
    canvas.gray = colour == "white"
    if rng.random() < 0.62:
        scatter_nuclei(canvas, rng, int(rng.integers(5, 36) * density(size)) + 1, [colour])
    else:
        scatter_cells(canvas, rng, int(rng.integers(3, 14) * density(size)) + 1, colour)
    if rng.random() < 0.1:
        KINDS["debris"].draw(canvas, rng, "", "")
    return canvas


def composite(size: int, rng: np.random.Generator) -> Canvas:
    """Several dyes at once: blue nuclei with green or red cells, filaments, spots or membranes."""
    canvas = Canvas.on(_dark_field(size, rng) * 0.7)
    second = str(rng.choice(["green", "red", "green", "red", "yellow", "pink"]))
    ink, blue = jittered_colour(second, rng), jittered_colour("blue", rng)
    blue = np.minimum(blue * 1.15 + 0.04, 1)
    plan = rng.choice(["cells", "filaments", "sheet"], p=[0.45, 0.35, 0.2])
    if plan == "cells":
        shape = str(rng.choice(["round", "polygonal", "spindle"]))
        radius, membrane = rng.uniform(13, 22), membrane_width(rng)
        for _ in range(int(rng.integers(3, 12) * density(size)) + 1):
            paint_cell(
                canvas,
                rng,
                ink,
                radius * rng.uniform(0.8, 1.2),
                shape=shape,
                colour=second,
                core=_near(blue, rng),
                core_colour="blue",
                membrane=membrane,
            )
    elif plan == "filaments":
        for _ in range(int(rng.integers(2, 6))):
            KINDS["fibre"].draw(canvas, rng, second, "")
        scatter_nuclei(canvas, rng, int(rng.integers(4, 16) * density(size)) + 1, ["blue"])
    else:
        spacing, width = rng.uniform(24, 38), rng.uniform(2.5, 4.5)
        paint_sheet(
            canvas,
            rng,
            ink,
            plasma=_rgb(0.1, 0.1, 0.1) + 0.15 * ink,
            core=blue,
            spacing=spacing,
            width=width,
            colour=second,
            core_colour="blue",
        )
    if rng.random() < 0.35:
        spots = str(rng.choice([name for name in ("red", "green", "white") if name != second]))
        KINDS[str(rng.choice(["spots", "spots", "vesicles"]))].draw(canvas, rng, spots, "")
    return canvas


def stained(size: int, rng: np.random.Generator) -> Canvas:
    """Purple nuclei on the white, pink or purple of stained tissue."""
    tints = [_rgb(0.95, 0.92, 0.95), _rgb(0.88, 0.66, 0.79), _rgb(0.78, 0.62, 0.8)]
    canvas = Canvas.on(_tissue(size, rng, tints))
    count = int(rng.integers(4, 30) * density(size)) + 1
    scatter_nuclei(canvas, rng, count, ["purple"])
    return canvas


def dab(size: int, rng: np.random.Generator) -> Canvas:
    """Blue counterstained nuclei and brown positive ones on pale tissue."""
    tints = [_rgb(0.93, 0.92, 0.93), _rgb(0.86, 0.87, 0.93), _rgb(0.92, 0.87, 0.8)]
    canvas = Canvas.on(_tissue(size, rng, tints))
    colours = ["blue", "brown"] if rng.random() < 0.8 else ["brown"]
    scatter_nuclei(canvas, rng, int(rng.integers(6, 30) * density(size)) + 1, colours)
    return canvas


def bright_field(size: int, rng: np.random.Generator) -> Canvas:
    """Cells darker than the light that passes beside them."""
    canvas = Canvas.on(_light_field(size, rng.uniform(0.65, 0.92), rng))
    colour = str(rng.choice(["gray", "purple", "brown", "black", "blue"]))
    scatter_cells(canvas, rng, int(rng.integers(3, 12) * density(size)) + 1, colour)
    if rng.random() < 0.15:
        KINDS[str(rng.choice(["bubble", "debris"]))].draw(canvas, rng, "black", "large")
    return canvas


def phase(size: int, rng: np.random.Generator) -> Canvas:
    """Gray cells or bacteria with bright halos, or lit from one side as in DIC."""
    level = rng.uniform(0.45, 0.68)
    canvas = Canvas.on(_light_field(size, level, rng))
    canvas.gray, ink = True, np.full(3, level * rng.uniform(0.15, 0.45), np.float32)
    if rng.random() < 0.35:
        width = rng.uniform(4, 7)
        for _ in range(int(rng.integers(4, 14) * density(size)) + 1):
            paint_bacteria(canvas, rng, ink, width=width)
    else:
        shape = str(rng.choice(["round", "spindle", "spindle", "polygonal"]))
        radius = rng.uniform(12, 22)
        for _ in range(int(rng.integers(3, 11) * density(size)) + 1):
            paint_cell(canvas, rng, ink, radius * rng.uniform(0.8, 1.2), shape=shape)
    if rng.random() < 0.25:
        KINDS["debris"].draw(canvas, rng, "", "")
    if rng.random() < 0.3:
        relief(canvas, rng)
    else:
        phase_contrast(canvas, rng)
    return canvas


def electron(size: int, rng: np.random.Generator) -> Canvas:
    """Dark membranes and vesicles on noisy gray, as in an electron micrograph."""
    level = rng.uniform(0.5, 0.78)
    canvas = Canvas.on(_light_field(size, level, rng))
    canvas.gray, canvas.noise = True, (0.03, 0.09)
    dark = np.full(3, level * rng.uniform(0.1, 0.4), np.float32)
    if rng.random() < 0.75:
        plasma = np.full(3, level + rng.uniform(-0.15, 0.1), np.float32)
        core = np.full(3, level * rng.uniform(0.55, 0.75), np.float32)
        paint_sheet(
            canvas,
            rng,
            dark,
            plasma=plasma,
            core=core if rng.random() < 0.35 else None,
            spacing=rng.uniform(30, 60),
            width=rng.uniform(2.5, 4),
        )
    if rng.random() < 0.65 or not canvas.objects:
        paint_vesicles(canvas, rng, dark, int(rng.integers(4, 14) * density(size)) + 2)
    return canvas


def epithelium(size: int, rng: np.random.Generator) -> Canvas:
    """A sheet of cells with glowing membranes on dark, or stained ones on light."""
    spacing, width = rng.uniform(18, 36), rng.uniform(2.5, 4.5)
    if rng.random() < 0.6:
        canvas = Canvas.on(_dark_field(size, rng))
        colour = str(rng.choice(["white", "white", "green", "red", "cyan"]))
        canvas.gray = colour == "white"
        wall = jittered_colour(colour, rng)
        plasma, core = 0.12 + 0.2 * wall, 0.75 * wall
        core_colour = colour if colour == "white" else ""
    else:
        canvas = Canvas.on(_light_field(size, rng.uniform(0.75, 0.92), rng))
        wall, colour = _near(_rgb(0.62, 0.3, 0.5), rng, 0.05), ""
        plasma, core = _near(_rgb(0.9, 0.68, 0.8), rng), jittered_colour("purple", rng)
        core_colour = "purple"
    paint_sheet(
        canvas,
        rng,
        wall,
        plasma=plasma.astype(np.float32),
        core=core if rng.random() < 0.6 else None,
        spacing=spacing,
        width=width,
        colour=colour,
        core_colour=core_colour,
    )
    return canvas


def retina(size: int, rng: np.random.Generator) -> Canvas:
    """Dark vessels that leave the bright disc of an orange or greenish fundus."""
    tint = _rgb(0.82, 0.42, 0.17) if rng.random() < 0.6 else _rgb(0.45, 0.55, 0.38)
    canvas = Canvas.on(background(size, _near(tint, rng, 0.05), rng))
    canvas.gray = rng.random() < 0.2
    row, col = rng.uniform(0.08, 0.92, 2) * size
    radius = rng.uniform(9, 15)
    glow = disc((row, col), radius)
    canvas.shade(glow, np.clip(tint + rng.uniform(0.12, 0.22), 0, 1))
    ink = _near(tint * rng.uniform(0.35, 0.6), rng, 0.02)
    paint_retina_vessels(canvas, (row, col), ink, rng)
    return canvas


def microbes(size: int, rng: np.random.Generator) -> Canvas:
    """Rods in chains and clusters: stained on light, or glowing on dark."""
    bright = rng.random() < 0.4
    if bright:
        canvas = Canvas.on(_dark_field(size, rng))
        colour = str(rng.choice(["green", "white", "red"]))
    else:
        canvas = Canvas.on(_light_field(size, rng.uniform(0.75, 0.95), rng))
        colour = str(rng.choice(["purple", "pink", "red", "blue"]))
    canvas.gray = colour == "white"
    width, ink = rng.uniform(4, 7.5), jittered_colour(colour, rng)
    for _ in range(int(rng.integers(4, 18) * density(size)) + 1):
        paint_bacteria(canvas, rng, ink, width=width, colour=colour)
    if rng.random() < 0.2:
        KINDS["debris"].draw(canvas, rng, "", "")
    return canvas
