"""Sheets of cells that share their membranes, as in an epithelium."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_vlseg.training.scenes.canvas import Canvas, FloatArray, LabelArray, Stamp
from napari_vlseg.training.scenes.nuclei import nucleus_stamp
from napari_vlseg.training.scenes.palette import jittered_colour
from napari_vlseg.training.scenes.registry import ObjectKind
from napari_vlseg.training.scenes.textures import chromatin, noise_field


@dataclass(frozen=True)
class Tiling:
    """A plane cut into cells.

    Attributes
    ----------
    owner : ndarray of int32, shape (H, W)
        Number of the cell each pixel belongs to.
    depth : ndarray of float32, shape (H, W)
        Distance to the border of the cell in pixels.
    seeds : ndarray, shape (n, 2)
        A point of each cell.
    """

    owner: LabelArray
    depth: FloatArray
    seeds: npt.NDArray[np.float64]


def tiling(size: int, spacing: float, rng: np.random.Generator) -> Tiling:
    """Voronoi cells of a jittered grid whose borders are a little wavy."""
    ticks = np.arange(-0.5 * spacing, size + spacing, spacing)
    seeds = np.stack(np.meshgrid(ticks, ticks, indexing="ij"), -1)
    seeds[::2, :, 1] += spacing / 2
    seeds = seeds.reshape(-1, 2) + rng.uniform(-0.35, 0.35, (seeds.size // 2, 2)) * spacing
    wave = 0.06 * spacing
    rows = np.arange(size, dtype=np.float32)[:, np.newaxis] + wave * noise_field(size, 9, rng)
    cols = np.arange(size, dtype=np.float32) + wave * noise_field(size, 9, rng)
    nearest = np.full((size, size), np.inf, np.float32)
    second = nearest.copy()
    owner = np.zeros((size, size), np.int32)
    for number, (row, col) in enumerate(seeds.astype(np.float32)):
        distance = np.hypot(rows - row, cols - col)
        closer = distance < nearest
        np.minimum(second, np.maximum(distance, nearest), out=second)
        np.minimum(nearest, distance, out=nearest)
        owner[closer] = number
    return Tiling(owner, np.asarray((second - nearest) / 2, np.float32), seeds)


def paint_sheet(
    canvas: Canvas,
    rng: np.random.Generator,
    wall: FloatArray,
    *,
    plasma: FloatArray | None = None,
    core: FloatArray | None = None,
    spacing: float = 26.0,
    width: float = 3.0,
    colour: str = "",
    core_colour: str = "",
    cells: bool = True,
) -> None:
    """A sheet of cells: interiors, membranes as one object, and nuclei.

    Parameters
    ----------
    canvas, rng
    wall, plasma, core : ndarray of float32, shape (3,), optional
        Colours of membranes, cytoplasm and nuclei; what is omitted is not painted.
    spacing, width : float
        Distance of neighbouring cells and width of the membranes in pixels.
    colour, core_colour : str
        Words for the colours of membranes and nuclei.
    cells : bool
        Whether the interiors are recorded as cells.
    """
    plan = tiling(canvas.size, spacing, rng)
    part = np.ones(canvas.labels.shape, bool)
    if rng.random() < 0.4:
        rows, cols = np.clip(plan.seeds, 0, canvas.size - 1).astype(int).T
        part = (noise_field(canvas.size, canvas.size / 2.5, rng)[rows, cols] > -0.35)[plan.owner]
    sheet = plan.depth + np.where(part, 0, -np.inf) >= width / 2
    parents = _paint_interiors(canvas, rng, plan, sheet, plasma) if cells else {}
    walls = np.clip(width / 2 + 0.5 - plan.depth, 0, 1) * part
    tone = wall + noise_field(canvas.size, 14, rng)[..., np.newaxis] * 0.05
    canvas.paint(
        [Stamp(walls.astype(np.float32), 0, 0)], tone.astype(np.float32), "membranes", colour=colour
    )
    if core is not None:
        _paint_nuclei(canvas, rng, plan, sheet, core, core_colour, parents, spacing)


def _paint_interiors(
    canvas: Canvas,
    rng: np.random.Generator,
    plan: Tiling,
    sheet: npt.NDArray[np.bool_],
    plasma: FloatArray | None,
) -> dict[int, int]:
    """Number of the cell → label."""
    parents = {}
    tone = np.zeros(len(plan.seeds), np.float32)
    tone[:] = rng.uniform(0.4, 0.75) + rng.normal(0, 0.08, len(tone))
    if plasma is not None:
        grain = 1 + 0.06 * noise_field(canvas.size, 3, rng)
        strength = (tone[plan.owner] * grain)[..., np.newaxis] * sheet[..., np.newaxis]
        canvas.image += np.clip(strength, 0, 1) * (plasma - canvas.image)
    numbers = np.full(len(plan.seeds), 0, np.int32)
    for number in np.unique(plan.owner[sheet]):
        parents[int(number)] = canvas.record("cell")
        numbers[number] = parents[int(number)]
    canvas.labels[sheet] = numbers[plan.owner[sheet]]
    return parents


def _paint_nuclei(
    canvas: Canvas,
    rng: np.random.Generator,
    plan: Tiling,
    sheet: npt.NDArray[np.bool_],
    core: FloatArray,
    colour: str,
    parents: dict[int, int],
    spacing: float,
) -> None:
    for number, seed in enumerate(plan.seeds):
        row, col = np.round(seed).astype(int)
        inside = 0 <= row < canvas.size and 0 <= col < canvas.size
        if not inside or not sheet[row, col] or rng.random() < 0.08:
            continue
        radius = min(spacing * rng.uniform(0.2, 0.27), 0.9 * float(plan.depth[row, col]))
        if radius < 3 or plan.owner[row, col] != number:
            continue
        stamp = nucleus_stamp((float(seed[0]), float(seed[1])), radius, rng)
        pixels = chromatin(core, stamp.alpha.shape, rng)
        parent = parents.get(number, 0)
        canvas.paint([stamp], pixels, "nuclei", colour=colour, parent=parent)


def _draw_membranes(canvas: Canvas, rng: np.random.Generator, colour: str, size: str) -> None:
    ink = jittered_colour(colour, rng)
    spacing, width = rng.uniform(20, 38), rng.uniform(2.5, 4.5)
    paint_sheet(canvas, rng, ink, spacing=spacing, width=width, colour=colour, cells=False)


SHEETS = (ObjectKind("membranes", _draw_membranes, "biology"),)
