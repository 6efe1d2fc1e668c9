"""Which resolution of a multiscale image a model reads."""

from __future__ import annotations

from dataclasses import replace

from napari_vlseg.levels import level_for
from napari_vlseg.models.base import DenseSegmenter, LatticeSegmenter
from napari_vlseg.workflow.blocks.sources import BlockSource


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
    number, factors = level_for(source.levels or (source.data,), source.view, scale)
    if number == 0:
        return source, working_scale
    return replace(source, data=source.levels[number]), scale / max(factors)
