"""Meta's own ``segment-anything`` package as the two halves of a click model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from napari_vlseg.models.preprocessing import Preprocessing
from napari_vlseg.models.sam_network import (
    Features,
    ModelPrompt,
    WindowDisplay,
    prompt_tensors,
    window_pixels,
)
from napari_vlseg.models.sam_windows import Window

_WHITE = 255


class SegmentAnythingNetwork:
    """A `segment_anything.modeling.Sam` in memory; a `PromptNetwork`.

    Its mask decoder answers many prompts of one image, so all prompts of a call are asked of
    the same window: these models see whole planes only.

    Parameters
    ----------
    model : segment_anything.modeling.Sam
        In float32; it is put into evaluation mode.
    """

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
        self._device, self._dtype = torch.device("cpu"), torch.float32
        self._positions = model.prompt_encoder.get_dense_pe()

    def move(self, device: torch.device, dtype: torch.dtype) -> None:
        """See `PromptNetwork.move`."""
        self.model.to(device)
        self.model.image_encoder.to(dtype)
        self.model.mask_decoder.to(dtype)
        self._positions = self._positions.to(device, dtype)
        self._device, self._dtype = device, dtype

    @torch.inference_mode()
    def encode(self, plane: np.ndarray, windows: Sequence[Window]) -> list[Features]:
        """See `PromptNetwork.encode`."""
        pixels = torch.cat([window_pixels(self, plane, window) for window in windows])
        found = self.model.image_encoder(pixels.to(self._device, self._dtype))
        return [(embedding,) for embedding in found]

    @torch.inference_mode()
    def decode(
        self, features: Sequence[Features], prompts: Sequence[ModelPrompt], *, three: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        """See `PromptNetwork.decode`."""
        asked = prompt_tensors(prompts, self._device)
        points, boxes, previous = asked["points"], asked["boxes"], asked["previous"]
        sparse, dense = self.model.prompt_encoder(
            points=None if points is None else (points.flip(-1) - 0.5, asked["labels"]),
            boxes=None if boxes is None else boxes[:, [1, 0, 3, 2]] - 0.5,
            masks=None if previous is None else previous[:, None],
        )
        logits, scores = self.model.mask_decoder(
            image_embeddings=features[0][0][None].to(self._positions),
            image_pe=self._positions,
            sparse_prompt_embeddings=sparse.to(self._dtype),
            dense_prompt_embeddings=dense.to(self._dtype),
            multimask_output=three,
        )
        return logits.float().cpu().numpy(), scores.float().cpu().numpy()
