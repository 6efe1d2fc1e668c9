"""Label images as OME-Zarr 0.4 and 0.5: written block by block, complete or not there at all.

Metadata as of https://ngff.openmicroscopy.org/0.4/ and https://ngff.openmicroscopy.org/0.5/. They
are written last: what a crash left behind is no image to any reader, and is written over.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from napari_vlseg._version import __version__
from napari_vlseg.errors import ExportError
from napari_vlseg.events import Progress, Work
from napari_vlseg.files import TEMPORARY_PREFIX, writing
from napari_vlseg.lazy_arrays import ArrangedArray
from napari_vlseg.ome_units import long_unit
from napari_vlseg.ome_zarr import is_zarr, ome_metadata, ome_version, open_node
from napari_vlseg.source_image import Placement

VERSIONS = ("0.4", "0.5")
_CHUNK = 512
_SMALLEST = 512  # rows and columns of the coarsest level
_MAX_AXES = 5
_FORMATS = {"0.4": 2, "0.5": 3}

Key = tuple[slice, ...]


@dataclass(frozen=True)
class LabelTarget:
    """Where a label image is written, and what is said about it.

    Attributes
    ----------
    folder : Path
        Of the label image itself.
    axes : str
        A small letter for each axis: time, then one of no known kind, then depth, rows and
        columns, as many as there are.
    placement : Placement
        Of each axis.
    version : str
        "0.4" or "0.5".
    image : str or None
        The image that the labels belong to, relative to `folder`.
    """

    folder: Path
    axes: str
    placement: Placement
    version: str = "0.5"
    image: str | None = None

    def __post_init__(self) -> None:
        if self.version not in VERSIONS:
            raise ExportError(
                f"OME-Zarr {self.version} can't be written: choose {' or '.join(VERSIONS)}."
            )
        if self.axes != "".join(sorted_axes(self.axes)) or not _is_ome(self.axes):
            raise ExportError(
                f"OME-Zarr can't hold labels with the axes “{self.axes.upper()}”: it knows time, "
                "one more axis, depth, rows and columns, in this order. Write OME-TIFF instead."
            )


def save_labels(
    labels: Any,
    folder: Path | str,
    *,
    axes: str,
    placement: Placement,
    name: str | None = None,
    version: str | None = None,
    overwrite: bool = False,
) -> Work[Path]:
    """Write labels of any size as OME-Zarr, with coarser levels, in bounded memory.

    Parameters
    ----------
    labels : array-like of integers
        A NumPy, Zarr or other lazy array; read block by block.
    folder : path-like
        With a name: an OME-Zarr image, in which the labels become ``labels/NAME``. Without:
        a new folder for the labels alone.
    axes : str
        A letter for each axis of `labels`, for example ``tzyx``; their order is that of
        OME-Zarr in the file.
    placement : Placement
        Of each axis of `labels`.
    name : str, optional
    version : str, optional
        "0.4" or "0.5"; None takes that of the image, "0.5" for labels alone.
    overwrite : bool
        Whether labels that are there are replaced.

    Yields
    ------
    Progress
        One for each block.

    Returns
    -------
    Path
        Folder of the label image.

    Raises
    ------
    ExportError
        If there are labels and `overwrite` is not set, the axes are not those of OME-Zarr, or
        the folder can't be written.
    """
    image = None if name is None else Path(folder)
    final = Path(folder) if image is None else image / "labels" / _checked_name(str(name))
    if image is not None:
        version = _matching_version(image, version)
    if final.exists() and not overwrite:
        raise ExportError(f"“{final}” exists: choose another name, or say that it is replaced.")
    axes = axes.lower()
    order = [axes.index(letter) for letter in sorted_axes(axes)]
    temporary = final.with_name(f"{TEMPORARY_PREFIX}{final.name}")
    target = LabelTarget(
        temporary,
        "".join(axes[axis] for axis in order),
        placement.of(order),
        version or VERSIONS[-1],
        None if image is None else "../../",
    )
    arranged = ArrangedArray(labels, order)
    with writing(final, ExportError):
        _discard(temporary)
        array = create_labels(target, arranged.shape, label_type(labels.dtype))
        yield from _copied(arranged, array)
        yield from build_pyramid(target)
        _put_in_place(temporary, final)
        if image is not None:
            list_labels(image, final.name)
    return final


def create_labels(
    target: LabelTarget,
    shape: Sequence[int],
    dtype: Any = "uint32",
    chunks: Sequence[int] | None = None,
) -> Any:
    """Make the full resolution of a label image, all background.

    Parameters
    ----------
    target : LabelTarget
    shape : sequence of int
    dtype : dtype
        An integer type.
    chunks : sequence of int, optional
        One plane, 512 × 512 pixels, where it is None.

    Returns
    -------
    zarr.Array
        To be written to; `build_pyramid` makes an image of it.

    Raises
    ------
    ExportError
        If the folder can't be written.
    """
    import zarr

    with writing(target.folder, ExportError):
        target.folder.parent.mkdir(parents=True, exist_ok=True)
        group = zarr.open_group(target.folder, mode="w", zarr_format=_FORMATS[target.version])
        return _create(group, target, 0, shape, dtype, chunks or _default_chunks(shape))


def build_pyramid(target: LabelTarget) -> Work[None]:
    """Write the coarser levels of `create_labels`, then the metadata.

    Every second row and column is taken, so that no label appears that is not there and
    position i of a level lies exactly where position 2 i of the finer one does.

    Yields
    ------
    Progress
        One for each block.

    Raises
    ------
    ExportError
        If the folder can't be written.
    """
    import zarr

    with writing(target.folder, ExportError):
        group = zarr.open_group(target.folder, mode="r+")
        finer = group["0"]
        levels = 1
        while max(finer.shape[-2:]) > _SMALLEST:
            shape = (*finer.shape[:-2], *(-(-side // 2) for side in finer.shape[-2:]))
            coarser = _create(group, target, levels, shape, finer.dtype, finer.chunks)
            yield from _copied(finer, coarser, 2)
            finer, levels = coarser, levels + 1
        _write_metadata(group, target, levels)


def list_labels(image: Path, name: str) -> None:
    """Add a label image in ``labels/`` to the list that readers go by."""
    import zarr

    folder = image / "labels"
    known = ome_metadata(open_node(folder)).get("labels", []) if is_zarr(folder) else []
    version = _matching_version(image, None)
    group = zarr.open_group(folder, mode="a", zarr_format=_FORMATS[version])
    names = {"labels": list(dict.fromkeys([*known, name]))}
    group.attrs.update(names if version == "0.4" else {"ome": {"version": version, **names}})


def sorted_axes(axes: str) -> list[str]:
    """Letters in the order of OME-Zarr: time, axes of no known kind, depth, rows, columns.

    Examples
    --------
    >>> "".join(sorted_axes("ztyx"))
    'tzyx'
    """
    ranks = {"t": 0, "z": 2, "y": 3, "x": 4}
    return sorted(axes, key=lambda letter: ranks.get(letter, 1))


def label_type(dtype: Any) -> np.dtype:
    """The type that labels are stored in: as they are, bool as uint8."""
    dtype = np.dtype(dtype)
    if dtype.kind not in "biu":
        raise ExportError(f"Labels of type {dtype} can't be written: labels are whole numbers.")
    return np.dtype(np.uint8) if dtype.kind == "b" else dtype


def _is_ome(axes: str) -> bool:
    others = len(axes.rstrip("x").rstrip("y").rstrip("z").lstrip("t"))
    distinct = len(set(axes)) == len(axes)
    return axes.endswith("yx") and others <= 1 and distinct and len(axes) <= _MAX_AXES


def _checked_name(name: str) -> str:
    if not name or name.startswith((".", "__")) or {"/", "\\"} & set(name):
        raise ExportError(f"“{name}” can't name labels: choose a name of letters and digits.")
    return name


def _matching_version(image: Path, version: str | None) -> str:
    """Version of the labels of an image: both are of one Zarr format."""
    group = open_node(image)
    own = "0.5" if group.metadata.zarr_format == _FORMATS["0.5"] else "0.4"
    if version not in (None, own):
        raise ExportError(
            f"“{image}” is OME-Zarr {ome_version(group)}, and labels in it have to be {own}: "
            f"leave out {version}, or write the labels to a folder of their own."
        )
    return own


def _create(
    group: Any,
    target: LabelTarget,
    level: int,
    shape: Sequence[int],
    dtype: Any,
    chunks: Sequence[int],
) -> Any:
    is_old = target.version == "0.4"
    return group.create_array(
        str(level),
        shape=tuple(shape),
        dtype=dtype,
        chunks=tuple(min(c, n) for c, n in zip(chunks, shape, strict=True)),
        fill_value=0,
        dimension_names=None if is_old else list(target.axes),
        # The specification wants folders of chunks, which is not what Zarr 2 did.
        chunk_key_encoding={"name": "v2" if is_old else "default", "separator": "/"},
    )


def _default_chunks(shape: Sequence[int]) -> tuple[int, ...]:
    return (*(1,) * (len(shape) - 2), *(min(_CHUNK, side) for side in shape[-2:]))


def _copied(source: Any, array: Any, step: int = 1) -> Work[None]:
    """Fill an array chunk by chunk; blocks of background need not be written."""
    blocks = list(_blocks(array.shape, array.chunks))
    for done, key in enumerate(blocks):
        yield Progress("writing labels", done, len(blocks))
        pixels = np.asarray(source[(*key[:-2], *(_wider(part, step) for part in key[-2:]))])
        pixels = pixels[..., ::step, ::step]
        if pixels.any():
            array[key] = pixels
    yield Progress("writing labels", len(blocks), len(blocks))


def _blocks(shape: Sequence[int], chunks: Sequence[int]) -> Iterator[Key]:
    starts = [range(0, side, chunk) for side, chunk in zip(shape, chunks, strict=True)]
    for corner in product(*starts):
        yield tuple(
            slice(start, min(start + chunk, side))
            for start, chunk, side in zip(corner, chunks, shape, strict=True)
        )


def _wider(part: slice, step: int) -> slice:
    return slice(part.start * step, part.stop * step)


def _write_metadata(group: Any, target: LabelTarget, n_levels: int) -> None:
    scales: dict[str, Any] = {
        "name": target.folder.name.removeprefix(TEMPORARY_PREFIX),
        "axes": _axes(target),
        "datasets": [_dataset(target, level) for level in range(n_levels)],
        "type": "every second pixel",
        "metadata": {"version": f"napari-vlseg {__version__}"},
    }
    label: dict[str, Any] = {} if target.image is None else {"source": {"image": target.image}}
    if target.version == "0.4":
        scales["version"] = label["version"] = "0.4"
        group.attrs.update({"multiscales": [scales], "image-label": label})
    else:
        inner = {"version": "0.5", "multiscales": [scales], "image-label": label}
        group.attrs.update({"ome": inner})


def _axes(target: LabelTarget) -> list[dict[str, str]]:
    axes = []
    for letter, sign in zip(target.axes, target.placement.units, strict=True):
        axis = {"name": letter}
        if letter == "t":
            axis["type"] = "time"
        elif letter in "zyx":
            axis["type"] = "space"
        unit = long_unit(sign)
        if unit is not None and "type" in axis:
            axis["unit"] = unit
        axes.append(axis)
    return axes


def _dataset(target: LabelTarget, level: int) -> dict[str, Any]:
    scale = [
        step * (2.0**level if letter in "yx" else 1.0)
        for step, letter in zip(target.placement.scale, target.axes, strict=True)
    ]
    steps: list[dict[str, Any]] = [{"type": "scale", "scale": scale}]
    if any(target.placement.translate):
        move = [float(value) for value in target.placement.translate]
        steps.append({"type": "translation", "translation": move})
    return {"path": str(level), "coordinateTransformations": steps}


def _put_in_place(temporary: Path, final: Path) -> None:
    """Swap a complete folder for the one that is there."""
    old = final.with_name(f"{TEMPORARY_PREFIX}old-{final.name}")
    _discard(old)
    if final.exists():
        final.rename(old)
    temporary.rename(final)
    _discard(old)


def _discard(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)
