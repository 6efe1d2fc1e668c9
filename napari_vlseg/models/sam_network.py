"""SAM's parts as NumPy-facing calls: image encoder, and prompts with mask decoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from napari_vlseg.models.preprocessing import Preprocessing, resize_plane
from napari_vlseg.models.sam_contrast import stretch_tile
from napari_vlseg.models.sam_decoding import decode_prompts
from napari_vlseg.models.sam_windows import Window

Features = tuple[torch.Tensor, ...]
"""What an image encoder makes of one window: maps (channels, rows, cols), fit to be cached."""


@dataclass(frozen=True, eq=False)
class ModelPrompt:
    """What is asked of one window, in model pixels from its edge.

    Attributes
    ----------
    points : numpy.ndarray, shape (k, 2), float32
        (row, col); k may be 0.
    labels : numpy.ndarray, shape (k,), int64
    box : numpy.ndarray, shape (4,), float32, or None
        (top, left, bottom, right) edges.
    previous : numpy.ndarray, shape (m, m), float32, or None
        Logits to go on from.
    """

    points: np.ndarray
    labels: np.ndarray
    box: np.ndarray | None = None
    previous: np.ndarray | None = None

    @property
    def layout(self) -> tuple[int, bool, bool]:
        """Prompts of equal layout are decoded together."""
        return len(self.points), self.box is not None, self.previous is not None


@dataclass(frozen=True)
class WindowDisplay:
    """How a checkpoint was shown images and prompts in training.

    Attributes
    ----------
    zoom : bool
        Windows in which the object has a good size; otherwise the whole plane.
    local_contrast : bool
        Each window stretched to its own dark and bright end.
    draw_prompts : bool
        Prompts drawn into the mask prompt too, see `draw_prompts`.
    views : {1, 2, 4}
        How many mirrored views of a window are answered and averaged.
    """

    zoom: bool = False
    local_contrast: bool = False
    draw_prompts: bool = False
    views: int = 1


class SamNetwork:
    """A SAM checkpoint in memory.

    Parameters
    ----------
    model : transformers.SamModel
        In float32; it is put into evaluation mode.
    preprocessing : Preprocessing
    display : WindowDisplay, optional
        How the model wants to be shown windows and prompts.

    Attributes
    ----------
    device : torch.device
    dtype : torch.dtype
        Precision that the image encoder computes in.
    """

    def __init__(
        self, model: Any, preprocessing: Preprocessing, display: WindowDisplay | None = None
    ) -> None:
        self.model = model.eval().requires_grad_(False)
        self.preprocessing = preprocessing
        self.display = display or WindowDisplay()
        self.input_size: int = model.config.vision_config.image_size
        self.mask_size: int = 4 * self.input_size // model.config.vision_config.patch_size
        self.device = torch.device("cpu")
        self.dtype = torch.float32

    def move(self, device: torch.device, dtype: torch.dtype) -> None:
        """Bring the weights to a device, the image encoder in the given precision."""
        self.model.to(device)
        self.model.vision_encoder.to(dtype)
        self.device, self.dtype = device, dtype

    @torch.inference_mode()
    def encode(self, plane: np.ndarray, windows: Sequence[Window]) -> list[Features]:
        """Encode windows of a plane.

        Parameters
        ----------
        plane : numpy.ndarray, shape (H, W, 3), float32 in [0, 1]
        windows : sequence of Window

        Returns
        -------
        list of Features
            For each window one map (channels, grid, grid), float32.
        """
        pixels = torch.cat([self._pixels(plane, window) for window in windows])
        encoded = self.model.vision_encoder(pixels.to(self.device, self.dtype))
        return [(embedding,) for embedding in encoded.last_hidden_state.float()]

    def _pixels(self, plane: np.ndarray, window: Window) -> torch.Tensor:
        """Model input (1, 3, size, size); beyond the plane it is 0, the mean colour."""
        size = self.input_size
        crop = plane[window.top : window.top + window.side, window.left : window.left + window.side]
        rows, cols = (
            max(1, min(size, round(extent * size / window.side))) for extent in crop.shape[:2]
        )
        scaled = resize_plane(crop, (rows, cols))
        if self.display.local_contrast:
            scaled = stretch_tile(scaled)
        pixels = torch.zeros(1, 3, size, size)
        pixels[:, :, :rows, :cols] = self.preprocessing.normalize(scaled[None])
        return pixels.flip([axis for axis, bit in ((3, 1), (2, 2)) if window.mirror & bit])

    @torch.inference_mode()
    def decode(
        self, features: Sequence[Features], prompts: Sequence[ModelPrompt], *, three: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        """Masks of one prompt per window.

        Parameters
        ----------
        features : sequence of Features, length n
            Of the windows, from `encode`.
        prompts : sequence of ModelPrompt, length n
            All of one layout.
        three : bool
            Three candidates for each prompt instead of one.

        Returns
        -------
        logits : numpy.ndarray, float32, shape (n, candidates, m, m)
        scores : numpy.ndarray, float32, shape (n, candidates)
            Predicted IoU.
        """
        n_points, _, _ = prompts[0].layout
        logits, scores = decode_prompts(
            self.model,
            stacked(features, self.device)[0],
            points=self._stack([p.points for p in prompts]) if n_points else None,
            labels=self._stack([p.labels for p in prompts]) if n_points else None,
            boxes=self._stack([p.box for p in prompts if p.box is not None]),
            previous=self._stack([p.previous for p in prompts if p.previous is not None]),
            three=three,
            draw=self.display.draw_prompts,
        )
        return logits.cpu().numpy(), scores.cpu().numpy()

    def _stack(self, parts: Sequence[np.ndarray]) -> torch.Tensor | None:
        return torch.from_numpy(np.stack(parts)).to(self.device) if parts else None


def stacked(features: Sequence[Features], device: torch.device) -> Features:
    """Maps of several windows as batches (n, channels, rows, cols); of one window, a view."""
    if all(maps is features[0] for maps in features):
        return tuple(m.to(device)[None].expand(len(features), -1, -1, -1) for m in features[0])
    return tuple(torch.stack(level).to(device) for level in zip(*features, strict=True))
