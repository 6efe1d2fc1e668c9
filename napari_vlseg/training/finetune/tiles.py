"""Corrections cut into the tiles that the model sees, beside what it has encoded of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from napari_vlseg.models.base import Embedding
from napari_vlseg.models.network import Activations
from napari_vlseg.models.preprocessing import Preprocessing, resize_channels
from napari_vlseg.tiling import TilePlan, cut_tile, pad_plane
from napari_vlseg.training.finetune.corrected import CorrectedPlane
from napari_vlseg.training.finetune.encoder import pixels_of


@dataclass(frozen=True, eq=False)
class TileSet:
    """Tiles of one side with what is known about them.

    Attributes
    ----------
    activations : tuple of torch.Tensor, each of shape (n, 1 + patches, channels)
        What the decoder reads; or, where the vision tower learns too, what that reads: one
        tensor of pixels, shape (n, 3, side, side).
    targets : torch.Tensor, shape (n, classes, side, side), uint8
        Share of each pixel that is of the class, 255 for all of it.
    known : torch.Tensor, shape (n, side, side), bool
        Pixels that count.
    """

    activations: Activations
    targets: torch.Tensor
    known: torch.Tensor

    def __len__(self) -> int:
        return len(self.known)

    def take(self, rows: slice) -> TileSet:
        """Some of the tiles."""
        return TileSet(
            tuple(layer[rows] for layer in self.activations), self.targets[rows], self.known[rows]
        )


def tiles_of(corrected: CorrectedPlane, embedding: Embedding, classes: Sequence[str]) -> TileSet:
    """The tiles of a plane in which something is known.

    Parameters
    ----------
    corrected : CorrectedPlane
    embedding : Embedding
        Of its plane.
    classes : sequence of str

    Returns
    -------
    TileSet
        Perhaps of no tile.
    """
    passes = zip(*embedding.activations, strict=True)
    layers = [torch.cat([layer.cpu() for layer in batch]) for batch in passes]
    return _known_tiles(corrected, embedding.plan, layers, classes)


def pixel_tiles_of(
    corrected: CorrectedPlane, plan: TilePlan, preprocessing: Preprocessing, classes: Sequence[str]
) -> TileSet:
    """`tiles_of` for a vision tower that learns too: nothing is encoded."""
    layers = [pixels_of(corrected.plane, plan, preprocessing)]
    return _known_tiles(corrected, plan, layers, classes)


def _known_tiles(
    corrected: CorrectedPlane,
    plan: TilePlan,
    layers: Sequence[torch.Tensor],
    classes: Sequence[str],
) -> TileSet:
    maps = [corrected.mask_of(name) for name in classes]
    tiles = _cut(np.stack([*maps, corrected.reviewed]).astype(np.float32), plan)
    known = tiles[:, -1] > 0.5
    rows = np.flatnonzero(known.any(axis=(1, 2)))
    activations = tuple(layer[rows].clone() for layer in layers)
    shares = np.rint(255 * tiles[rows, :-1]).astype(np.uint8)
    return TileSet(activations, torch.from_numpy(shares), torch.from_numpy(known[rows]))


@dataclass(frozen=True, eq=False)
class Tiles:
    """The tiles of several planes, numbered in their order.

    Planes of different sizes may have tiles of different sides, which no tensor holds together.

    Attributes
    ----------
    sets : tuple of TileSet
        Each of one side.
    """

    sets: tuple[TileSet, ...] = ()

    def __len__(self) -> int:
        return sum(map(len, self.sets))

    @property
    def present(self) -> torch.Tensor:
        """Which classes have a known pixel on which tile, bool (n, classes)."""
        found = [((s.targets > 0) & s.known[:, None]).flatten(2).any(2) for s in self.sets]
        return torch.cat(found) if found else torch.zeros(0, 0, dtype=torch.bool)

    def take(self, numbers: torch.Tensor) -> list[tuple[torch.Tensor, TileSet]]:
        """Some of the tiles, those of one side together.

        Parameters
        ----------
        numbers : torch.Tensor, shape (n,), int64

        Returns
        -------
        list of (torch.Tensor, TileSet)
            For each side the positions in `numbers`, and the tiles there.
        """
        ends = torch.tensor([len(one) for one in self.sets]).cumsum(0)
        owners = torch.searchsorted(ends, numbers, right=True).tolist()
        sides: dict[int, tuple[list[int], list[TileSet]]] = {}
        for place, (number, owner) in enumerate(zip(numbers.tolist(), owners, strict=True)):
            one = self.sets[owner]
            row = number - int(ends[owner]) + len(one)
            places, tiles = sides.setdefault(one.known.shape[-1], ([], []))
            places.append(place)
            tiles.append(one.take(slice(row, row + 1)))
        return [(torch.tensor(places), _stacked(tiles)) for places, tiles in sides.values()]


def _stacked(sets: Sequence[TileSet]) -> TileSet:
    layers = zip(*(part.activations for part in sets), strict=True)
    return TileSet(
        tuple(torch.cat(layer) for layer in layers),
        torch.cat([part.targets for part in sets]),
        torch.cat([part.known for part in sets]),
    )


def _cut(maps: np.ndarray, plan: TilePlan) -> np.ndarray:
    """Maps (n, H, W) as tiles (tiles, n, side, side)."""
    scaled = resize_channels(maps, plan.shape).transpose(1, 2, 0)
    padded = pad_plane(scaled, plan)
    return np.stack([cut_tile(padded, plan, tile).transpose(2, 0, 1) for tile in plan.tiles])
