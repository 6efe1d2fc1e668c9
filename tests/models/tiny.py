"""Small random CLIPSeg checkpoints with a real tokenizer, built offline."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from tokenizers import pre_tokenizers
from transformers import CLIPSegConfig, CLIPSegForImageSegmentation, CLIPTokenizer

MERGES = [("c", "e"), ("ce", "l"), ("cel", "l</w>"), ("n", "u"), ("nu", "c")]
MAX_TOKENS = 16


def build_tokenizer() -> CLIPTokenizer:
    """A byte-level BPE that knows every byte, so that no text can become an end token."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokens = [*letters, *(f"{letter}</w>" for letter in letters)]
    tokens += [first + second for first, second in MERGES]
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    return CLIPTokenizer(vocab=vocabulary, merges=MERGES, model_max_length=MAX_TOKENS)


def build_model(
    tokenizer: CLIPTokenizer, *, image_size: int = 32, patch_size: int = 8, **config: Any
) -> CLIPSegForImageSegmentation:
    """A random model whose answer depends on the prompt and varies over the image."""
    end = tokenizer.eos_token_id
    text = {
        "vocab_size": len(tokenizer),
        "hidden_size": 16,
        "intermediate_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "max_position_embeddings": MAX_TOKENS,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": end,
        "pad_token_id": end,
    }
    vision = {
        "hidden_size": 24,
        "intermediate_size": 48,
        "num_hidden_layers": 3,
        "num_attention_heads": 2,
        "image_size": image_size,
        "patch_size": patch_size,
    }
    settings = {
        "projection_dim": 12,
        "extract_layers": [0, 1, 2],
        "reduce_dim": 8,
        "decoder_num_attention_heads": 2,
        "decoder_intermediate_size": 16,
        **config,
    }
    torch.manual_seed(0)
    model = CLIPSegForImageSegmentation(
        CLIPSegConfig(text_config=text, vision_config=vision, **settings)
    ).eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            in_decoder = name.startswith("decoder") and weight.ndim > 1
            if in_decoder or "embedding" in name or "projection" in name:
                weight.normal_(std=0.3)
    return model


def save_checkpoint(folder: Path, *, input_size: int | None = None, **config: Any) -> Path:
    """Save a small checkpoint as a hub folder looks: weights, tokenizer, preprocessing."""
    tokenizer = build_tokenizer()
    model = build_model(tokenizer, **config)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    size = input_size or model.config.vision_config.image_size
    processor = {
        "image_mean": [0.5, 0.4, 0.3],
        "image_std": [0.3, 0.2, 0.25],
        "size": {"height": size, "width": size},
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(processor))
    return folder
