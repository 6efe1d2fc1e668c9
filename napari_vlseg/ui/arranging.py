"""Image layers whose axes a person names: brought into the order that planes need."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image

from napari_vlseg.image_axes import Arrangement, arrange, check_axes
from napari_vlseg.images import ImageView
from napari_vlseg.lazy_arrays import ArrangedArray
from napari_vlseg.ui.geometry import image_array, linear
from napari_vlseg.ui.thinned import shown_levels, stored_levels


def axes_text(layer: Image) -> str:
    """Letters for the axes of a layer as they are taken to be; empty where nobody named them."""
    names = [str(name).upper() for name in layer.axis_labels] + ["S"] * int(layer.rgb)
    letters = "".join(names)
    named = all(len(name) == 1 and name.isalpha() for name in names)
    return letters if named and len(set(letters)) == len(letters) else ""


def arranged_layer(viewer: ViewerModel, layer: Image, axes: str) -> tuple[Image, ImageView]:
    """Name the axes of an image layer; a layer in another order takes its place.

    napari shows labels over an image axis by axis, and planes are the last two axes. So an
    image whose rows or columns are elsewhere is replaced by one with the same pixels, read
    as before, and the same transform, in the order “others, rows, columns, RGB”.

    Parameters
    ----------
    viewer : ViewerModel
    layer : Image
    axes : str
        One letter for each axis of the array, see `napari_vlseg.image_axes.arrange`.

    Returns
    -------
    Image
        The layer itself where its axes are in order.
    ImageView
        Which of its axes holds channels, or that it is RGB.

    Raises
    ------
    ImageError
        If the letters don't fit.
    """
    shape = tuple(int(n) for n in image_array(layer).shape)
    letters = check_axes(axes, shape, layer.name)
    found = arrange(shape, letters)
    is_rgb, in_order = found.view.rgb, found.order == tuple(range(len(shape)))
    names = tuple(found.axes[: len(shape) - is_rgb])
    if in_order and is_rgb == layer.rgb:
        layer.axis_labels = names
        return layer, found.view
    stored = stored_levels(layer.data) if layer.multiscale else (layer.data,)
    levels = shown_levels([_in_order(level, found) for level in stored], found.view)
    place = viewer.layers.index(layer)
    options = _placement(layer, found)
    limits = {} if is_rgb or layer.rgb else {"contrast_limits": layer.contrast_limits}
    viewer.layers.remove(layer)
    new = Image(
        list(levels) if len(levels) > 1 else levels[0],
        name=layer.name,
        rgb=is_rgb,
        multiscale=len(levels) > 1,
        axis_labels=names,
        metadata=dict(layer.metadata),
        **limits,
        **options,
    )
    viewer.layers.insert(place, new)
    return new, found.view


def _in_order(data: Any, found: Arrangement) -> Any:
    return (
        data.transpose(found.order)
        if hasattr(data, "transpose")
        else ArrangedArray(data, found.order)
    )


def _placement(layer: Image, found: Arrangement) -> dict[str, Any]:
    """Scale and translation of the axes in their new order; what else turns them, as affine."""
    kept = list(found.order[:-1] if found.view.rgb else found.order)
    n_axes = len(found.order)
    scale, translate, whole = np.ones(n_axes), np.zeros(n_axes), np.eye(n_axes + 1)
    units = ["pixel"] * n_axes
    n = layer.ndim  # one less than n_axes where the layer is RGB
    scale[:n], translate[:n] = layer.scale, layer.translate
    units[:n] = [str(unit) for unit in layer.units]
    own = np.eye(n + 1)
    own[:n, :n] = linear({name: getattr(layer, name) for name in ("scale", "rotate", "shear")})
    own[:n, -1] = layer.translate
    inside = np.ix_([*range(n), n_axes], [*range(n), n_axes])
    whole[inside] = layer.affine.affine_matrix @ own
    whole = whole[np.ix_([*kept, n_axes], [*kept, n_axes])]
    plain = np.diag([*scale[kept], 1.0])
    plain[:-1, -1] = translate[kept]
    return {
        "scale": scale[kept],
        "translate": translate[kept],
        "units": tuple(units[axis] for axis in kept),
        "affine": whole @ np.linalg.inv(plain),
    }
