"""Meta's own ``segment-anything`` package as the two halves of a click model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from napari_vlseg.models.preprocessing import Preprocessing
from napari_vlseg.models.sam_adapting import OwnDecoder
from napari_vlseg.models.sam_network import (
    Asked,
    Features,
    ModelPrompt,
    WindowDisplay,
    is_one_window,
    prompt_tensors,
    window_pixels,
)
from napari_vlseg.models.sam_windows import Window

_WHITE = 255


class SegmentAnythingNetwork(OwnDecoder):
    """A `segment_anything.modeling.Sam` in memory; a `PromptNetwork`.

    These models see whole planes only, so that prompts of one plane are decoded together.

    Parameters
    ----------
    model : segment_anything.modeling.Sam
        In float32; it is put into evaluation mode.

    Attributes
    ----------
    device : torch.device
    """

    _TOWER = "image_encoder"

    stretch = False

    def __init__(self, model: Any) -> None:
        self.model = model.eval().requires_grad_(False)
        self.input_size = int(model.image_encoder.img_size)
        self.mask_size = 4 * int(model.prompt_encoder.image_embedding_size[0])
        self.display = WindowDisplay()
        mean, std = (
            tuple(float(value) / _WHITE for value in values.flatten())
            for values in (model.pixel_mean, model.pixel_std)
        )
        self.preprocessing = Preprocessing(self.input_size, mean, std)
        self.device = torch.device("cpu")
        self.tower_sha256 = ""
        self.dtype = torch.float32
        self._positions = model.prompt_encoder.get_dense_pe()

    def move(self, device: torch.device, dtype: torch.dtype) -> None:
        """See `PromptNetwork.move`."""
        self.model.to(device)
        self.model.image_encoder.to(dtype)
        self.model.mask_decoder.to(dtype)
        self._positions = self._positions.to(device, dtype)
        self.device, self.dtype = device, dtype

    @torch.inference_mode()
    def encode(self, plane: np.ndarray, windows: Sequence[Window]) -> list[Features]:
        """See `PromptNetwork.encode`."""
        pixels = torch.cat([window_pixels(self, plane, window) for window in windows])
        return list(zip(*self.maps_of(pixels), strict=True))

    @property
    def tower(self) -> Any:
        """See `TunableNetwork.tower`."""
        return self.model.image_encoder

    def maps_of(self, pixels: torch.Tensor) -> Features:
        """See `TunableNetwork.maps_of`."""
        return (self.model.image_encoder(pixels.to(self.device, self.dtype)),)

    @torch.inference_mode()
    def decode(
        self, features: Sequence[Features], prompts: Sequence[ModelPrompt], *, three: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        """See `PromptNetwork.decode`."""
        asked = prompt_tensors(prompts, self.device)
        logits, scores = self.answer(features, asked, three=three)
        return logits.cpu().numpy(), scores.cpu().numpy()

    def answer(
        self, features: Sequence[Features], asked: Asked, *, three: bool
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """See `TunableNetwork.answer`."""
        points, boxes, previous = asked["points"], asked["boxes"], asked["previous"]
        labels = asked["labels"]
        sparse, dense = self.model.prompt_encoder(
            points=None if points is None else (points.flip(-1) - 0.5, labels),
            boxes=None if boxes is None else boxes[:, [1, 0, 3, 2]] - 0.5,
            masks=None if previous is None else previous[:, None],
        )
        # The mask decoder takes one image at a time, and any number of prompts of it.
        n_rows = len(features) if is_one_window(features) else 1
        answers = [
            self.model.mask_decoder(
                image_embeddings=features[row][0][None].to(self._positions),
                image_pe=self._positions,
                sparse_prompt_embeddings=sparse[row : row + n_rows].to(self._positions.dtype),
                dense_prompt_embeddings=dense[row : row + n_rows].to(self._positions.dtype),
                multimask_output=three,
            )
            for row in range(0, len(features), n_rows)
        ]
        logits, scores = (torch.cat(parts).float() for parts in zip(*answers, strict=True))
        return logits, scores
