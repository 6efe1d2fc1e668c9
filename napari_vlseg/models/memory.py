"""How much a model computes at once, and what to give up when memory runs out."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from napari_vlseg.errors import ModelError

# Pixels per pass of the vision tower. Small on the CPU, where a larger pass is no faster and
# a cancelled run has to wait for it; large on a GPU, which is idle otherwise.
_TILE_PIXELS = {"cpu": 256**2, "mps": 8 * 352**2, "cuda": 16 * 352**2}
# On the CPU two full-size tiles still fit the processor's cache; more take longer each.
_DECODER_PIXELS = {"cpu": 2 * 352**2, "mps": 16 * 352**2, "cuda": 64 * 352**2}

_SMALLEST_SIDE = 0.5


@dataclass(frozen=True)
class MemoryBudget:
    """Where a model runs and how much it takes at once.

    Attributes
    ----------
    device : torch.device
    dtype : torch.dtype
        Precision of the vision tower.
    max_tiles : int or None
        Most tiles per pass of the vision tower, after a shortage.
    max_side : int or None
        Longest side of a tile in model pixels, after a shortage.
    max_pairs : int or None
        Most pairs of tile and prompt per pass of the decoder, after a shortage.
    """

    device: torch.device
    dtype: torch.dtype
    max_tiles: int | None = None
    max_side: int | None = None
    max_pairs: int | None = None

    def tiles_per_pass(self, side: int) -> int:
        """Tiles of a side that the vision tower takes at once."""
        return _at_most(_TILE_PIXELS[self.device.type] // side**2, self.max_tiles)

    def pairs_per_pass(self, side: int) -> int:
        """Pairs of tile and prompt that the decoder takes at once."""
        return _at_most(_DECODER_PIXELS[self.device.type] // side**2, self.max_pairs)

    def same_tiles(self, other: MemoryBudget) -> bool:
        """Whether tiles encoded under the two budgets can be mixed."""
        mine = (self.device, self.dtype, self.max_side)
        return mine == (other.device, other.dtype, other.max_side)

    def encode_less(
        self, n_tiles: int, side: int, input_size: int, patch: int
    ) -> tuple[MemoryBudget, str]:
        """The next budget after a pass of the vision tower found too little memory.

        Parameters
        ----------
        n_tiles, side : int
            Tiles of the failed pass, and their side in model pixels.
        input_size, patch : int
            Sides of the model's input and of a patch, in model pixels.

        Returns
        -------
        tuple of MemoryBudget and str
            Half the tiles, else half the side, else the CPU; and a sentence that says so.

        Raises
        ------
        ModelError
            If there is nothing left to give up.
        """
        if n_tiles > 1:
            fewer = n_tiles // 2
            return replace(self, max_tiles=fewer), self._notice(
                f"with {_count(fewer, 'tile')} at a time"
            )
        smaller = side // 2 // patch * patch
        if smaller >= max(patch, _SMALLEST_SIDE * input_size):
            return replace(self, max_side=smaller), self._notice(f"with tiles of {smaller} pixels")
        return self.on_cpu()

    def decode_less(self, n_pairs: int) -> tuple[MemoryBudget, str]:
        """The same after a pass of the decoder: half the prompts and tiles, else the CPU."""
        if n_pairs > 1:
            fewer = n_pairs // 2
            return replace(self, max_pairs=fewer), self._notice(
                f"with {_count(fewer, 'mask')} at a time"
            )
        return self.on_cpu()

    def on_cpu(self) -> tuple[MemoryBudget, str]:
        """A fresh budget on the CPU.

        Raises
        ------
        ModelError
            If this is the CPU already.
        """
        if self.device.type == "cpu":
            raise ModelError(
                "There is too little memory for this model: close other programs, "
                "or choose a larger working scale."
            )
        return MemoryBudget(torch.device("cpu"), torch.float32), self._notice(
            "on the CPU, more slowly"
        )

    def _notice(self, how: str) -> str:
        return f"Memory on {self.device} ran out: continuing {how}."


def _at_most(number: int, limit: int | None) -> int:
    return max(1, number if limit is None else min(number, limit))


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' if number > 1 else ''}"
