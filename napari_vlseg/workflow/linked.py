"""What linking found: which label of which plane is which object, and what follows from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_vlseg.errors import ImageError
from napari_vlseg.events import Progress, Work

LINKED_COLUMNS = (
    "label",
    "volume",
    "physical_volume",
    "first_plane",
    "last_plane",
    "planes",
    "parent",
)
"""Columns of `Linked.objects`: ``volume`` in pixels; ``planes`` on which it was seen; ``parent``:
the object that it split off from, 0 where there is none. The place is told by ``centre-0``, …."""


@dataclass(frozen=True)
class Sighting:
    """One object on one plane.

    Attributes
    ----------
    plane : int
    label : int
        Value on that plane.
    number : int
        The object that it is a part of.
    area : int
        Pixels.
    centre : tuple of float
        Centroid on the plane, (row, col), or (z, row, col) in a volume.
    """

    plane: int
    label: int
    number: int
    area: int
    centre: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Linked:
    """Objects through planes, as arrays with one entry for each object on each plane.

    Attributes
    ----------
    plane : numpy.ndarray, shape (n,), int64
        Ascending.
    label : numpy.ndarray, shape (n,), int64
        Value on the plane; ascending on each plane.
    number : numpy.ndarray, shape (n,), int64
        The object, from 1.
    area : numpy.ndarray, shape (n,), int64
        Pixels.
    centre : numpy.ndarray, shape (n, D), float64
        Centroids on the plane, in pixels.
    n_planes : int
    parents : dict of int to list of int
        Mother of each object that split off from one.
    """

    plane: npt.NDArray[np.int64]
    label: npt.NDArray[np.int64]
    number: npt.NDArray[np.int64]
    area: npt.NDArray[np.int64] = field(repr=False)
    centre: npt.NDArray[np.float64] = field(repr=False)
    n_planes: int = 0
    parents: Mapping[int, list[int]] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        sightings: Sequence[Sighting],
        n_planes: int,
        parents: Mapping[int, list[int]] | None = None,
    ) -> Linked:
        """From sightings in any order."""
        seen = sorted(sightings, key=lambda one: (one.plane, one.label))
        ndim = len(seen[0].centre) if seen else 2
        columns = np.array([(s.plane, s.label, s.number, s.area) for s in seen], np.int64)
        plane, label, number, area = columns.reshape(-1, 4).T.copy()
        centre = np.array([one.centre for one in seen], float).reshape(-1, ndim)
        return cls(plane, label, number, area, centre, n_planes, dict(parents or {}))

    @property
    def n_objects(self) -> int:
        """Objects in all."""
        return len(np.unique(self.number))

    def mapping(self, plane: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Labels of a plane, ascending, and the object of each."""
        here = slice(*np.searchsorted(self.plane, [plane, plane + 1]))
        return self.label[here], self.number[here]

    def relabelled(self, plane: int, labels: npt.ArrayLike) -> npt.NDArray[np.uint32]:
        """Labels of a plane as numbers of objects.

        Parameters
        ----------
        plane : int
        labels : array_like, integer
            Those that were linked.

        Returns
        -------
        numpy.ndarray, uint32

        Raises
        ------
        ImageError
            If a label was not there when the planes were linked.
        """
        values = np.asarray(labels)
        known, numbers = (np.insert(column, 0, 0) for column in self.mapping(plane))
        places = np.searchsorted(known, values.ravel())
        if (known[np.minimum(places, len(known) - 1)] != values.ravel()).any():
            raise ImageError(
                f"Plane {plane} has labels that it had not when it was linked: link it again."
            )
        return numbers[places].astype(np.uint32).reshape(values.shape)

    def tracks(self, scale: Sequence[float] | None = None) -> npt.NDArray[np.float64]:
        """What a Tracks layer of napari takes.

        Parameters
        ----------
        scale : sequence of float, optional
            Step of the linked axis and of each axis of the plane; pixels if not given.

        Returns
        -------
        numpy.ndarray, shape (n, 2 + D), float64
            (object, plane, *centre), by object, then by plane. `parents` is the graph.
        """
        steps = np.ones(1 + self.centre.shape[1]) if scale is None else np.asarray(scale, float)
        table = np.column_stack([self.number, self.plane * steps[0], self.centre * steps[1:]])
        return table[np.lexsort((self.plane, self.number))]

    def objects(self, scale: Sequence[float] | None = None) -> pd.DataFrame:
        """One row for each object, see `LINKED_COLUMNS`.

        Parameters
        ----------
        scale : sequence of float, optional
            Step of the linked axis and of each axis of the plane, for ``physical_volume``,
            which else counts pixels.

        Returns
        -------
        pandas.DataFrame
            By object. The centre is the mean of all its pixels, in pixels.
        """
        numbers, which = np.unique(self.number, return_inverse=True)
        volume = np.bincount(which, self.area, len(numbers))
        voxel = 1.0 if scale is None else float(np.prod(np.asarray(scale, float)))
        first, last = np.full(len(numbers), self.n_planes), np.zeros(len(numbers), np.int64)
        np.minimum.at(first, which, self.plane)
        np.maximum.at(last, which, self.plane)
        columns: dict[str, Any] = {
            "label": numbers,
            "volume": volume.astype(np.int64),
            "physical_volume": volume * voxel,
            "first_plane": first,
            "last_plane": last,
            "planes": np.bincount(which, minlength=len(numbers)),
            "parent": [self.parents.get(int(n), [0])[0] for n in numbers],
        }
        for axis, places in enumerate(np.column_stack([self.plane, self.centre]).T):
            means = np.bincount(which, places * self.area, len(numbers)) / np.maximum(volume, 1)
            columns[f"centre-{axis}"] = means
        return pd.DataFrame(columns)

    def merged(
        self, table: pd.DataFrame, scale: Sequence[float] | None = None, plane: str = "plane"
    ) -> pd.DataFrame:
        """Rows of 2D objects merged into one for each object through the planes.

        Parameters
        ----------
        table : pandas.DataFrame
            One row for each 2D object, with the columns ``label`` and `plane`; further columns
            as `napari_vlseg.proposals.OBJECT_COLUMNS`.
        scale : sequence of float, optional
            See `objects`.
        plane : str
            Name of the column that says on which plane a row is.

        Returns
        -------
        pandas.DataFrame
            `objects` with, where the table has them, the ``class`` that most pixels have, and
            the means of ``score`` and ``uncertainty`` over the pixels.
        """
        parts = pd.DataFrame(
            {plane: self.plane, "label": self.label, "number": self.number, "pixels": self.area}
        ).merge(table, on=[plane, "label"], how="left")
        merged = self.objects(scale)
        groups = parts.groupby("number", sort=True)
        if "class" in parts:
            most = parts.groupby(["number", "class"])["pixels"].sum().reset_index()
            most = most.sort_values("pixels", kind="stable").drop_duplicates("number", keep="last")
            merged["class"] = merged["label"].map(most.set_index("number")["class"])
        for name in ("score", "uncertainty"):
            if name in parts:
                means = {number: _mean(group[name], group["pixels"]) for number, group in groups}
                merged[name] = merged["label"].map(means)
        return merged


