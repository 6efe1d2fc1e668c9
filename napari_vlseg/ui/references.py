"""Reference regions taken from what a person drew: shapes, or one label."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels, Shapes
from skimage.draw import polygon2mask

from napari_vlseg.errors import PromptError
from napari_vlseg.images import plane_shape
from napari_vlseg.prompts import ReferencePrompt
from napari_vlseg.ui.geometry import geometry, image_array, plane_axes, plane_key
from napari_vlseg.ui.jobs import reference_job
from napari_vlseg.ui.layers import read_plane
from napari_vlseg.ui.runner import Handlers

if TYPE_CHECKING:
    from napari_vlseg.ui.controller import Controller

REFERENCE_LANE = "reference"
_CORNERS_OF_AN_ELLIPSE = 64


class ReferenceTaker:
    """The part of the controller that turns drawings into references of a class."""

    def __init__(self, controller: Controller) -> None:
        self._controller = controller

    @property
    def images(self) -> tuple[Image, ...]:
        """Images that a reference may be taken from."""
        return self._controller.images.layers

    def from_shapes(self, position: int, image: Image | None = None) -> None:
        """Show a class the selected shapes, as a region of an image (the one in use)."""
        with self._controller.told():
            image = image or self._controller.images.require()
            layer = self._shapes()
            view = self._controller.images.view(image)
            rows, cols = plane_axes(image, view)
            mask = np.zeros(plane_shape(image_array(image), view), bool)
            for outline in selected_outlines(layer):
                world = [layer.data_to_world(point) for point in outline]
                points = np.array([image.world_to_data(self._full(point)) for point in world])
                mask |= polygon2mask(mask.shape, points[:, [rows, cols]])
            self.take(position, image, mask, layer.name)

    def from_label(self, position: int, image: Image | None = None) -> None:
        """Show a class the object of the selected label, in the image it was drawn on."""
        with self._controller.told():
            layer = self._labels()
            image = image or self._image_below(layer)
            key = plane_key(
                image, self._controller.images.view(image), self._controller.images.index(image)
            )
            mask = read_plane(layer, key) == layer.selected_label
            if not mask.any():
                raise PromptError(
                    f"Label {layer.selected_label} of “{layer.name}” is not on this plane: pick "
                    "an object with the colour picker first."
                )
            self.take(position, image, mask, f"{layer.name}, label {layer.selected_label}")

    def from_selection(self, position: int) -> None:
        """Show a class what is selected: a label where a labels layer is active, else shapes."""
        active = self._controller.viewer.layers.selection.active
        if isinstance(active, Labels):
            self.from_label(position)
        else:
            self.from_shapes(position)

    def take(
        self,
        position: int,
        image: Image,
        mask: np.ndarray,
        source: str,
        then: Callable[[], object] = lambda: None,
    ) -> None:
        """Show a class a region (H, W) of the plane in view, and go on when it is there.

        Raises
        ------
        PromptError
            If the region is empty.
        """
        controller = self._controller
        if not mask.any():
            raise PromptError("The selected shapes hold no pixel of the image: draw on the image.")
        name = controller.prompts.table.rows[position].name
        work = reference_job(controller.images.snapshot(image), mask, f"{image.name} ({source})")

        def done(reference: ReferencePrompt) -> None:
            with controller.told():
                controller.prompts.add_reference(name, reference)
                controller.say(f"“{name}” has a new reference from {image.name}")
                then()

        def failed(text: str) -> None:
            controller.tell(text, "error")

        handlers = Handlers(lambda event: None, done, failed, lambda: None)
        controller.runner.start(REFERENCE_LANE, work, handlers)

    def _shapes(self) -> Shapes:
        active = self._controller.viewer.layers.selection.active
        if isinstance(active, Shapes) and active.nshapes:
            return active
        drawn = [
            layer
            for layer in self._controller.viewer.layers
            if isinstance(layer, Shapes) and layer.nshapes
        ]
        if not drawn:
            raise PromptError(
                "There is no shape yet: add a Shapes layer and draw around one object."
            )
        return drawn[-1]

    def _labels(self) -> Labels:
        controller = self._controller
        active = controller.viewer.layers.selection.active
        if isinstance(active, Labels):
            return active
        if controller.labels is not None:
            return controller.labels
        raise PromptError("There is no labels layer: select the one that holds the object.")

    def _image_below(self, labels: Labels) -> Image:
        """The image that labels belong to: known, in use, or the only one that fits."""
        controller = self._controller
        known = controller.results.image_of(labels)
        if known is not None and known in controller.images.layers:
            return known
        current = controller.images.layer
        order = sorted(controller.images.layers, key=lambda image: image is not current)
        for image in order:
            if geometry(image, controller.images.view(image)).shape == labels.data.shape:
                return image
        raise PromptError(
            f"No image has the shape of “{labels.name}”, {labels.data.shape}: open its image too."
        )

    def _full(self, point: Any) -> np.ndarray:
        """A world point with the axes that its layer lacks taken from the view."""
        full = np.array(self._controller.viewer.dims.point, float)
        full[len(full) - len(point) :] = point
        return full


def selected_outlines(layer: Shapes) -> list[np.ndarray]:
    """Corners (n, ndim) of the selected shapes, or of all where none is selected.

    Raises
    ------
    PromptError
        If none of them encloses anything.
    """
    chosen = sorted(layer.selected_data) or range(layer.nshapes)
    outlines = []
    for number in chosen:
        corners, kind = np.asarray(layer.data[number], float), layer.shape_type[number]
        if kind == "ellipse":
            corners = _ellipse(corners)
        if kind in ("ellipse", "rectangle", "polygon"):
            outlines.append(corners)
    if not outlines:
        raise PromptError(
            "Lines and paths enclose nothing: draw a rectangle, an ellipse or a polygon."
        )
    return outlines


def _ellipse(corners: np.ndarray) -> np.ndarray:
    """Points on the ellipse in a (possibly turned) rectangle of four corners."""
    centre = corners.mean(0)
    first, second = (corners[1] - corners[0]) / 2, (corners[3] - corners[0]) / 2
    angle = np.linspace(0, 2 * np.pi, _CORNERS_OF_AN_ELLIPSE, endpoint=False)[:, None]
    return centre + np.cos(angle) * first + np.sin(angle) * second
