"""The registry of all object kinds."""

from __future__ import annotations

from napari_vlseg.training.scenes.grains import GRAINS
from napari_vlseg.training.scenes.microbes import MICROBES
from napari_vlseg.training.scenes.nuclei import NUCLEI_AND_CELLS
from napari_vlseg.training.scenes.registry import KindRegistry
from napari_vlseg.training.scenes.shapes import SHAPES
from napari_vlseg.training.scenes.sheets import SHEETS
from napari_vlseg.training.scenes.specks import SPECKS
from napari_vlseg.training.scenes.thin import THIN
from napari_vlseg.training.scenes.vessels import VESSELS

KINDS = KindRegistry(
    [*SHAPES, *THIN, *SPECKS, *GRAINS, *NUCLEI_AND_CELLS, *VESSELS, *SHEETS, *MICROBES]
)
