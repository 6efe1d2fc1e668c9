"""How an image layer is looked at as long as the person says nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from napari.layers import Image

from napari_vlseg.images import ImageView, default_channels
from napari_vlseg.ui.geometry import image_array
from napari_vlseg.ui.layers import METADATA_KEY

_CHANNELS = {"c", "channel", "channels"}


def view_of(layer: Image) -> ImageView:
    """What the file of a layer says, else its axis labels: an axis “c” holds channels.

    napari knows which layers are RGB. All channels are shown where no choice is known.
    """
    view = layer.metadata.get(METADATA_KEY, {}).get("view")
    if not isinstance(view, ImageView) or view.rgb != layer.rgb:
        view = ImageView(rgb=layer.rgb, channel_axis=_channel_axis(layer))
    if view.channel_axis is None or view.channels:
        return view
    count = int(np.shape(image_array(layer))[view.channel_axis])
    return replace(view, channels=default_channels(count))


def _channel_axis(layer: Image) -> int | None:
    if layer.rgb or layer.ndim < 3:
        return None
    names = [str(name).lower() for name in layer.axis_labels]
    return next((axis for axis, name in enumerate(names) if name in _CHANNELS), None)
