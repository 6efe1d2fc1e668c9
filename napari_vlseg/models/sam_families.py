"""What the members of the SAM family do differently: all that an adapter has to know.

SAM (Kirillov et al. 2023, arXiv 2304.02643), SAM-HQ (Ke et al. 2023, arXiv 2306.01567),
SAM 2 (Ravi et al. 2024, arXiv 2408.00714) and EdgeTAM (Zhou et al. 2025, arXiv 2501.07256),
each in the implementation of the transformers library. Nothing here imports torch, so that a
folder's family is known before it is loaded.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

    Maps = tuple[torch.Tensor, ...]


@dataclass(frozen=True)
class Family:
    """One architecture.

    Attributes
    ----------
    class_name : str
        Class of transformers.
    stretch : bool
        Planes are stretched to the square input; otherwise they are padded.
    encode : callable
        ``encode(model, pixels)``: what the decoder needs of images, each with a batch axis.
    decoder_inputs : callable
        ``decoder_inputs(maps)``: the same as arguments of the mask decoder.
    blank_point : bool
        A mask alone is accompanied by a point that says nothing.
    """

    class_name: str
    stretch: bool
    encode: Callable[[Any, torch.Tensor], Maps]
    decoder_inputs: Callable[[Maps], dict[str, Any]]
    blank_point: bool = False


def _encode_sam(model: Any, pixels: torch.Tensor) -> Maps:
    return (model.vision_encoder(pixels).last_hidden_state,)


def _encode_hq(model: Any, pixels: torch.Tensor) -> Maps:
    """The embedding, and the first global attention's features (rows, cols, channels)."""
    found = model.vision_encoder(pixels)
    return found.last_hidden_state, found.intermediate_embeddings[0]


def _encode_pyramid(model: Any, pixels: torch.Tensor) -> Maps:
    """The embedding, and two finer levels as the decoder adds them to its masks."""
    fine, middle, coarse = model.vision_encoder(pixels).fpn_hidden_states
    decoder = model.mask_decoder
    nothing_before = model.no_memory_embedding.reshape(1, -1, 1, 1).to(coarse.dtype)
    return coarse + nothing_before, decoder.conv_s0(fine), decoder.conv_s1(middle)


def _sam_inputs(maps: Maps) -> dict[str, Any]:
    return {"image_embeddings": maps[0]}


def _hq_inputs(maps: Maps) -> dict[str, Any]:
    return {
        "image_embeddings": maps[0],
        "intermediate_embeddings": [maps[1]],
        "hq_token_only": False,
    }


def _pyramid_inputs(maps: Maps) -> dict[str, Any]:
    return {"image_embeddings": maps[0], "high_resolution_features": list(maps[1:])}


SAM = Family("SamModel", False, _encode_sam, _sam_inputs)
SAM_HQ = Family("SamHQModel", False, _encode_hq, _hq_inputs)
SAM_2 = Family("Sam2Model", True, _encode_pyramid, _pyramid_inputs, blank_point=True)
EDGE_TAM = Family("EdgeTamModel", True, _encode_pyramid, _pyramid_inputs, blank_point=True)

FAMILIES = {
    "sam": SAM,
    "sam_hq": SAM_HQ,
    "sam2": SAM_2,
    "sam2_video": SAM_2,
    "edgetam": EDGE_TAM,
    "edgetam_video": EDGE_TAM,
}
"""Families by the ``model_type`` of a configuration; of a video model the image part is used."""

VIDEO_CLASSES = {"sam2_video": "Sam2VideoModel", "edgetam_video": "EdgeTamVideoModel"}
"""Class of transformers that follows objects, by the ``model_type`` of a configuration."""
