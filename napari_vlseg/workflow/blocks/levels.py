"""Which resolution of a multiscale image a model reads."""

from __future__ import annotations

from dataclasses import replace

from napari_vlseg.images import plane_shape
from napari_vlseg.models.base import DenseSegmenter, LatticeSegmenter
from napari_vlseg.workflow.blocks.sources import BlockSource

_ROUNDING = 1.02
"""Levels are shrunk by whole pixels, so that their factors are not exact."""


def at_level(
    source: BlockSource, model: DenseSegmenter, working_scale: float | None
) -> tuple[BlockSource, float | None]:
    """The coarsest level that holds all that a model would see, and its working scale there.

    Parameters
    ----------
    source : BlockSource
    model : DenseSegmenter
    working_scale : float, optional
        Pixels of the full resolution per model pixel; None lets the model choose.

    Returns
    -------
    source : BlockSource
        Whose data are those of the level.
    working_scale : float or None
        In pixels of the level.
    """
    scale = working_scale
    if scale is None and isinstance(model, LatticeSegmenter):
        scale = model.lattice(source.shape, None)[1]
    if scale is None:
        return source, None
    chosen, factor = source.data, 1.0
    for level in source.levels[1:]:
        shape = plane_shape(level, source.view)
        shrunk = max(whole / extent for whole, extent in zip(source.shape, shape, strict=True))
        if factor < shrunk <= scale * _ROUNDING:
            chosen, factor = level, shrunk
    if factor == 1.0:
        return source, working_scale
    return replace(source, data=chosen), scale / factor
