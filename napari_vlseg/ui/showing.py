"""An image of a project as layers of the viewer, and away again."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import ref

from napari.layers import Image

from napari_vlseg.images import ImageView, with_channels
from napari_vlseg.ui.collecting import Collecting
from napari_vlseg.ui.geometry import plane_key
from napari_vlseg.ui.keeping.homes import Home
from napari_vlseg.ui.keeping.keeper import Keeper
from napari_vlseg.ui.layers import add_labels, layers_of
from napari_vlseg.ui.opening import add_image_again, fitting_view
from napari_vlseg.ui.project_job import OpenedImage, OpenedLabels

if TYPE_CHECKING:
    from napari_vlseg.ui.controller import Controller


class Shown:
    """The image of the project that is worked on.

    Parameters
    ----------
    controller : Controller
    keeper : Keeper
    """

    def __init__(self, controller: Controller, keeper: Keeper) -> None:
        self._controller = controller
        self._keeper = keeper
        self._image: ref[Image] | None = None
        self._view: ImageView | None = None
        self._collecting = Collecting()

    @property
    def image(self) -> Image | None:
        """Its layer: the one that was opened last, else the one in use if the project has it."""
        images = self._controller.images
        opened = None if self._image is None else self._image()
        if opened is not None and opened in images.layers:
            return opened
        in_use = images.layer
        home = None if in_use is None else self._keeper.home(self._controller.labels)
        return in_use if home is not None and not home.is_unsaved else None

    def show(self, opened: OpenedImage, *, is_unsaved: bool = False) -> None:
        """Add an image with its labels, as it was left."""
        controller, entry, found = self._controller, opened.entry, opened.found
        self._collecting.before_layers()
        shape = None if found is None else found.labels.shape
        view = fitting_view(opened.source, self._view, shape)
        view = with_channels(view, controller.prompts.table.channels, opened.source.data)
        image = add_image_again(
            controller.viewer, opened.source, entry.name, entry.scale, entry.translate
        )
        controller.images.choose(image)
        controller.images.set_view(view)
        self._image = ref(image)
        if found is None:
            self._keeper.know(image, opened.project, entry)
        else:
            self._show_labels(image, view, opened, found, is_unsaved)

    def put_away(self) -> None:
        """Take the image out of the viewer; what is on it is written in the background."""
        controller, image = self._controller, self.image
        self._image = None
        if image is None:
            return
        controller.results.end_preview()
        labels = controller.results.target(image)
        self._view = controller.images.view(image)
        if labels is not None:
            self._keeper.saver.save(labels, leaving=True)
        for layer in layers_of(controller.viewer, image, labels):
            controller.viewer.layers.remove(layer)

    def close(self) -> None:
        """Leave the rest to the viewer."""
        self._collecting.close()

    def _show_labels(
        self,
        image: Image,
        view: ImageView,
        opened: OpenedImage,
        found: OpenedLabels,
        is_unsaved: bool,
    ) -> None:
        controller = self._controller
        labels = add_labels(controller.viewer, image, view, found.labels)
        controller.results.set_target(image, labels)
        home = Home(opened.project, opened.entry, found.ledger, is_unsaved, found.ledger.last)
        self._keeper.adopt(image, labels, home)
        controller.editing.attach(labels, found.ledger, found.table, found.held)
        for index, proposals in opened.proposals.items():
            controller.results.restore(labels, plane_key(image, view, index), proposals)
