"""A small random model of Meta's own package, and its weights under transformers' names."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import torch
from segment_anything.modeling import (
    ImageEncoderViT,
    MaskDecoder,
    PromptEncoder,
    Sam,
    TwoWayTransformer,
)
from transformers.models.sam import SamConfig, SamModel

from tests.models.tiny_family import SIDE, draw_weights

_WIDTH, _GRID, _HEADS = 32, SIDE // 16, 8
_VIT = {"embed_dim": 24, "depth": 2, "num_heads": 2, "window_size": 3, "global_attn_indexes": (1,)}

_NAMES = {
    "image_encoder.": "vision_encoder.",
    "blocks.": "layers.",
    ".norm": ".layer_norm",
    "patch_embed.proj.": "patch_embed.projection.",
    "neck.0.": "neck.conv1.",
    "neck.1.": "neck.layer_norm1.",
    "neck.2.": "neck.conv2.",
    "neck.3.": "neck.layer_norm2.",
    "pe_layer.positional_encoding_gaussian_matrix": "shared_embedding.positional_embedding",
    "point_embeddings.": "point_embed.",
    "mask_downscaling.0.": "mask_embed.conv1.",
    "mask_downscaling.1.": "mask_embed.layer_norm1.",
    "mask_downscaling.3.": "mask_embed.conv2.",
    "mask_downscaling.4.": "mask_embed.layer_norm2.",
    "mask_downscaling.6.": "mask_embed.conv3.",
    "output_upscaling.0.": "upscale_conv1.",
    "output_upscaling.1.": "upscale_layer_norm.",
    "output_upscaling.3.": "upscale_conv2.",
}
_MLP_LAYERS = {"layers.0.": "proj_in.", "layers.1.": "layers.0.", "layers.2.": "proj_out."}


def build_sam(seed: int = 0) -> Sam:
    """A vit of two small layers, with the decoder of the published checkpoints made narrower."""
    torch.manual_seed(seed)
    sam = Sam(
        ImageEncoderViT(
            img_size=SIDE,
            patch_size=16,
            out_chans=_WIDTH,
            use_rel_pos=True,
            norm_layer=partial(torch.nn.LayerNorm, eps=1e-6),
            **_VIT,
        ),
        PromptEncoder(_WIDTH, (_GRID, _GRID), (SIDE, SIDE), 16),
        MaskDecoder(
            transformer_dim=_WIDTH,
            transformer=TwoWayTransformer(2, _WIDTH, _HEADS, 48),
            iou_head_hidden_dim=_WIDTH,
        ),
    )
    draw_weights(sam)
    return sam


def save_checkpoint(path: Path, content: Any = None) -> Path:
    """Write a checkpoint: the plain weights of `build_sam`, or something else."""
    torch.save(build_sam().state_dict() if content is None else content, path)
    return path


def as_transformers(sam: Sam) -> SamModel:
    """The same weights in transformers' implementation."""
    tensors = {_renamed(name): values for name, values in sam.state_dict().items()}
    codes = "shared_embedding.positional_embedding"
    tensors["shared_image_embedding.positional_embedding"] = tensors[f"prompt_encoder.{codes}"]
    model = SamModel(_config())
    model.load_state_dict(tensors)
    return model


def _config() -> SamConfig:
    vision = {
        "hidden_size": _VIT["embed_dim"],
        "num_hidden_layers": _VIT["depth"],
        "num_attention_heads": _VIT["num_heads"],
        "window_size": _VIT["window_size"],
        "global_attn_indexes": list(_VIT["global_attn_indexes"]),
        "output_channels": _WIDTH,
        "image_size": SIDE,
        "patch_size": 16,
        "num_pos_feats": _WIDTH // 2,
    }
    return SamConfig(
        vision_config=vision,
        prompt_encoder_config={"hidden_size": _WIDTH, "image_size": SIDE, "patch_size": 16},
        mask_decoder_config={
            "hidden_size": _WIDTH,
            "mlp_dim": 48,
            "num_attention_heads": _HEADS,
            "iou_head_hidden_dim": _WIDTH,
        },
    )


def _renamed(name: str) -> str:
    if "output_hypernetworks_mlps" in name or "iou_prediction_head" in name:
        old = next(old for old in _MLP_LAYERS if old in name)
        return name.replace(old, _MLP_LAYERS[old])
    for old, new in _NAMES.items():
        name = name.replace(old, new)
    return name
