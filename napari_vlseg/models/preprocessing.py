"""From a plane to the pixels that a checkpoint was trained with, as its own files say."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn.functional import interpolate

from napari_vlseg.errors import ImageError, ModelError

Colours = tuple[tuple[float, ...], tuple[float, ...]]

CLIP_COLOURS: Colours = (
    (0.48145466, 0.4578275, 0.40821073),
    (0.26862954, 0.26130258, 0.27577711),
)
"""Mean and deviation of each channel that CLIP was trained with, for intensities in [0, 1]."""

IMAGENET_COLOURS: Colours = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""The same of ImageNet, which the SAM family was trained with."""


@dataclass(frozen=True)
class Preprocessing:
    """Input side and intensity normalisation of a checkpoint.

    Attributes
    ----------
    size : int
        Side of the square input, in model pixels.
    mean, std : tuple of float
        Per channel, for intensities in [0, 1].
    """

    size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @classmethod
    def from_folder(
        cls, folder: Path, default_size: int, default_colours: Colours = CLIP_COLOURS
    ) -> Preprocessing:
        """Read the image-processor configuration of a checkpoint.

        Parameters
        ----------
        folder : pathlib.Path
            Holds ``preprocessor_config.json``, or ``processor_config.json`` with an
            ``image_processor`` section.
        default_size : int
            Input side where the configuration names none.
        default_colours : tuple
            Means and deviations where it names none.

        Raises
        ------
        ModelError
            If the configuration can't be understood.
        """
        config = _image_processor_config(folder)
        try:
            if not config.get("do_normalize", True):
                return cls(_side(config.get("size"), default_size), (0.0,) * 3, (1.0,) * 3)
            mean = tuple(float(value) for value in config.get("image_mean", default_colours[0]))
            std = tuple(float(value) for value in config.get("image_std", default_colours[1]))
            size = _side(config.get("size"), default_size)
            if len(mean) != 3 or len(std) != 3 or min(std) <= 0 or size < 1:
                raise ValueError("three means, three positive deviations and a size are needed")
        except (TypeError, ValueError, AttributeError) as error:
            raise ModelError(
                f"The image-processor configuration in {folder} is not valid ({error}): "
                "take a fresh copy of the model."
            ) from error
        return cls(size, mean, std)

    def normalize(self, pictures: np.ndarray) -> torch.Tensor:
        """Pictures (n, side, side, 3) in [0, 1] as float32 model input (n, 3, side, side)."""
        channels_first = torch.from_numpy(np.ascontiguousarray(pictures.transpose(0, 3, 1, 2)))
        mean = torch.tensor(self.mean).reshape(1, 3, 1, 1)
        std = torch.tensor(self.std).reshape(1, 3, 1, 1)
        return (channels_first - mean) / std


def check_plane(plane: np.ndarray) -> np.ndarray:
    """The plane as contiguous float32.

    Raises
    ------
    ImageError
        If it is not of shape (H, W, 3) with at least one pixel.
    """
    plane = np.asarray(plane)
    if plane.ndim != 3 or plane.shape[2] != 3 or 0 in plane.shape:
        raise ImageError(
            f"A plane of shape {plane.shape} can't be segmented: give one of shape (H, W, 3) "
            "with at least one pixel."
        )
    return np.ascontiguousarray(plane, np.float32)


def resize_channels(channels: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Resize each channel bilinearly, smoothing first where pixels would be lost.

    Parameters
    ----------
    channels : numpy.ndarray, shape (n, H, W), float32
    shape : tuple of int
        (rows, columns) of the result, in pixels.

    Returns
    -------
    numpy.ndarray, shape (n, *shape), float32
        `channels` itself where nothing changes.
    """
    if channels.shape[1:] == tuple(shape):
        return channels
    batch = torch.from_numpy(np.ascontiguousarray(channels, np.float32))[None]
    resized = interpolate(batch, size=shape, mode="bilinear", align_corners=False, antialias=True)
    return resized[0].numpy()


def resize_plane(plane: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """`resize_channels` for a plane (H, W, 3)."""
    return resize_channels(plane.transpose(2, 0, 1), shape).transpose(1, 2, 0)


def _image_processor_config(folder: Path) -> dict[str, Any]:
    for name, section in (
        ("preprocessor_config.json", None),
        ("processor_config.json", "image_processor"),
    ):
        path = folder / name
        if path.is_file():
            config = read_json_object(path)
            found = config if section is None else config.get(section)
            if isinstance(found, dict):
                return found
    return {}


def read_json_object(path: Path) -> dict[str, Any]:
    """Read a JSON file that holds an object.

    Raises
    ------
    ModelError
        If it can't be read or holds something else.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(
            f"{path} can't be read ({error}): take a fresh copy of the model."
        ) from error
    if not isinstance(content, dict):
        raise ModelError(f"{path} holds no JSON object: take a fresh copy of the model.")
    return content


def model_type(folder: Path) -> str:
    """Architecture that a folder's configuration names, "" where it names none."""
    path = folder / "config.json"
    return str(read_json_object(path).get("model_type", "")) if path.is_file() else ""


def _side(size: Any, default: int) -> int:
    """Side of the square input; configurations write it in three ways."""
    if isinstance(size, dict):
        size = size.get("height", size.get("shortest_edge"))
    return default if size is None else int(size)
