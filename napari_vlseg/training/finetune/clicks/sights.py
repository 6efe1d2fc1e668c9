"""Corrected objects as the windows show them in which a click model answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import torch

from napari_vlseg.events import Work
from napari_vlseg.models.base import PromptableEmbedding
from napari_vlseg.models.preprocessing import resize_channels
from napari_vlseg.models.sam import SamSegmenter
from napari_vlseg.models.sam_cache import EncodedPlane
from napari_vlseg.models.sam_choice import COVERAGE, windows_at_clicks
from napari_vlseg.models.sam_network import Features
from napari_vlseg.models.sam_prompts import PlacedPrompt, in_window
from napari_vlseg.models.sam_windows import Box, Window, flipped
from napari_vlseg.training.finetune.corrected import CorrectedPlane
from napari_vlseg.training.sam.clicks import deepest_pixel, random_inner_pixel

_SEEN = 0.5
"""Share of a mask pixel that must be reviewed, and that an object must cover somewhere."""


@dataclass(frozen=True, eq=False)
class Sight:
    """One object as one window shows it.

    Attributes
    ----------
    plane : numpy.ndarray, shape (H, W, 3), float32 in [0, 1]
    window : Window
    features : tuple of torch.Tensor
        What the base model's image encoder made of the window.
    mask : torch.Tensor, shape (m, m), float32
        Share of each mask pixel's reviewed part that the object covers.
    known : torch.Tensor, shape (m, m), bool
        Mask pixels that count.
    box : torch.Tensor, shape (4,), float32
        (top, left, bottom, right) around what the window shows of it, in model pixels.
    hidden : float
        What of it lies outside the window, in mask pixels.
    """

    plane: np.ndarray = field(repr=False)
    window: Window
    features: Features = field(repr=False)
    mask: torch.Tensor = field(repr=False)
    known: torch.Tensor = field(repr=False)
    box: torch.Tensor
    hidden: float


@dataclass(frozen=True, eq=False)
class Learned:
    """An object to learn from.

    Attributes
    ----------
    class_name : str
    near : tuple of Sight
        In windows that suit its size, where boxes and further clicks are answered.
    far : tuple of Sight
        In windows of every scale in which a first click is answered; `near` where the model
        sees whole planes.
    """

    class_name: str
    near: tuple[Sight, ...]
    far: tuple[Sight, ...]


def learned_objects(
    model: SamSegmenter,
    embedding: PromptableEmbedding,
    corrected: CorrectedPlane,
    *,
    seed: int = 0,
    n_clicks: int = 2,
    mirrored: bool = True,
) -> Work[tuple[Learned, ...]]:
    """Every object of a plane that a person decided about, in the windows to train it in.

    Parameters
    ----------
    model : SamSegmenter
    embedding : PromptableEmbedding
        Of the plane; it keeps what is encoded here.
    corrected : CorrectedPlane
    seed : int
        Chooses clicks.
    n_clicks : int
        First clicks into each object whose windows are encoded: the deepest pixel, then any.
    mirrored : bool
        The mirrored views too that the model averages.

    Yields
    ------
    Progress or Notice

    Returns
    -------
    tuple of Learned
        Without objects that are too small for the model to draw.
    """
    rng = np.random.default_rng(seed)
    wanted = {
        label: _windows(model, embedding, _own(corrected, label), rng, n_clicks, mirrored)
        for label in corrected.objects
    }
    every = [window for sides in wanted.values() for side in sides for window in side]
    encoded = yield from model.window_features(embedding, every)
    # Encoders run in inference mode, and of its tensors none may be kept for a gradient.
    features = {w: tuple(maps.clone() for maps in found) for w, found in encoded.items()}
    objects = []
    for label, sides in wanted.items():
        own = _own(corrected, label)
        near, far = (tuple(_sights(model, corrected, own, side, features)) for side in sides)
        if near:
            objects.append(Learned(corrected.classes[label], near, far or near))
    return tuple(objects)


def _own(corrected: CorrectedPlane, label: int) -> npt.NDArray[np.bool_]:
    """Pixels (H, W) of an object, as far as they were reviewed."""
    return np.asarray((corrected.labels == label) & corrected.reviewed)


def _windows(
    model: SamSegmenter,
    embedding: PromptableEmbedding,
    own: npt.NDArray[np.bool_],
    rng: np.random.Generator,
    n_clicks: int,
    mirrored: bool,
) -> tuple[list[Window], list[Window]]:
    content: EncodedPlane = embedding.content
    lattice, views = content.lattice, model.network.display.views
    if not lattice.zoom:
        return [lattice.whole], []
    near = lattice.for_object(_edges(own), COVERAGE)
    far: list[Window] = []
    for number in range(n_clicks):
        row, col = deepest_pixel(own) if number == 0 else random_inner_pixel(own, rng)
        click = np.array([[row + 0.5, col + 0.5]], np.float32)
        prompt = PlacedPrompt(click, np.ones(1, np.int64))
        far += windows_at_clicks(lattice, prompt, model.input_size)[0]
    ways = range(views if mirrored else 1)
    return [replace(near, mirror=way) for way in ways], list(dict.fromkeys(far))


def _sights(
    model: SamSegmenter,
    corrected: CorrectedPlane,
    own: npt.NDArray[np.bool_],
    windows: Sequence[Window],
    features: Mapping[Window, Features],
) -> Iterator[Sight]:
    """What windows show of an object, without those that can't draw it."""
    nowhere = np.zeros((0, 2), np.float32), np.zeros(0, np.int64)
    prompt = PlacedPrompt(*nowhere, box=_edges(own))
    size = model.network.mask_size
    for window in windows:
        covered, seen = _on_grid(np.stack([own, corrected.reviewed]), window, size)
        known = seen > _SEEN
        mask = np.where(known, covered / np.maximum(seen, _SEEN), 0)
        if mask.max() <= _SEEN:
            continue
        shown = own[window.top : window.top + window.height, window.left :][:, : window.width]
        hidden = (own.sum() - shown.sum()) * size**2 / (window.height * window.width)
        yield Sight(
            corrected.plane,
            window,
            features[window],
            torch.from_numpy(np.clip(mask, 0, 1).astype(np.float32)),
            torch.from_numpy(known),
            torch.from_numpy(np.asarray(in_window(prompt, window, model.input_size).box)),
            float(hidden),
        )


def _on_grid(maps: npt.NDArray[np.bool_], window: Window, size: int) -> np.ndarray:
    """Shares of mask pixels, shape (2, size, size); beyond the plane there is surely nothing."""
    top, left = window.top, window.left
    crop = maps[:, top : top + window.height, left : left + window.width].astype(np.float32)
    rows, cols = (
        max(1, min(size, round(extent * size / whole)))
        for extent, whole in zip(crop.shape[1:], (window.height, window.width), strict=True)
    )
    grid = np.zeros((2, size, size), np.float32)
    grid[1] = 1
    grid[:, :rows, :cols] = resize_channels(crop, (rows, cols))
    return flipped(grid, window.mirror)


def _edges(own: npt.NDArray[np.bool_]) -> Box:
    """(top, left, bottom, right) of a mask, in pixels from the plane's edge."""
    rows, cols = np.flatnonzero(own.any(1)), np.flatnonzero(own.any(0))
    return float(rows[0]), float(cols[0]), float(rows[-1] + 1), float(cols[-1] + 1)
