"""Samples for File ▸ Open Sample: real nuclei, and a procedural scene."""

from __future__ import annotations

from typing import Any

from napari_vlseg.samples import load_sample

LayerData = tuple[Any, dict[str, Any], str]

_SCENE_SEED = 7
_SCENE_SIDE = 512


def fluorescence() -> list[LayerData]:
    """Nuclei in fluorescence."""
    return _sample("fluorescence")


def purple_on_white() -> list[LayerData]:
    """Purple nuclei on white, in stained tissue."""
    return _sample("purple_on_white")


def purple_on_purple() -> list[LayerData]:
    """Purple nuclei on purple tissue."""
    return _sample("purple_on_purple")


def brightfield() -> list[LayerData]:
    """Nuclei in brightfield."""
    return _sample("brightfield")


def scene() -> list[LayerData]:
    """A procedural scene with objects of many kinds."""
    from napari_vlseg.training.scenes import generate_scene

    made = generate_scene(_SCENE_SEED, size=_SCENE_SIDE)
    return [(made.image, {"name": "procedural scene", "rgb": True}, "image")]


def _sample(name: str) -> list[LayerData]:
    image, _ = load_sample(name)
    return [(image, {"name": name, "rgb": image.ndim == 3}, "image")]
