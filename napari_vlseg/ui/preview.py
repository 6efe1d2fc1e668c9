"""Labels that follow a slider: shown in place, without instances and without undo."""

from __future__ import annotations

import numpy as np
from napari.layers import Labels

from napari_vlseg.object_table import ObjectTable
from napari_vlseg.ui.geometry import Key
from napari_vlseg.ui.layers import overwrite_plane, read_plane
from napari_vlseg.ui.planes import PlaneRecord


class Preview:
    """One plane while a slider moves.

    What does not depend on the slider is computed once, so that a step costs one pass over
    the plane: pixels of present objects keep their label, new ones get one of their class.

    Parameters
    ----------
    layer : napari.layers.Labels
    key
        The plane, see `napari_vlseg.ui.geometry.plane_key`.
    record : PlaneRecord
    table : ObjectTable
        The layer's objects.
    """

    def __init__(self, layer: Labels, key: Key, record: PlaneRecord, table: ObjectTable) -> None:
        self.layer, self.key = layer, key
        self._record = record
        before = record.current
        kept = record.kept(table)
        free = (kept == 0) & ~record.edited
        self._free, self._around = free, kept
        self._is_semantic = record.basis.semantic
        self._highest = int(before.max(initial=0))
        self._present = np.where(free & (before != kept), before, 0)
        # What one class gives where it is: kept pixels, else present objects, else a new label.
        new = np.where(self._present > 0, self._present, self._highest + 1)
        self._one_class = np.where(free, new, kept)

    def show(self, classes: np.ndarray, n_classes: int) -> None:
        """Show a class map, integer (H, W); 0 is background."""
        if n_classes == 1 and not self._is_semantic:
            shown = np.where(classes, self._one_class, self._around)
        else:
            new = classes
            if not self._is_semantic:
                numbered = classes + np.int32(self._highest)
                new = np.where(self._present > 0, self._present, numbered)
            shown = np.where((classes > 0) & self._free, new, self._around)
        overwrite_plane(self.layer, self.key, shown, self._highest + n_classes, thumbnail=False)

    def end(self) -> None:
        """Put back what was there."""
        before = self._record.current
        if not np.array_equal(read_plane(self.layer, self.key), before):
            overwrite_plane(self.layer, self.key, before, self._highest)
