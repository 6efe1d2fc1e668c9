"""CLIPSeg rd64 at its full size with random weights: as fast as the published checkpoint."""

from __future__ import annotations

import numpy as np
import torch
from tokenizers import pre_tokenizers
from transformers import CLIPSegConfig, CLIPSegForImageSegmentation, CLIPTokenizer

from napari_vlseg.models.clipseg import ClipSegSegmenter
from napari_vlseg.models.network import ClipSegNetwork
from napari_vlseg.models.preprocessing import Preprocessing
from napari_vlseg.proposals import ModelInfo

SIDE = 352
WORDS = (
    "nucleus",
    "cell",
    "debris",
    "vessel",
    "fibre",
    "scratch",
    "bubble",
    "gland",
    "membrane",
    "background",
)
_START, _END = 49406, 49407
_PREPROCESSING = Preprocessing(SIDE, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def build_network() -> ClipSegNetwork:
    """The whole network, 150 M parameters."""
    torch.manual_seed(0)
    config = CLIPSegConfig(vision_config={"patch_size": 16, "image_size": SIDE}, reduce_dim=64)
    model = CLIPSegForImageSegmentation(config)
    return ClipSegNetwork(model, _build_tokenizer(), _PREPROCESSING)


def build_segmenter(network: ClipSegNetwork) -> ClipSegSegmenter:
    """The adapter around it, on the CPU in float32."""
    info = ModelInfo("clipseg-rd64 (random)")
    return ClipSegSegmenter(network, info, device=torch.device("cpu"), dtype=torch.float32)


def random_plane() -> np.ndarray:
    """A plane of the model's own size: one tile, nothing to resize."""
    return np.random.default_rng(0).random((SIDE, SIDE, 3), np.float32)


def _build_tokenizer() -> CLIPTokenizer:
    """One token per word, as CLIP's vocabulary has for common words."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokens = [*letters, *(f"{letter}</w>" for letter in letters)]
    merges: list[tuple[str, str]] = []
    for word in WORDS:
        start = word[0]
        for letter in [*word[1:-1], f"{word[-1]}</w>"]:
            if (start, letter) not in merges:
                merges.append((start, letter))
                tokens.append(start + letter)
            start += letter
    vocabulary = {token: number for number, token in enumerate(dict.fromkeys(tokens))}
    vocabulary |= {"<|startoftext|>": _START, "<|endoftext|>": _END}
    return CLIPTokenizer(vocab=vocabulary, merges=merges)
