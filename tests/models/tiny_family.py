"""Small random models of every architecture of the SAM family, in folders as they are published."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import AutoConfig, AutoModel, PreTrainedConfig, PreTrainedModel, SamHQModel
from transformers.models.edgetam import EdgeTamConfig, EdgeTamModel
from transformers.models.sam import SamConfig, SamImageProcessor, SamModel, SamProcessor
from transformers.models.sam2 import Sam2Config, Sam2ImageProcessor, Sam2Model, Sam2Processor
from transformers.models.sam2_video import Sam2VideoConfig, Sam2VideoModel
from transformers.models.sam_hq import SamHQConfig, SamHQProcessor
from transformers.utils import ModelOutput

SIDE = 128
"""Input of every model here, in model pixels."""

_WIDTH = 32
_PROMPTS = {"hidden_size": _WIDTH, "image_size": SIDE, "patch_size": 16}
_DECODER = {
    "hidden_size": _WIDTH,
    "mlp_dim": 32,
    "num_attention_heads": 2,
    "iou_head_hidden_dim": _WIDTH,
}
_VIT = {
    "hidden_size": 24,
    "output_channels": _WIDTH,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "image_size": SIDE,
    "patch_size": 16,
    "window_size": 3,
    "global_attn_indexes": [1],
    "num_pos_feats": _WIDTH // 2,
    "mlp_dim": 48,
}
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


class TinyBackboneConfig(PreTrainedConfig):
    """Stands in for RepViT, which needs the package timm."""

    model_type = "tiny_backbone"


class TinyBackbone(PreTrainedModel):
    """Maps of four resolutions, as RepViT gives them to EdgeTAM."""

    config_class = TinyBackboneConfig

    def __init__(self, config: TinyBackboneConfig) -> None:
        super().__init__(config)
        widths = [3, *_CHANNELS]
        self.steps = nn.ModuleList(
            nn.Conv2d(before, after, 3, stride=4 if number == 0 else 2, padding=1)
            for number, (before, after) in enumerate(pairwise(widths))
        )
        self.post_init()

    def forward(self, pixel_values: torch.Tensor, **_: Any) -> ModelOutput:
        """Maps from fine to coarse."""
        maps = []
        for step in self.steps:
            pixel_values = step(pixel_values).relu()
            maps.append(pixel_values)
        return ModelOutput(last_hidden_state=maps, hidden_states=None)


AutoConfig.register(TinyBackboneConfig.model_type, TinyBackboneConfig, exist_ok=True)
AutoModel.register(TinyBackboneConfig, TinyBackbone, exist_ok=True)


def _parts(vision: dict[str, Any]) -> dict[str, Any]:
    return {
        "vision_config": vision,
        "prompt_encoder_config": dict(_PROMPTS),
        "mask_decoder_config": dict(_DECODER),
    }


def _sam() -> PreTrainedModel:
    return SamModel(SamConfig(**_parts(_VIT)))


def _sam_hq() -> PreTrainedModel:
    parts = _parts(_VIT)
    parts["mask_decoder_config"] |= {"vit_dim": _VIT["hidden_size"]}
    return SamHQModel(SamHQConfig(**parts))


def _sam2() -> PreTrainedModel:
    return Sam2Model(Sam2Config(**_parts({**_PYRAMID, "backbone_config": _HIERA})))


def _sam2_video() -> PreTrainedModel:
    vision = {**_PYRAMID, "backbone_config": _HIERA, "model_type": "sam2_vision_model"}
    return Sam2VideoModel(Sam2VideoConfig(**_parts(vision)))


def _edgetam() -> PreTrainedModel:
    vision = {**_PYRAMID, "backbone_config": TinyBackboneConfig().to_dict()}
    return EdgeTamModel(EdgeTamConfig(**_parts(vision)))


def _padding_processor() -> SamImageProcessor:
    return SamImageProcessor(size={"longest_edge": SIDE}, pad_size={"height": SIDE, "width": SIDE})


def _stretching_processor() -> Sam2Processor:
    size = {"height": SIDE, "width": SIDE}
    return Sam2Processor(image_processor=Sam2ImageProcessor(size=size), target_size=SIDE)


Recipe = tuple[Callable[[], PreTrainedModel], Callable[[], Any]]

RECIPES: dict[str, Recipe] = {
    "sam": (_sam, lambda: SamProcessor(_padding_processor())),
    "sam_hq": (_sam_hq, lambda: SamHQProcessor(_padding_processor())),
    "sam2": (_sam2, _stretching_processor),
    "sam2_video": (_sam2_video, _stretching_processor),
    "edgetam": (_edgetam, _stretching_processor),
}
"""Model and processor by ``model_type``."""


def save_family(kind: str, folder: Path, seed: int = 0) -> Path:
    """Write a random model of an architecture and its processor to a folder."""
    build_model, build_processor = RECIPES[kind]
    torch.manual_seed(seed)
    model = build_model()
    draw_weights(model)
    model.save_pretrained(folder)
    build_processor().save_pretrained(folder)
    return folder


@torch.no_grad()
def draw_weights(model: nn.Module) -> None:
    """Random weights under which prompts matter and masks are smooth rather than speckled."""
    for name, values in [*model.named_parameters(), *model.named_buffers()]:
        if "positional_e" in name:  # embedding or encoding
            values.normal_(0, 0.5)
        elif "pos_embed" in name:
            values.normal_()
        elif ("upscale_conv" in name or "output_upscaling" in name) and values.ndim == 4:
            values.copy_(torch.randn(*values.shape[:2], 1, 1) * len(values) ** -0.5)
        elif values.ndim > 1 and values.is_floating_point():
            values.normal_(0, values[0].numel() ** -0.5)
