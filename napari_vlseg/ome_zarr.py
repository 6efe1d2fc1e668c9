"""Images in Zarr folders: OME-Zarr 0.1 to 0.5, and plain Zarr arrays.

Metadata as of https://ngff.openmicroscopy.org/0.4/ (Zarr 2) and https://ngff.openmicroscopy.org/0.5/
(Zarr 3). Opening reads the metadata alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from napari_vlseg.errors import ImageError
from napari_vlseg.image_axes import Arrangement, arrange, check_axes
from napari_vlseg.lazy_arrays import ArrangedArray, ToldErrors
from napari_vlseg.ome_units import short_unit
from napari_vlseg.planes import Channel, ImageView
from napari_vlseg.source_image import Placement, SourceImage

METADATA_FILES = ("zarr.json", ".zgroup", ".zarray", ".zattrs")
_PRIMARIES = ["ff0000", "00ff00", "0000ff"]
_AXES_BEFORE_0_3 = "tczyx"

Metadata = Mapping[str, Any]


def is_zarr(path: Path) -> bool:
    """Whether a folder is a Zarr array or group."""
    return any((path / name).is_file() for name in METADATA_FILES)


def read_zarr(path: Path, axes: str | None = None) -> SourceImage:
    """Open an OME-Zarr image, its labels, or a plain Zarr array, without reading pixels.

    Three 8-bit channels that are red, green and blue and share one contrast are RGB. A contrast
    window that spans all values of the type says nothing and is left out.

    Parameters
    ----------
    path : Path
        Folder of an image, a label image or an array.
    axes : str, optional
        Letters of the axes, in place of what the file says.

    Raises
    ------
    ImageError
        If there is no image in the folder, its metadata are damaged, or the letters don't fit.
    """
    node = open_node(path)
    if not hasattr(node, "group_keys"):
        return _plain(path, node, axes)
    metadata = ome_metadata(node)
    if "multiscales" in metadata:
        return _image(path, node, metadata, axes)
    if "bioformats2raw.layout" in metadata:
        return read_zarr(path / "0", axes)
    raise ImageError(_no_image(path, node, metadata))


def open_node(path: Path) -> Any:
    """The Zarr array or group in a folder, read-only.

    Raises
    ------
    ImageError
        If there is none.
    """
    import zarr  # takes half a second, which other images need not wait for

    try:
        return zarr.open(path, mode="r")
    except (FileNotFoundError, ValueError, KeyError, OSError) as error:
        raise ImageError(
            f"“{path}” holds no Zarr array or group: give a folder such as image.ome.zarr."
        ) from error


def ome_metadata(group: Any) -> Metadata:
    """The OME-Zarr metadata of a group, of any version; empty where there are none."""
    attributes = dict(group.attrs)
    inner = attributes.get("ome", attributes)
    return inner if isinstance(inner, Mapping) else {}


def label_names(path: Path | str) -> tuple[str, ...]:
    """Names of the label images of an OME-Zarr image: ``read_image(path / "labels" / name)``.

    Raises
    ------
    ImageError
        If there is no Zarr group in the folder.
    """
    path = Path(path)
    open_node(path)
    if not is_zarr(path / "labels"):
        return ()
    return tuple(str(name) for name in ome_metadata(open_node(path / "labels")).get("labels", ()))


def ome_version(group: Any) -> str:
    """Version of the OME-Zarr metadata of an image group, "0.4" where it does not say."""
    metadata = ome_metadata(group)
    inner: Metadata = next(iter(metadata.get("multiscales", ())), {})
    return str(metadata.get("version") or inner.get("version") or "0.4")


def _image(path: Path, group: Any, metadata: Metadata, axes: str | None) -> SourceImage:
    try:
        scales = metadata["multiscales"][0]
        arrays = [group[str(dataset["path"])] for dataset in scales["datasets"]]
        shape, dtype = arrays[0].shape, arrays[0].dtype
        own = _axis_letters(scales, len(shape))
        omero = metadata.get("omero", {}).get("channels", ())
        letters = own if axes is None else check_axes(axes, shape, path.name)
        letters = _with_samples(letters, shape, dtype, omero)
        arrangement = arrange(shape, letters)
        placement = _placement(scales, len(shape), arrangement)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise ImageError(
            f"The OME-Zarr metadata of “{path}” are damaged: write the image once more, "
            "or give the folder of one of its arrays."
        ) from error
    levels = tuple(
        ArrangedArray(ToldErrors(array, path), arrangement.order)
        for array in arrays
        if array.ndim == len(shape)
    )
    view = _with_channels(arrangement.view, levels[0], omero)
    return _source(path, levels, view, arrangement.axes, placement)


def _plain(path: Path, array: Any, axes: str | None) -> SourceImage:
    names = getattr(array.metadata, "dimension_names", None) or array.attrs.get("_ARRAY_DIMENSIONS")
    if axes is not None:
        letters = check_axes(axes, array.shape, path.name)
    elif names and all(names) and len(names) == array.ndim:
        letters = _distinct(str(name).lower() for name in names)
    else:
        rgb = array.ndim >= 3 and array.shape[-1] in (3, 4)
        letters = "?" * (array.ndim - 2 - rgb) + "yx" + "s" * rgb
    arrangement = arrange(array.shape, letters)
    levels = (ArrangedArray(ToldErrors(array, path), arrangement.order),)
    return _source(path, levels, arrangement.view, arrangement.axes, Placement())


def _source(
    path: Path, levels: tuple[Any, ...], view: ImageView, axes: str, placement: Placement
) -> SourceImage:
    pixel_size, unit = None, ""
    if placement.scale:
        rows, cols = axes.index("y"), axes.index("x")
        size, unit = (placement.scale[rows], placement.scale[cols]), placement.units[rows]
        pixel_size = size if unit or size != (1.0, 1.0) else None
    return SourceImage(levels[0], path.stem, view, pixel_size, unit, path, levels, axes, placement)


def _axis_letters(scales: Metadata, ndim: int) -> str:
    """One letter for each axis, from names and types; rows and columns are always among them."""
    axes = scales.get("axes") or list(_AXES_BEFORE_0_3[-ndim:])
    entries = [axis if isinstance(axis, Mapping) else {"name": axis} for axis in axes]
    if len(entries) != ndim:
        raise ValueError(f"{len(entries)} axes are named for an array of {ndim}")
    letters = _distinct(_axis_name(entry) for entry in entries)
    if "y" in letters and "x" in letters:
        return letters
    space = [i for i, entry in enumerate(entries) if entry.get("type") == "space"][-2:]
    places = space if len(space) == 2 else list(range(ndim))[-2:]
    return "".join(
        "yx"[places.index(i)] if i in places else "?" if letter in "yx" else letter
        for i, letter in enumerate(letters)
    )


def _axis_name(axis: Metadata) -> str:
    kind = {"time": "t", "channel": "c"}.get(str(axis.get("type", "")))
    return kind or str(axis["name"]).lower()


def _distinct(names: Iterator[str] | Any) -> str:
    """First letters, unknown (“?”) where one was taken or is none."""
    letters = ""
    for name in names:
        letter = name[:1]
        known = letter.isascii() and letter.isalpha() and letter not in letters
        letters += letter if known else "?"
    return letters


def _with_samples(letters: str, shape: Sequence[int], dtype: Any, omero: Sequence[Metadata]) -> str:
    """Channels that are the colours of a picture become its samples."""
    letters = letters.lower()
    colors = [str(channel.get("color", "")).lower() for channel in omero]
    windows = {tuple(_window(channel) or ()) for channel in omero}
    is_picture = (
        "c" in letters
        and np.dtype(dtype) == np.uint8
        and shape[letters.index("c")] == 3
        and colors == _PRIMARIES
        and len(windows) == 1
    )
    return letters.replace("c", "s") if is_picture else letters


def _placement(scales: Metadata, ndim: int, arrangement: Arrangement) -> Placement:
    scale, translate = np.ones(ndim), np.zeros(ndim)
    steps = [
        *scales["datasets"][0].get("coordinateTransformations", ()),
        *scales.get("coordinateTransformations", ()),
    ]
    for step in steps:
        if "scale" in step:
            factors = np.asarray(step["scale"], float).reshape(ndim)
            scale, translate = scale * factors, translate * factors
        if "translation" in step:
            translate = translate + np.asarray(step["translation"], float).reshape(ndim)
    axes = scales.get("axes") or [{}] * ndim
    units = tuple(
        short_unit(str(axis.get("unit") or "")) if isinstance(axis, Mapping) else ""
        for axis in axes
    )
    order = arrangement.order[:-1] if arrangement.view.rgb else arrangement.order
    return Placement(tuple(scale.tolist()), tuple(translate.tolist()), units).of(order)


def _with_channels(view: ImageView, data: Any, omero: Sequence[Metadata]) -> ImageView:
    axis = view.channel_axis
    if axis is None or len(omero) != data.shape[axis]:
        return view
    active = [i for i, channel in enumerate(omero) if channel.get("active", True)]
    channels = tuple(_channel(i, omero[i], data.dtype) for i in active or range(len(omero)))
    return replace(view, channels=channels)


def _channel(index: int, channel: Metadata, dtype: np.dtype) -> Channel:
    color = str(channel.get("color", "FFFFFF"))[-6:]
    window = _window(channel)
    if window is not None and dtype.kind in "iu":
        limits = np.iinfo(dtype)
        window = None if window[0] <= limits.min and window[1] >= limits.max else window
    return Channel(index, f"#{color.lower()}", window)


def _window(channel: Metadata) -> tuple[float, float] | None:
    window = channel.get("window") or {}
    if "start" not in window or "end" not in window:
        return None
    low, high = float(window["start"]), float(window["end"])
    return (low, high) if -np.inf < low < high < np.inf else None


def _no_image(path: Path, group: Any, metadata: Metadata) -> str:
    if "plate" in metadata:
        return f"“{path}” is a plate: give one of its fields, for example {path / 'A' / '1' / '0'}."
    if "well" in metadata:
        return f"“{path}” is a well: give one of its fields, for example {path / '0'}."
    if "labels" in metadata:
        names = ", ".join(str(name) for name in metadata["labels"])
        return f"“{path}” is a folder of labels: give one of {names or 'its label images'}."
    arrays = ", ".join(sorted(group.array_keys())[:5])
    remedy = f"give one of its arrays: {arrays}" if arrays else "give the folder of an image"
    return f"“{path}” has no OME-Zarr metadata: {remedy}."
