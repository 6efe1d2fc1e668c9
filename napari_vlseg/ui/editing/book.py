"""One labels layer, what its journal says it holds, and its objects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from math import prod
from weakref import ref

import numpy as np
from napari.layers import Labels

from napari_vlseg.corrections.edits import Edit
from napari_vlseg.corrections.ledger import Ledger
from napari_vlseg.object_table import ObjectTable
from napari_vlseg.pixel_changes import PixelChange
from napari_vlseg.ui.editing.composed import Written
from napari_vlseg.ui.editing.past import OF_THE_PLUGIN, Past
from napari_vlseg.ui.editing.patches import Patch
from napari_vlseg.ui.editing.spread import Index, Spread, runs_of, squeezed_axis, without_axis
from napari_vlseg.ui.geometry import Key
from napari_vlseg.ui.layers import is_blank, is_large, narrow, read_plane, type_for, write_pixels
from napari_vlseg.ui.packing import Packed, unpacked
from napari_vlseg.ui.planes import Basis, PlaneRecord
from napari_vlseg.ui.shelf import Shelf

_OPEN_PLANES = 4
"""Planes of a large layer that are counted on at a time."""


class LayerBook:
    """Applies edits to the memory of a layer, and to the layer.

    Parameters
    ----------
    layer : napari.layers.Labels
    ledger : Ledger
        Its shape is that of the layer, without an axis of length 1 that stands for channels.
    table : ObjectTable
    held : mapping of index to Packed, optional
        What the planes with labels hold, where that is known; else the layer is read.
    """

    def __init__(
        self,
        layer: Labels,
        ledger: Ledger,
        table: ObjectTable,
        held: Mapping[Index, Packed] | None = None,
    ) -> None:
        self._layer = ref(layer)
        self.ledger = ledger
        self.table = table
        self.shape = tuple(ledger.shape)
        self._squeezed = squeezed_axis(tuple(layer.data.shape), self.shape)
        self._size = prod(self.shape[-2:])
        self.dtype = np.dtype(layer.data.dtype)
        """Type of the labels that the journal knows of."""
        self.is_news = False
        """Whether something happened that nobody has looked at yet."""
        self.past = Past()
        self._last = ledger.last
        self._bases: dict[int, tuple[Index, Basis, Basis]] = {}
        self.is_large = is_large(layer)
        """Whether planes out of use are packed, and looked at only if something happened there."""
        self._shelf = Shelf()
        self.records: dict[Index, PlaneRecord] = {}
        for index, labels in self._held() if held is None else held.items():
            self.records[index] = self._new_record(labels)

    @property
    def layer(self) -> Labels:
        """The layer; whoever asks has it in hand."""
        layer = self._layer()
        assert layer is not None
        return layer

    @property
    def is_gone(self) -> bool:
        """Whether nobody holds the layer any more: a job may end after that."""
        return self._layer() is None

    @property
    def fits(self) -> bool:
        """Whether the layer still has the shape of its journal."""
        return prod(self.layer.data.shape) == prod(self.shape) and (
            without_axis(tuple(self.layer.data.shape), self._squeezed) == self.shape
        )

    def index(self, key: Key) -> Index:
        """The inverse of `key`."""
        positions = [p for axis, p in enumerate(key) if axis != self._squeezed]
        return tuple(p for p in positions if p is not None)

    def key(self, index: Index) -> Key:
        """Where a plane lies in the layer's array."""
        key: list[int | None] = [*index, None, None]
        if self._squeezed is not None:
            key.insert(self._squeezed, 0)
        return tuple(key)

    def plane(self, index: Index) -> np.ndarray:
        """What the layer holds on a plane, shape (H, W)."""
        return read_plane(self.layer, self.key(index))

    def record(self, index: Index) -> PlaneRecord:
        """What the journal says of a plane."""
        if index not in self.records:
            nothing = np.zeros(self.shape[-2:], self.layer.data.dtype)
            self.records[index] = self._new_record(nothing)
        return self.records[index]

    def change_to(self, flat: np.ndarray, new: np.ndarray) -> tuple[PixelChange | None, Spread]:
        """The change that gives pixels, by ascending index, new values; and pixel by pixel."""
        old = self.values(flat)
        changed = old != new
        if not changed.all():
            flat, old, new = flat[changed], old[changed], new[changed]
        return PixelChange.at(flat, old, new), Spread(flat, new)

    def difference(self, index: Index) -> PixelChange | None:
        """What happened to a plane of the layer that no journal knows of."""
        plane, record = self.plane(index), self.records.get(index)
        if record is None:
            if not plane.any():
                return None
            record = self.record(index)
        if np.array_equal(plane, record.current):
            return None
        return PixelChange.between(record.current, plane, self.shape, index)

    @property
    def has_past(self) -> bool:
        """Whether the journal tells more than what the layer held at first."""
        return self.ledger.last > 1

    def take(self, made: Written) -> None:
        """Take a composition into the memory, as a whole."""
        self.table.become(made.table)
        record = self.record(made.edit.plane)
        self.dtype = np.dtype(self.layer.data.dtype)
        if made.region is not None:
            record.put(*made.region, made.made.labels)
            return
        record.current = made.made.labels.astype(self.dtype, copy=False)
        record.version += 1

    def remember(self, edit: Edit, sign: int, spread: Spread) -> None:
        """Take an edit into the memory: the table, the planes and who changed which pixel.

        Parameters
        ----------
        edit : Edit
            As it is applied.
        sign : int
            1 where it is done or done again, -1 where it takes back one of its kind.
        spread : Spread
            Its pixels.
        """
        self.table.apply_with(edit.pixels, edit.rows)
        self.follow(edit, sign, spread)

    def follow(self, edit: Edit, sign: int, spread: Spread) -> None:
        """As `remember`, where the table knows of the edit already."""
        for index, part, local in self._planes_of(spread.flat):
            record = self.record(index)
            record.set(local, spread.new[part])
            if edit.op not in OF_THE_PLUGIN:
                record.count_edit(local, sign)

    def change_by(self, patch: Patch) -> PixelChange | None:
        """The change that a large fill makes."""
        before = self.record(patch.index).current[patch.rows, patch.cols]
        return patch.change(before, self.shape[-1], self._offset(patch.index))

    def follow_patch(self, edit: Edit, patch: Patch) -> None:
        """Take a large fill into the memory."""
        self.table.apply_with(edit.pixels, edit.rows)
        self.record(patch.index).fill(patch.rows, patch.cols, patch.painted, patch.new)

    def values(self, flat: np.ndarray) -> np.ndarray:
        """What the journal says of pixels, by ascending index."""
        found = np.zeros(flat.size, np.int64)
        for index, part, local in self._planes_of(flat):
            record = self.records.get(index)
            if record is not None:
                found[part] = record.current.reshape(-1)[local]
        return found

    def pixels_of(self, labels: Sequence[int], new: int) -> PixelChange | None:
        """The change that gives all pixels of some labels another one."""
        uids = filter(None, map(self.table.uid_of, labels))
        left = sum(self.table.get(uid, "area") for uid in uids)
        found = []
        for index in sorted(self.records):
            record = self.records[index]
            if left > 0 and not (record.is_packed and _is_without(record.labels, labels)):
                runs = runs_of(record.current, labels)
                found.append((runs[0] + self._offset(index), *runs[1:]))
                left -= int(runs[1].sum())
        if not found:
            return None
        starts, lengths, old = (np.concatenate(column) for column in zip(*found, strict=True))
        return PixelChange(starts, lengths, old, np.full_like(old, new)) if starts.size else None

    def change_in(
        self, index: Index, rows: slice, cols: slice, after: np.ndarray
    ) -> PixelChange | None:
        """The change that makes a part of a plane what is given, shape (h, w)."""
        before = self.record(index).current[rows, cols]
        row, col = np.nonzero(before != after)
        flat = (row + rows.start) * self.shape[-1] + col + cols.start + self._offset(index)
        return PixelChange.at(flat, before[row, col], after[row, col])

    def recall(self, past: Past) -> None:
        """Take in what people did in earlier sessions."""
        self.past.follow(past)
        for index, times in past.counts.items():
            self.record(index).count_edits(unpacked(times))

    def count(self, counts: dict[Index, np.ndarray | Packed], flat: np.ndarray, sign: int) -> None:
        """Add an edit of pixels to what people edited; of a large layer a few planes are open."""
        for index, _, local in self._planes_of(flat):
            present = counts.pop(index, None)
            times = np.zeros(self._size, np.int16) if present is None else unpacked(present)
            times[local] += np.int16(sign)
            counts[index] = times
        if self.is_large:
            opened = [index for index, times in counts.items() if isinstance(times, np.ndarray)]
            for index in opened[:-_OPEN_PLANES]:
                counts[index] = Packed.of(unpacked(counts[index]))

    def catch_up(self) -> None:
        """Follow a journal that went on after the edits of another: its numbers are higher now."""
        offset, self._last = self.ledger.last - self._last, self.ledger.last
        if offset:
            self._bases = {number + offset: basis for number, basis in self._bases.items()}
            self.past.shift(offset)

    def append(self, edit: Edit) -> Edit:
        """Journal an edit, and remember its number."""
        self.catch_up()
        journalled = self.ledger.append(edit)
        self._last = journalled.number
        self.past.note(journalled)
        return journalled

    def take_back(self, redo: bool) -> Edit | None:
        """Journal that the last edit is taken back, or done again; what that did."""
        self.catch_up()
        done = self.ledger.redo() if redo else self.ledger.undo()
        self._last = self.ledger.last
        return done

    def typed(self, edit: Edit) -> Edit:
        """The edit, told which type the labels have after it where they need another one."""
        highest = 0 if edit.pixels is None else int(edit.pixels.new.max())
        before, after = np.dtype(self.layer.data.dtype), type_for(self.layer, highest)
        if before == after:
            return edit
        return replace(edit, cause={**edit.cause, "dtype": str(after), "was_dtype": str(before)})

    def show(self, edit: Edit, spread: Spread) -> None:
        """Write an edit to the layer.

        Raises
        ------
        ImageError
            If the layer can't be written; it is as it was.
        """
        if spread.flat.size:
            write_pixels(self.layer, spread.flat, spread.new)
        if "dtype" in edit.cause:
            narrow(self.layer, np.dtype(edit.cause["dtype"]))
        self.dtype = np.dtype(self.layer.data.dtype)

    def put_basis(self, number: int, index: Index, basis: Basis) -> None:
        """Remember what an edit composed on."""
        record = self.record(index)
        before, record.basis = record.basis, basis
        self._bases[number] = (index, before, record.basis)

    def move_basis(self, number: int, sign: int) -> Index | None:
        """Go back to before an edit (-1), or after it (1); gives its plane if it composed."""
        if number not in self._bases:
            return None
        index, before, after = self._bases[number]
        self.record(index).basis = after if sign > 0 else before
        return index

    def snapshot(self) -> dict[Index, np.ndarray | Packed]:
        """What each plane with labels holds now, not to be changed by what comes."""
        return {index: self.records[index].snapshot() for index in sorted(self.records)}

    def _held(self) -> Iterator[tuple[Index, np.ndarray]]:
        """Planes of the layer that hold labels, each a copy."""
        if not is_blank(self.layer):
            for index in np.ndindex(*self.shape[:-2]):
                plane = self.plane(index)
                if plane.any():
                    yield index, plane.copy()

    def _new_record(self, labels: np.ndarray | Packed) -> PlaneRecord:
        return PlaneRecord(labels, self._shelf, packs=self.is_large)

    def _offset(self, index: Index) -> int:
        leading = self.shape[:-2]
        return int(np.ravel_multi_index(index, leading)) * self._size if leading else 0

    def _planes_of(self, flat: np.ndarray) -> Iterator[tuple[Index, slice, np.ndarray]]:
        """Planes on which pixels lie, which of them do, and their index within the plane."""
        if not flat.size:
            return
        for number in range(int(flat[0]) // self._size, int(flat[-1]) // self._size + 1):
            low = number * self._size
            start, stop = np.searchsorted(flat, (low, low + self._size))
            if start < stop:
                index = tuple(int(i) for i in np.unravel_index(number, self.shape[:-2] or (1,)))
                part = slice(int(start), int(stop))
                yield index if self.shape[:-2] else (), part, flat[part] - low


def _is_without(present: np.ndarray, labels: Sequence[int]) -> bool:
    """Whether none of some labels is among those of a plane."""
    return not np.isin(np.asarray(labels, np.int64), present, assume_unique=True).any()
