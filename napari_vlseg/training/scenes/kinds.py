"""The registry of all object kinds."""

from __future__ import annotations

from napari_vlseg.training.scenes.biology import BIOLOGY
from napari_vlseg.training.scenes.registry import KindRegistry
from napari_vlseg.training.scenes.shapes import SHAPES
from napari_vlseg.training.scenes.specks import SPECKS
from napari_vlseg.training.scenes.thin import THIN

KINDS = KindRegistry([*SHAPES, *THIN, *SPECKS, *BIOLOGY])
