"""The vision tower as it learns: the slow way, which runs it at every step."""

from __future__ import annotations

import copy

import numpy as np
import torch
from torch import nn

from napari_vlseg.models.lora import learned_factors, learning_copy
from napari_vlseg.models.network import Activations, ClipSegNetwork, encoded
from napari_vlseg.models.preprocessing import Preprocessing, resize_plane
from napari_vlseg.tiling import TilePlan, cut_tile, pad_plane

PARTS = ("q_proj", "v_proj")
"""Maps of each block's attention that get factors."""


class LearningTower:
    """A copy of a model's vision tower in which factors of low rank learn.

    Blocks that the decoder does not read get none.

    Parameters
    ----------
    network : ClipSegNetwork
        Of the base model; it is not changed.
    rank : int
        Of the factors.
    seed : int
        Of what they start from. Until they have learned something the copy sees what the
        base model sees.

    Attributes
    ----------
    factors : dict of str to torch.nn.Parameter
        As an adapter takes them.

    Raises
    ------
    ModelError
        If peft is not installed.
    """

    def __init__(self, network: ClipSegNetwork, rank: int, seed: int) -> None:
        last = max(network.model.extract_layers)
        paths = [f"encoder.layers.{n}.self_attn.{part}" for n in range(last + 1) for part in PARTS]
        self._module = learning_copy(network.tower, paths, rank, seed).to(network.device)
        self._layers = list(network.model.extract_layers)
        self._reductions = copy.deepcopy(network.model.decoder.reduces)
        self.factors: dict[str, nn.Parameter] = learned_factors(self._module)

    def __call__(self, pixels: torch.Tensor) -> Activations:
        """What the decoder reads of tiles (n, 3, side, side) from `pixels_of`."""
        return encoded(self._module, self._layers, self._reductions, pixels.float())

    def to(self, device: torch.device) -> None:
        """Bring the weights to a device."""
        self._module.to(device)
        self._reductions.to(device)

    def state_dict(self) -> dict[str, torch.Tensor]:
        """What learns."""
        return {name: factor.detach() for name, factor in self.factors.items()}

    def load_state_dict(self, state: dict[str, torch.Tensor]) -> None:
        """Inverse of `state_dict`."""
        with torch.no_grad():
            for name, factor in self.factors.items():
                factor.copy_(state[name])


def pixels_of(plane: np.ndarray, plan: TilePlan, preprocessing: Preprocessing) -> torch.Tensor:
    """The tiles of a plane as the vision tower reads them.

    Parameters
    ----------
    plane : numpy.ndarray, shape (H, W, 3), float32 in [0, 1]
    plan : TilePlan
    preprocessing : Preprocessing

    Returns
    -------
    Tensor, shape (tiles, 3, side, side), float16
        Normalised; half precision is still finer than 8 bits.
    """
    padded = pad_plane(resize_plane(plane, plan.shape), plan)
    tiles = np.stack([cut_tile(padded, plan, tile) for tile in plan.tiles])
    return preprocessing.normalize(tiles).half()
