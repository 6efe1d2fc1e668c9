"""Procedural scenes: seeded images with instance labels and object records."""

from napari_vlseg.training.scenes.canvas import SceneObject
from napari_vlseg.training.scenes.kinds import KINDS
from napari_vlseg.training.scenes.novel import NOVEL
from napari_vlseg.training.scenes.pairs import generate_novel_pair
from napari_vlseg.training.scenes.palette import PALETTE
from napari_vlseg.training.scenes.scene import Scene, generate_scene, mask_of_objects
from napari_vlseg.training.scenes.styles import STYLES

__all__ = [
    "KINDS",
    "NOVEL",
    "PALETTE",
    "STYLES",
    "Scene",
    "SceneObject",
    "generate_novel_pair",
    "generate_scene",
    "mask_of_objects",
]
