"""SAM's parts as NumPy-facing calls: image encoder, and prompts with mask decoder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np
import torch

from napari_vlseg.models.preprocessing import Preprocessing, resize_plane
from napari_vlseg.models.sam_adapting import OwnDecoder
from napari_vlseg.models.sam_contrast import stretch_tile
from napari_vlseg.models.sam_decoding import decode_prompts, decode_with, lay_out_by_place
from napari_vlseg.models.sam_families import SAM, Family
from napari_vlseg.models.sam_windows import Window

Features = tuple[torch.Tensor, ...]
"""What an image encoder makes of one window: maps in its own precision, fit to be cached."""

Asked = Mapping[str, torch.Tensor | None]
"""Prompts of one layout as batches: points, labels, boxes and previous, or None of each."""


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


class PromptNetwork(Protocol):
    """The two halves of a click model, as its runner calls them.

    Attributes
    ----------
    preprocessing : Preprocessing
    display : WindowDisplay
    input_size : int
        Side of the square input, in model pixels.
    mask_size : int
        Side of the logits, in mask pixels.
    stretch : bool
        Planes are stretched to the input; otherwise they are padded.
    """

    preprocessing: Preprocessing
    display: WindowDisplay
    input_size: int
    mask_size: int
    stretch: bool

    def move(self, device: torch.device, dtype: torch.dtype) -> None:
        """Bring the weights to a device, in the given precision where that costs nothing."""
        ...

    def encode(self, plane: np.ndarray, windows: Sequence[Window]) -> list[Features]:
        """Encode windows of a plane.

        Parameters
        ----------
        plane : numpy.ndarray, shape (H, W, 3), float32 in [0, 1]
        windows : sequence of Window

        Returns
        -------
        list of Features
            For each window.
        """
        ...

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
        ...


class TunableNetwork(PromptNetwork, Protocol):
    """A `PromptNetwork` whose decoder can be trained.

    Attributes
    ----------
    model : torch.nn.Module
        Its weights, see `napari_vlseg.models.sam_adapting.changeable`.
    device : torch.device
    tower_sha256 : str
        Of the factors that its image encoder has more than the checkpoint, or what stands for
        their hash while they are learned; empty without factors.
    """

    model: Any
    device: torch.device
    tower_sha256: str

    @property
    def tower(self) -> Any:
        """The image encoder."""
        ...

    def maps_of(self, pixels: torch.Tensor) -> Features:
        """`encode` in tensors, of several windows at once; see `window_pixels`."""
        ...

    def answer(
        self, features: Sequence[Features], asked: Asked, *, three: bool
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """`decode` in tensors; what was learned flows back through it."""
        ...

    def with_decoder(self, tensors: Mapping[str, torch.Tensor]) -> Self:
        """The same image encoder, shared, and a decoder of its own with other tensors.

        Parameters
        ----------
        tensors : mapping of str to torch.Tensor
            New values by their names in `model`.

        Raises
        ------
        ModelError
            If the decoder has no such tensor, or of another shape.
        """
        ...

    def with_tower(self, tower: Any, sha256: str) -> Self:
        """The same with another image encoder, which came from this one's by factors.

        Parameters
        ----------
        tower : torch.nn.Module
        sha256 : str
            Hash of the factors; what was encoded without them does not fit.
        """
        ...

    def move_decoder(self, device: torch.device) -> None:
        """Bring what answers prompts to a device in float32, as training wants it.

        Of a network from `with_decoder`: the one it came from stays where it is.
        """
        ...


class SamNetwork(OwnDecoder):
    """A checkpoint of the SAM family in memory; a `PromptNetwork`.

    Parameters
    ----------
    model : transformers.PreTrainedModel
        In float32; it is put into evaluation mode.
    preprocessing : Preprocessing
    display : WindowDisplay, optional
        How the model wants to be shown windows and prompts.
    family : Family, optional
        Architecture; SAM if omitted.

    Attributes
    ----------
    device : torch.device
    dtype : torch.dtype
        Precision that the image encoder computes in, and the mask decoder of a model that sees
        whole planes. One that zooms decodes in float32: it is small, and its windows are
        compared by scores that differ little.
    """

    _TOWER = "vision_encoder"

    def __init__(
        self,
        model: Any,
        preprocessing: Preprocessing,
        display: WindowDisplay | None = None,
        family: Family = SAM,
    ) -> None:
        self.model = model.eval().requires_grad_(False)
        self.preprocessing = preprocessing
        self.display = display or WindowDisplay()
        self.stretch = family.stretch
        self.input_size = int(model.prompt_encoder.input_image_size)
        self.mask_size = 4 * int(model.prompt_encoder.image_embedding_size[0])
        self.device = torch.device("cpu")
        self.dtype = torch.float32
        self.tower_sha256 = ""
        self._family = family
        self._positions = model.get_image_wide_positional_embeddings()
        lay_out_by_place(model)

    def move(self, device: torch.device, dtype: torch.dtype) -> None:
        """See `PromptNetwork.move`."""
        self.model.to(device)
        self.model.vision_encoder.to(dtype)
        in_decoder = torch.float32 if self.display.zoom else dtype
        self.model.mask_decoder.to(in_decoder)
        self._positions = self._positions.to(device, in_decoder)
        self.device, self.dtype = device, dtype

    @torch.inference_mode()
    def encode(self, plane: np.ndarray, windows: Sequence[Window]) -> list[Features]:
        """See `PromptNetwork.encode`."""
        pixels = torch.cat([window_pixels(self, plane, window) for window in windows])
        return list(zip(*self.maps_of(pixels), strict=True))

    @property
    def tower(self) -> Any:
        """See `TunableNetwork.tower`."""
        return self.model.vision_encoder

    def maps_of(self, pixels: torch.Tensor) -> Features:
        """See `TunableNetwork.maps_of`."""
        return self._family.encode(self.model, pixels.to(self.device, self.dtype))

    @torch.inference_mode()
    def decode(
        self, features: Sequence[Features], prompts: Sequence[ModelPrompt], *, three: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        """See `PromptNetwork.decode`."""
        logits, scores = self.answer(features, prompt_tensors(prompts, self.device), three=three)
        return logits.cpu().numpy(), scores.cpu().numpy()

    def answer(
        self, features: Sequence[Features], asked: Asked, *, three: bool
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """See `TunableNetwork.answer`."""
        if self.display.draw_prompts:
            embeddings = stacked(features, self._positions)[0]
            return decode_prompts(self.model, embeddings, **asked, three=three, draw=True)
        if self._family.blank_point and asked["points"] is None and asked["boxes"] is None:
            asked = {**asked, **_blank_points(len(features), self.device)}
        together = is_one_window(features) and asked["previous"] is None
        maps = stacked(features[:1] if together else features, self._positions)
        images = self._family.decoder_inputs(maps)
        return decode_with(self.model, images, self._positions, **asked, three=three)


def window_pixels(network: PromptNetwork, plane: np.ndarray, window: Window) -> torch.Tensor:
    """Model input (1, 3, size, size) of a window; beyond the plane it is 0, the mean colour."""
    size = network.input_size
    crop = plane[window.top : window.top + window.height, window.left : window.left + window.width]
    rows, cols = (
        max(1, min(size, round(extent * size / whole)))
        for extent, whole in zip(crop.shape, (window.height, window.width), strict=False)
    )
    scaled = resize_plane(crop, (rows, cols))
    if network.display.local_contrast:
        scaled = stretch_tile(scaled)
    pixels = torch.zeros(1, 3, size, size)
    pixels[:, :, :rows, :cols] = network.preprocessing.normalize(scaled[None])
    return pixels.flip([axis for axis, bit in ((3, 1), (2, 2)) if window.mirror & bit])


def prompt_tensors(prompts: Sequence[ModelPrompt], device: torch.device) -> Asked:
    """Prompts of one layout as batches."""
    n_points = prompts[0].layout[0]
    parts = {
        "points": [p.points for p in prompts if n_points],
        "labels": [p.labels for p in prompts if n_points],
        "boxes": [p.box for p in prompts if p.box is not None],
        "previous": [p.previous for p in prompts if p.previous is not None],
    }
    return {
        name: torch.from_numpy(np.stack(some)).to(device) if some else None
        for name, some in parts.items()
    }


def is_one_window(features: Sequence[Features]) -> bool:
    """Whether all prompts are asked of one window."""
    return all(maps is features[0] for maps in features)


def stacked(features: Sequence[Features], like: torch.Tensor) -> Features:
    """Maps of several windows as batches, on the device and in the precision of a tensor."""
    if is_one_window(features):
        one = [maps.to(like)[None] for maps in features[0]]
        return tuple(maps.expand(len(features), *maps.shape[1:]) for maps in one)
    return tuple(torch.stack(level).to(like) for level in zip(*features, strict=True))


def _blank_points(count: int, device: torch.device) -> Asked:
    """One point for each object that lies nowhere, as SAM 2 wants beside a mask alone."""
    return {
        "points": torch.full((count, 1, 2), 0.5, device=device),
        "labels": torch.full((count, 1), -1, dtype=torch.int64, device=device),
    }
