"""Building the small CLIPSeg model and giving it a start from which it can learn."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from transformers import CLIPSegConfig, CLIPSegForImageSegmentation, CLIPTokenizer


@dataclass(frozen=True)
class ModelShape:
    """Sizes of the model; the defaults give 3.5 million parameters, 7 MB at 16 bits."""

    image_size: int = 128
    patch_size: int = 8
    vision_width: int = 192
    vision_layers: int = 6
    vision_heads: int = 3
    text_width: int = 128
    text_layers: int = 2
    text_heads: int = 4
    projection: int = 128
    extract_layers: tuple[int, ...] = (1, 3, 5)
    decoder_width: int = 64
    decoder_heads: int = 2
    decoder_mlp: int = 256


_FIRST_MASK_LOGIT = -1.5
_POSITION_SCALE = 0.3
_DECONVOLUTION_SCALE = 0.3
_QUERY_KEY_SCALE = 0.5


def build_model(
    shape: ModelShape, tokenizer: CLIPTokenizer, seed: int
) -> CLIPSegForImageSegmentation:
    """A freshly initialised CLIPSeg of the given sizes.

    Parameters
    ----------
    shape : ModelShape
    tokenizer : CLIPTokenizer
        Gives the vocabulary size and the special tokens.
    seed : int
        Seed of torch's generator for the initial weights.
    """
    torch.manual_seed(seed)
    model = CLIPSegForImageSegmentation(_configuration(shape, tokenizer))
    with torch.no_grad():
        _tame_decoder(model.decoder)
        grid = shape.image_size // shape.patch_size
        table = model.clip.vision_model.embeddings.position_embedding.weight
        table[1:] = _POSITION_SCALE * sine_positions(grid, shape.vision_width)
        for layer in model.clip.vision_model.encoder.layers:
            _mimic_trained_attention(layer.self_attn, shape.vision_heads)
    return model


def _configuration(shape: ModelShape, tokenizer: CLIPTokenizer) -> CLIPSegConfig:
    text = {
        "vocab_size": len(tokenizer),
        "hidden_size": shape.text_width,
        "intermediate_size": 4 * shape.text_width,
        "num_hidden_layers": shape.text_layers,
        "num_attention_heads": shape.text_heads,
        "max_position_embeddings": tokenizer.model_max_length,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    vision = {
        "hidden_size": shape.vision_width,
        "intermediate_size": 4 * shape.vision_width,
        "num_hidden_layers": shape.vision_layers,
        "num_attention_heads": shape.vision_heads,
        "image_size": shape.image_size,
        "patch_size": shape.patch_size,
    }
    return CLIPSegConfig(
        text_config=text,
        vision_config=vision,
        projection_dim=shape.projection,
        extract_layers=list(shape.extract_layers),
        reduce_dim=shape.decoder_width,
        decoder_num_attention_heads=shape.decoder_heads,
        decoder_intermediate_size=shape.decoder_mlp,
    )


def _tame_decoder(decoder: nn.Module) -> None:
    """Replace the unit-variance start of transformers, under which all prompts look alike.

    Linear maps get variance 1 / fan-in, FiLM starts as the identity, and the
    deconvolution starts small and below the threshold.
    """
    film = (decoder.film_mul, decoder.film_add)
    for layer in (*film, *decoder.reduces):
        layer.weight.normal_(0, layer.in_features**-0.5)
        nn.init.zeros_(layer.bias)
    nn.init.ones_(decoder.film_mul.bias)
    deconvolution = decoder.transposed_convolution
    deconvolution.weight.normal_(0, _DECONVOLUTION_SCALE * deconvolution.in_channels**-0.5)
    nn.init.constant_(deconvolution.bias, _FIRST_MASK_LOGIT)


def _mimic_trained_attention(attention: nn.Module, n_heads: int) -> None:
    """Start attention where training would bring it: patches look at patches like them.

    Query times key begins near a positive identity, so that, with the sine positions,
    attention is local from the start; value times output begins near a negative one
    (Trockman & Kolter 2023, "Mimetic Initialization of Self-Attention Layers", with
    smaller queries and keys).
    """
    width = attention.out_proj.in_features
    rows = width // n_heads
    for head in range(n_heads):
        left, strengths, right = _factors(0.7, 0.7, width)
        part = slice(head * rows, (head + 1) * rows)
        root = _QUERY_KEY_SCALE * strengths[:rows].sqrt()[:, None]
        attention.q_proj.weight[part] = root * left.T[:rows]
        attention.k_proj.weight[part] = root * right[:rows]
    left, strengths, right = _factors(0.4, -0.4, width)
    attention.v_proj.weight.copy_(strengths.sqrt()[:, None] * right)
    attention.out_proj.weight.copy_(left * strengths.sqrt())


def _factors(noise: float, diagonal: float, width: int) -> tuple[torch.Tensor, ...]:
    """Singular value decomposition of ``noise * Z + diagonal * identity``."""
    target = noise * torch.randn(width, width) / width**0.5 + diagonal * torch.eye(width)
    return tuple(torch.linalg.svd(target))


def sine_positions(grid: int, width: int) -> torch.Tensor:
    """Sine–cosine position table of a square grid, shape (grid², width).

    After Vaswani et al. 2017, in two dimensions as in MAE (He et al. 2022), with
    wavelengths that suit a grid of about 16.
    """
    quarter = width // 4
    frequencies = 100.0 ** (-torch.arange(quarter) / quarter)
    rows, cols = torch.meshgrid(torch.arange(grid), torch.arange(grid), indexing="ij")
    row_phase = rows.reshape(-1, 1) * frequencies
    col_phase = cols.reshape(-1, 1) * frequencies
    waves = (col_phase.sin(), col_phase.cos(), row_phase.sin(), row_phase.cos())
    return torch.cat(waves, dim=1)


class AuxiliaryHeads(nn.Module):
    """Linear read-outs that are trained along and dropped afterwards."""

    def __init__(self, vision_width: int, projection: int, n_codes: tuple[int, ...]) -> None:
        super().__init__()
        self.dense = nn.ModuleList(nn.Linear(vision_width, count) for count in n_codes)
        self.prompt = nn.ModuleList(nn.Linear(projection, count) for count in n_codes)