def relabel(labels: Any, linked: Linked, out: Any = None) -> Work[Any]:
    """Write the numbers of objects into an array, plane by plane.

    Parameters
    ----------
    labels : array-like, shape (n, H, W) or (n, Z, H, W), integer
        Those that were linked; of a lazy array one plane is read at a time.
    linked : Linked
    out : array-like, optional
        Of the same shape, such as a zarr array; may be `labels` itself. A new one, uint32 in
        memory, if not given.

    Yields
    ------
    Progress
        After each plane.

    Returns
    -------
    array-like
        `out`.

    Raises
    ------
    ImageError
        If a plane has a label that it had not when it was linked.
    """
    if out is None:
        out = np.zeros(labels.shape, np.uint32)
    for plane in range(linked.n_planes):
        out[plane] = linked.relabelled(plane, labels[plane])
        yield Progress("numbering", plane + 1, linked.n_planes)
    return out


def track_lines(linked: Linked) -> Iterator[str]:
    """The tracks as lines of a CSV file, the first one the names of the columns."""
    names = ("z", "row", "col")[-linked.centre.shape[1] :]
    yield ",".join(("object", "plane", *names, "label", "area", "parent"))
    for place in np.lexsort((linked.plane, linked.number)):
        number = int(linked.number[place])
        cells = [number, int(linked.plane[place])]
        centre = [f"{value:.3f}" for value in linked.centre[place]]
        parent = linked.parents.get(number, [0])[0]
        last = [int(linked.label[place]), int(linked.area[place]), parent]
        yield ",".join(map(str, (*cells, *centre, *last)))


def _mean(values: pd.Series, weights: pd.Series) -> float:
    known = values.notna().to_numpy()
    if not known.any():
        return float("nan")
    return float(np.average(values.to_numpy()[known], weights=weights.to_numpy()[known]))
