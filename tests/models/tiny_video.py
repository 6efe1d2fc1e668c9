"""Small random video models of SAM 2 and EdgeTAM, in folders as they are published."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import EdgeTamVideoConfig, EdgeTamVideoModel, Sam2VideoConfig, Sam2VideoModel
from transformers.models.sam2 import Sam2ImageProcessor, Sam2Processor

from tests.models.tiny_family import SIDE, TinyBackboneConfig, draw_weights

_WIDTH = 128  # more than the memory, whose 64 channels transformers takes for granted
_CHANNELS = [8, 16, 24, 32]
_PYRAMID = {
    "backbone_channel_list": _CHANNELS[::-1],
    "backbone_feature_sizes": [[SIDE // 4] * 2, [SIDE // 8] * 2, [SIDE // 16] * 2],
    "fpn_hidden_size": _WIDTH,
}
_HIERA = {
    "model_type": "sam2_hiera_det_model",
    "hidden_size": 8,
    "image_size": [SIDE, SIDE],
    "blocks_per_stage": [1, 1, 2, 1],
    "embed_dim_per_stage": _CHANNELS,
    "num_attention_heads_per_stage": [1, 1, 2, 2],
    "window_size_per_stage": [8, 4, 4, 2],
    "window_positional_embedding_background_size": [4, 4],
    "global_attention_blocks": [3],
}
_PARTS = {
    "prompt_encoder_config": {"hidden_size": _WIDTH, "image_size": SIDE, "patch_size": 16},
    "mask_decoder_config": {
        "hidden_size": _WIDTH,
        "mlp_dim": 32,
        "num_attention_heads": 2,
        "iou_head_hidden_dim": _WIDTH,
    },
    "image_size": SIDE,
    "memory_attention_hidden_size": _WIDTH,
    "memory_attention_num_layers": 1,
    "memory_attention_rope_feat_sizes": [SIDE // 16] * 2,
    "memory_encoder_hidden_size": _WIDTH,
    "memory_encoder_output_channels": 64,
    "mask_downsampler_embed_dim": _WIDTH,
    "memory_fuser_num_layers": 1,
    "memory_fuser_embed_dim": _WIDTH,
    "memory_fuser_intermediate_dim": 64,
    "num_maskmem": 3,
    "max_object_pointers_in_encoder": 4,
}


def _sam2() -> Sam2VideoModel:
    vision = {**_PYRAMID, "backbone_config": _HIERA, "model_type": "sam2_vision_model"}
    return Sam2VideoModel(
        Sam2VideoConfig(
            vision_config=vision, memory_attention_feed_forward_hidden_size=64, **_PARTS
        )
    )


def _edgetam() -> EdgeTamVideoModel:
    vision = {
        **_PYRAMID,
        "backbone_config": TinyBackboneConfig().to_dict(),
        "model_type": "edgetam_vision_model",
    }
    return EdgeTamVideoModel(
        EdgeTamVideoConfig(
            vision_config=vision,
            memory_attention_mlp_hidden_size=64,
            memory_attention_rope_k_sizes=[4, 4],
            perceiver_resampler_num_latents=16,
            perceiver_resampler_num_latents_2d=16,
            perceiver_resampler_num_layers=1,
            **_PARTS,
        )
    )


RECIPES: dict[str, Any] = {"sam2_video": _sam2, "edgetam_video": _edgetam}
"""Models by ``model_type``."""


def save_video(kind: str, folder: Path, seed: int = 0) -> Path:
    """Write a random video model and its processor to a folder."""
    torch.manual_seed(seed)
    model = RECIPES[kind]()
    draw_weights(model)
    model.save_pretrained(folder)
    size = {"height": SIDE, "width": SIDE}
    processor = Sam2Processor(image_processor=Sam2ImageProcessor(size=size), target_size=SIDE)
    processor.save_pretrained(folder)
    return folder
