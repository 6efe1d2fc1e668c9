"""How well a decoder does on corrections it was not trained on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np
import torch

from napari_vlseg.models.network import Activations, decoded
from napari_vlseg.training.finetune.objective import masked_loss
from napari_vlseg.training.finetune.tiles import Tiles, TileSet

THRESHOLDS = tuple(round(0.2 + 0.05 * n, 2) for n in range(13))
"""Thresholds that are tried: 0.2 to 0.8."""

_AT_A_TIME = 8
_AS_GOOD = 0.02

Tower: TypeAlias = Callable[[torch.Tensor], Activations]
"""Pixels (n, 3, side, side) to what the decoder reads."""


@dataclass(frozen=True)
class Assessment:
    """Scores on known pixels.

    Attributes
    ----------
    loss : float
        Mean over tiles and classes; NaN without tiles.
    dice : dict of str to float
        For each class that occurs, over all its pixels, at the threshold of the question.
    thresholds : dict of str to float
        For each class that occurs, the threshold of `THRESHOLDS` with the highest Dice; of several
        that are as good within 0.02, the one nearest to the threshold of the question.
    """

    loss: float
    dice: dict[str, float] = field(default_factory=dict)
    thresholds: dict[str, float] = field(default_factory=dict)


@torch.no_grad()
def assess(
    decoder: torch.nn.Module,
    vectors: Sequence[torch.Tensor],
    classes: Sequence[str],
    tiles: Tiles,
    *,
    threshold: float,
    patch_size: int,
    tower: Tower | None = None,
) -> Assessment:
    """Ask for every class on every tile.

    Parameters
    ----------
    decoder : module
    vectors : sequence of Tensor, shape (projection_dim,)
        What each class is asked for by, on the decoder's device.
    classes : sequence of str
        In the order of `vectors` and of the targets.
    tiles : Tiles
    threshold : float
        Probability from which a pixel counts as found.
    patch_size : int
    tower : callable, optional
        Encodes the tiles where they are kept as pixels.

    Returns
    -------
    Assessment
    """
    if tower is not None:
        tiles = _encoded(tiles, tower, next(decoder.parameters()).device)
    losses, dice, best = [], {}, {}
    for number, (name, vector) in enumerate(zip(classes, vectors, strict=True)):
        counts = np.zeros((len(THRESHOLDS) + 1, 3))
        for part in _portions(tiles):
            layers = tuple(layer.to(vector.device) for layer in part.activations)
            logits = decoded(decoder, layers, vector.expand(len(part), -1), patch_size).cpu()
            targets = part.targets[:, number].float() / 255
            losses += masked_loss(logits, targets, part.known).tolist()
            counts += _counts(logits.sigmoid(), targets > 0.5, part.known, threshold)
        if counts[0, 1]:
            scores = 2 * counts[:, 0] / (counts[:, 1] + counts[:, 2])
            dice[name] = float(scores[0])
            best[name] = _nearest_of_best(scores[1:], threshold)
    return Assessment(float(np.mean(losses)) if losses else float("nan"), dice, best)


def _encoded(tiles: Tiles, tower: Tower, device: torch.device) -> Tiles:
    """Tiles of pixels as the decoder reads them, once for all classes."""
    sets = []
    for part in _portions(tiles):
        (pixels,) = part.activations
        layers = tuple(layer.cpu() for layer in tower(pixels.to(device)))
        sets.append(replace(part, activations=layers))
    return Tiles(tuple(sets))


def _portions(tiles: Tiles) -> Iterator[TileSet]:
    """All tiles, as many at a time as fit in memory."""
    for numbers in torch.arange(len(tiles)).split(_AT_A_TIME):
        yield from (part for _, part in tiles.take(numbers))


def _nearest_of_best(scores: np.ndarray, threshold: float) -> float:
    """A few held-out objects can't tell thresholds apart that are nearly as good."""
    good = np.take(THRESHOLDS, np.flatnonzero(scores >= scores.max() - _AS_GOOD))
    return float(good[np.abs(good - threshold).argmin()])


def _counts(
    found: torch.Tensor, wanted: torch.Tensor, known: torch.Tensor, threshold: float
) -> np.ndarray:
    """Pixels in both, wanted and found, for the threshold and for each of `THRESHOLDS`."""
    wanted = wanted & known
    n_wanted = int(wanted.sum())
    rows = []
    for level in (threshold, *THRESHOLDS):
        lit = (found > level) & known
        rows.append((int((lit & wanted).sum()), n_wanted, int(lit.sum())))
    return np.array(rows, float)
