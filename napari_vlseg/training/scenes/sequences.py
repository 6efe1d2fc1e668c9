"""Scenes through time and through depth: bodies that move, and solids cut into planes.

Every body has one label on all planes, so that identities can be checked, not only outlines.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy import ndimage as ndi

from napari_vlseg.training.scenes.canvas import FloatArray, LabelArray

_SOFTNESS = 0.6
_PSF = 0.8
_NOISE = 0.02
_WAVES = 3
_LEAST_ALPHA = 0.5
_BORDER = 4.0


@dataclass(frozen=True)
class Sequence:
    """Planes of one scene with the truth about its bodies.

    Attributes
    ----------
    image : ndarray of uint8, shape (n, H, W)
    labels : ndarray of int32, shape (n, H, W)
        0 is background; a body has one label on all planes.
    """

    image: npt.NDArray[np.uint8]
    labels: LabelArray


@dataclass
class _Body:
    """One body: a wobbly outline with a texture of its own.

    Attributes
    ----------
    centres : ndarray of float, shape (n, 2)
    radii : ndarray of float, shape (n,)
        Mean radius on each plane; 0 where the body is not.
    aspect, turn, spin : float
        Short over long axis, direction of the long axis, and how it turns per plane.
    waves : ndarray of float, shape (waves, 3)
        Amplitude, phase, and change of the phase per plane, of each harmonic from 2.
    bright : float
    texture : ndarray of float32, shape (s, s)
    """

    centres: npt.NDArray[np.float64]
    radii: npt.NDArray[np.float64]
    aspect: float
    turn: float
    spin: float
    waves: npt.NDArray[np.float64] = field(repr=False)
    bright: float = 0.6
    texture: FloatArray = field(repr=False, default_factory=lambda: np.zeros((1, 1), np.float32))

    def alpha(self, plane: int, size: int) -> tuple[FloatArray, FloatArray]:
        """Coverage and intensity on a plane, shape (size, size) each."""
        rows, cols = np.mgrid[:size, :size]
        down, right = rows - self.centres[plane, 0], cols - self.centres[plane, 1]
        angle = self.turn + self.spin * plane
        along = np.cos(angle) * right + np.sin(angle) * down
        across = np.cos(angle) * down - np.sin(angle) * right
        stretch = np.sqrt(self.aspect)
        distance = np.hypot(along * stretch, across / stretch)
        direction = np.arctan2(across, along)
        radius = np.full_like(distance, self.radii[plane])
        for order, (amount, phase, change) in enumerate(self.waves, start=2):
            radius *= 1 + amount * np.cos(order * direction + phase + change * plane)
        coverage = 1 / (1 + np.exp(np.clip((distance - radius) / _SOFTNESS, -30, 30)))
        middle = len(self.texture) / 2
        inner = ndi.map_coordinates(
            self.texture, [across + middle, along + middle], order=1, mode="grid-wrap"
        )
        return coverage.astype(np.float32), (self.bright * (1 + inner)).astype(np.float32)


def generate_motion(
    seed: int,
    *,
    n_planes: int = 30,
    size: int = 192,
    n_bodies: int = 8,
    speed: float = 2.0,
    touching: bool = False,
) -> Sequence:
    """Cells that crawl, turn and change their outline; the same arguments give the same scene.

    Parameters
    ----------
    seed : int
    n_planes : int
        Points in time.
    size : int
        Side of the planes, in pixels.
    n_bodies : int
        As many as find a place.
    speed : float
        Mean way per plane, in pixels.
    touching : bool
        Bodies may run into each other; else at least two pixels stay between them.
    """
    rng = np.random.default_rng(seed)
    radii = rng.uniform(8, 15, n_bodies)
    places = _apart(radii, size, rng)
    paths = _paths(places, radii[: len(places)], n_planes, size, speed, touching, rng)
    bodies = [
        _body(path, np.full(n_planes, radius), rng)
        for path, radius in zip(paths, radii, strict=False)
    ]
    return _photographed(bodies, n_planes, size, rng)


def generate_volume(
    seed: int,
    *,
    n_planes: int = 30,
    size: int = 192,
    n_bodies: int = 10,
    touching: bool = False,
) -> Sequence:
    """Slanted, dented ellipsoids cut into planes; the same arguments give the same scene.

    Parameters
    ----------
    seed, n_planes, size
        See `generate_motion`.
    n_bodies : int
        As many as find a place. All of them cross the middle plane; few reach through all.
    touching : bool
        Bodies may touch, seen from above.
    """
    rng = np.random.default_rng(seed)
    radii = rng.uniform(9, 16, n_bodies)
    places = _apart(radii * (0.8 if touching else 1.15), size, rng)
    depth = np.arange(n_planes)
    bodies = []
    for place, radius in zip(places, radii, strict=False):
        middle = n_planes / 2 + rng.uniform(-0.2, 0.2) * n_planes
        height = rng.uniform(0.3, 0.55) * n_planes
        share = np.sqrt(np.clip(1 - ((depth - middle) / height) ** 2, 0, None))
        slant = rng.normal(0, 0.25, 2)
        bodies.append(_body(place + np.outer(depth - middle, slant), radius * share, rng))
    return _photographed(bodies, n_planes, size, rng)


def _body(
    centres: npt.NDArray[np.float64], radii: npt.NDArray[np.float64], rng: np.random.Generator
) -> _Body:
    waves = np.column_stack(
        [
            rng.uniform(0, 0.1, _WAVES) / np.arange(1, _WAVES + 1),
            rng.uniform(0, 2 * np.pi, _WAVES),
            rng.normal(0, 0.08, _WAVES),
        ]
    )
    grain = ndi.gaussian_filter(rng.normal(size=(64, 64)), rng.uniform(1.5, 3), mode="wrap")
    texture = (0.12 * grain / grain.std()).astype(np.float32)
    return _Body(
        np.asarray(centres, float),
        radii,
        float(rng.uniform(0.6, 1)),
        float(rng.uniform(0, np.pi)),
        float(rng.normal(0, 0.03)),
        waves,
        float(rng.uniform(0.35, 0.8)),
        texture,
    )


def _apart(
    radii: npt.NDArray[np.float64], size: int, rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    """Centres at which discs do not touch; fewer than asked for where there is no place."""
    found: list[npt.NDArray[np.float64]] = []
    for number, radius in enumerate(radii):
        for place in rng.uniform(radius + _BORDER, size - radius - _BORDER, (200, 2)):
            gaps = [np.hypot(*(place - other)) - radius - radii[n] for n, other in enumerate(found)]
            if min(gaps, default=np.inf) > _BORDER:
                found.append(place)
                break
        if len(found) == number:
            break
    return np.array(found).reshape(-1, 2)


def _paths(
    places: npt.NDArray[np.float64],
    radii: npt.NDArray[np.float64],
    n_planes: int,
    size: int,
    speed: float,
    touching: bool,
    rng: np.random.Generator,
) -> npt.NDArray[np.float64]:
    """Where the bodies are on each plane, shape (bodies, planes, 2)."""
    angles = rng.uniform(0, 2 * np.pi, len(places))
    ways = speed * np.column_stack([np.sin(angles), np.cos(angles)])
    # The outline reaches beyond the mean radius by its aspect and its waves.
    reach = radii * (1.05 if touching else 1.45) + (0 if touching else 1)
    now, path = places.copy(), [places.copy()]
    for _ in range(n_planes - 1):
        ways = ways + rng.normal(0, 0.2 * speed, ways.shape)
        ways *= speed / np.maximum(np.hypot(*ways.T), 1e-6)[:, None]
        now = now + ways
        for _ in range(20):
            now = _pushed(now, reach, radii, size)
        ways = np.where(np.abs(now - path[-1]) > 1e-9, 0.5 * ways + 0.5 * (now - path[-1]), ways)
        path.append(now.copy())
    return np.stack(path, axis=1)


def _pushed(
    centres: npt.NDArray[np.float64],
    reach: npt.NDArray[np.float64],
    radii: npt.NDArray[np.float64],
    size: int,
) -> npt.NDArray[np.float64]:
    """Centres moved off each other and off the border, each pair by half of what is lacking."""
    away = centres[:, None] - centres[None]
    distance = np.hypot(*away.T).T
    np.fill_diagonal(distance, np.inf)
    lacking = np.maximum(reach[:, None] + reach[None] - distance, 0)
    push = (away / np.maximum(distance, 1e-6)[..., None] * lacking[..., None] / 2).sum(1)
    room = radii[:, None] + _BORDER
    return np.clip(centres + push, room, size - room)


def _photographed(
    bodies: list[_Body], n_planes: int, size: int, rng: np.random.Generator
) -> Sequence:
    haze = ndi.gaussian_filter(rng.normal(size=(size, size)), size / 8)
    ground = 0.08 + 0.02 * haze / haze.std()
    image = np.empty((n_planes, size, size), np.uint8)
    labels = np.zeros((n_planes, size, size), np.int32)
    for plane in range(n_planes):
        light, most = ground.copy(), np.full((size, size), _LEAST_ALPHA)
        for number, body in enumerate(bodies, start=1):
            if body.radii[plane] < 1:
                continue
            coverage, shade = body.alpha(plane, size)
            light += coverage * (shade - light)
            owns = coverage >= most
            labels[plane][owns] = number
            most = np.maximum(most, coverage)
        light = ndi.gaussian_filter(light, _PSF)
        light += rng.normal(0, _NOISE, light.shape) + rng.normal(0, 0.02, light.shape) * light
        image[plane] = np.clip(light * 255, 0, 255)
    return Sequence(image, labels)
