"""The part of a click model that fine-tuning changes: its prompt encoder and its mask decoder.

The image encoder stays what it is, so that everything that was encoded before is still good;
the slow kind of fine-tuning also adds factors of low rank to its attention.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import torch
from torch import nn

from napari_vlseg.errors import ModelError

_PARTS = ("mask_decoder", "prompt_encoder")
_OWN = (*_PARTS, "shared_image_embedding")
_ATTENTION = ("qkv", "q_proj", "v_proj")
# Codes of places belong to encoder and decoder alike, and SAM 2 applies two maps of its mask
# decoder when it encodes: other values would make what is encoded wrong.
_FIXED = (
    "prompt_encoder.shared_embedding.",
    "prompt_encoder.pe_layer.",
    "mask_decoder.conv_s0.",
    "mask_decoder.conv_s1.",
)


def with_own_decoder(model: nn.Module) -> Any:
    """A copy of a model of the SAM family that shares everything but what answers prompts."""
    shared = {id(part): part for name, part in model.named_children() if name not in _OWN}
    return copy.deepcopy(model, shared)


def decoder_parts(model: nn.Module) -> list[nn.Module]:
    """What `with_own_decoder` copies."""
    return [part for name, part in model.named_children() if name in _OWN]


class OwnDecoder:
    """How a network of the SAM family, of either library, takes what fine-tuning changed.

    Attributes
    ----------
    model : torch.nn.Module
    device : torch.device
    dtype : torch.dtype
    tower_sha256 : str
    """

    _TOWER: ClassVar[str]
    """Name of the image encoder in the model."""

    model: Any
    device: torch.device
    dtype: torch.dtype
    tower_sha256: str
    _positions: torch.Tensor

    def with_decoder(self, tensors: Mapping[str, torch.Tensor]) -> Self:
        """See `TunableNetwork.with_decoder`."""
        other = copy.copy(self)
        other.model = with_own_decoder(self.model)
        put_tensors(other.model, tensors)
        return other

    def with_tower(self, tower: Any, sha256: str) -> Self:
        """See `TunableNetwork.with_tower`."""
        other = self.with_decoder({})
        setattr(other.model, self._TOWER, tower)
        other.tower_sha256 = sha256
        return other

    def move_decoder(self, device: torch.device) -> None:
        """See `TunableNetwork.move_decoder`."""
        for part in decoder_parts(self.model):
            part.to(device, torch.float32)
        self._positions = self._positions.to(device, torch.float32)
        self.device, self.dtype = device, torch.float32


def changeable(model: nn.Module) -> dict[str, nn.Parameter]:
    """Parameters that fine-tuning may change, by their names inside the model."""
    return {
        name: parameter
        for name, parameter in model.named_parameters()
        if name.split(".")[0] in _PARTS and not name.startswith(_FIXED)
    }


@torch.no_grad()
def put_tensors(model: nn.Module, tensors: Mapping[str, torch.Tensor]) -> None:
    """Give parameters of an adapter to the model.

    Raises
    ------
    ModelError
        If the model has no such tensor, or of another shape.
    """
    known = changeable(model)
    for name, value in tensors.items():
        if name not in known or known[name].shape != value.shape:
            raise ModelError(
                f"The adapter's tensor {name} {tuple(value.shape)} does not fit the decoder "
                "of this model: use it with the model that it was trained on."
            )
        known[name].copy_(value)


def attention_paths(encoder: nn.Module) -> list[str]:
    """Linear maps of an image encoder's attention, by their paths in it.

    Raises
    ------
    ModelError
        If there are none.
    """
    paths = [
        path
        for path, layer in encoder.named_modules()
        if isinstance(layer, nn.Linear) and path.split(".")[-1] in _ATTENTION
    ]
    if not paths:
        raise ModelError(
            "The image encoder of this model has no attention that could be changed a little: "
            "train its decoder alone."
        )
    return paths
