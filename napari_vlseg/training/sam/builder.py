"""Building the small SAM and giving it a start from which it can learn."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from transformers import SamConfig, SamModel

from napari_vlseg.training.builder import sine_positions

_POSITION_SCALE = 0.15
_TOKEN_SCALE = 0.5
_INITIALISER_RANGE = 0.02


@dataclass(frozen=True)
class SamShape:
    """Sizes of the model.

    Attributes
    ----------
    image_size, patch_size : int
        Sides of the square input and of a patch, in model pixels.
    vision_width, vision_layers, vision_heads : int
    window : int
        Side of the attention windows in patches, where every other layer looks at the
        whole input; 0 lets every layer do so.
    relative_positions : bool
        Whether attention adds biases by relative position.
    width : int
        Channels of image embedding, prompt encoder and mask decoder.
    decoder_heads, decoder_mlp : int
    """

    image_size: int = 96
    patch_size: int = 8
    vision_width: int = 192
    vision_layers: int = 6
    vision_heads: int = 3
    window: int = 0
    relative_positions: bool = False
    width: int = 128
    decoder_heads: int = 4
    decoder_mlp: int = 256

    @property
    def mask_size(self) -> int:
        """Side of the decoder's masks, in mask pixels."""
        return 4 * self.image_size // self.patch_size


def build_sam(shape: SamShape, seed: int, attention: str = "sdpa") -> SamModel:
    """A freshly initialised SAM of the given sizes.

    Parameters
    ----------
    shape : SamShape
    seed : int
        Seed of torch's generator for the initial weights.
    attention : {"sdpa", "eager"}
        Implementation of attention; on CPUs the backward pass of "eager" is the faster.
    """
    torch.manual_seed(seed)
    configuration = sam_configuration(shape)
    configuration._attn_implementation = attention
    model = SamModel(configuration)
    with torch.no_grad():
        _start_positions(model, shape)
        _start_decoder(model)
    return model


def sam_configuration(shape: SamShape) -> SamConfig:
    """Configuration in which all parts agree on input, grid and width."""
    layers = range(shape.vision_layers)
    vision = {
        "hidden_size": shape.vision_width,
        "output_channels": shape.width,
        "num_hidden_layers": shape.vision_layers,
        "num_attention_heads": shape.vision_heads,
        "image_size": shape.image_size,
        "patch_size": shape.patch_size,
        "window_size": shape.window,
        "global_attn_indexes": [n for n in layers if n % 2 or not shape.window],
        "num_pos_feats": shape.width // 2,
        "use_rel_pos": shape.relative_positions,
        "initializer_range": _INITIALISER_RANGE,
    }
    prompts = {
        "hidden_size": shape.width,
        "image_size": shape.image_size,
        "patch_size": shape.patch_size,
    }
    decoder = {
        "hidden_size": shape.width,
        "mlp_dim": shape.decoder_mlp,
        "num_attention_heads": shape.decoder_heads,
        "iou_head_hidden_dim": shape.width,
    }
    return SamConfig(
        vision_config=vision,
        prompt_encoder_config=prompts,
        mask_decoder_config=decoder,
        initializer_range=_INITIALISER_RANGE,
    )


def _start_positions(model: SamModel, shape: SamShape) -> None:
    """Fixed random Fourier features of unit scale, and sine waves for the patches.

    transformers draws the Fourier features with a deviation of half the width, under which
    neighbouring pixels have unrelated codes.
    """
    codes = torch.randn(2, shape.width // 2)
    for holder in (model.shared_image_embedding, model.prompt_encoder.shared_embedding):
        holder.positional_embedding.copy_(codes)
        holder.positional_embedding.requires_grad_(False)
    grid = shape.image_size // shape.patch_size
    waves = sine_positions(grid, shape.vision_width)
    model.vision_encoder.pos_embed.copy_(
        _POSITION_SCALE * waves.reshape(1, grid, grid, shape.vision_width)
    )


def _start_decoder(model: SamModel) -> None:
    """Unit-gain linear maps, and tokens that differ from each other from the start."""
    decoder, prompts = model.mask_decoder, model.prompt_encoder
    for layer in decoder.modules():
        if isinstance(layer, nn.Linear):
            layer.weight.normal_(0, layer.in_features**-0.5)
    for layer in (decoder.upscale_conv1, decoder.upscale_conv2):
        layer.weight.normal_(0, layer.in_channels**-0.5)
    drawing = prompts.mask_embed
    for layer in (drawing.conv1, drawing.conv2, drawing.conv3):
        layer.weight.normal_(0, layer.weight[0].numel() ** -0.5)
        layer.bias.normal_(0, _TOKEN_SCALE)
    for table in (decoder.iou_token, decoder.mask_tokens, *prompts.point_embed):
        table.weight.normal_(0, _TOKEN_SCALE)
