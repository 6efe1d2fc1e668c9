"""The part of the controller for planes that are too large to be edited as a whole. No Qt."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, ref

import numpy as np
import pandas as pd
from napari.layers import Image, Labels

from napari_vlseg.errors import ImageError
from napari_vlseg.events import Partial, Work
from napari_vlseg.images import ImageView, leading_axes
from napari_vlseg.proposals import PostProcess
from napari_vlseg.ui.blockwise.folders import forget_old_runs
from napari_vlseg.ui.blockwise.jobs import Request, RunnerMaker, run_of
from napari_vlseg.ui.blockwise.overview import Overview, Taking, is_huge
from napari_vlseg.ui.geometry import image_array, plane_axes
from napari_vlseg.ui.jobs import ModelSource
from napari_vlseg.ui.layers import add_labels, layers_of, set_objects
from napari_vlseg.ui.objects import rows_of
from napari_vlseg.ui.planes import Standing
from napari_vlseg.workflow.blocks.finishing import rethreshold_blocks
from napari_vlseg.workflow.blocks.results import BlockResult
from napari_vlseg.workflow.blocks.sources import BlockSource

if TYPE_CHECKING:
    from napari_vlseg.models.base import DenseSegmenter
    from napari_vlseg.ui.controller import Controller
    from napari_vlseg.workflow.cache import EmbeddingCache

REGION_SIDE = 4096
"""Most pixels along a region that is edited."""


@dataclass(frozen=True, eq=False)
class Region:
    """A part of a huge plane that is an image of its own while it is edited.

    Attributes
    ----------
    whole : weakref.ref of napari.layers.Image
    index : tuple of int
        Of the plane.
    rows, cols : slice
    known : frozenset of int
        Labels that it had from the beginning: they keep their numbers.
    """

    whole: ref[Image]
    index: tuple[int, ...]
    rows: slice
    cols: slice
    known: frozenset[int]


def overview_job(
    models: ModelSource[DenseSegmenter],
    request: Request,
    cache: EmbeddingCache | None,
    taking: Taking,
    make_runner: RunnerMaker,
) -> Work[BlockResult]:
    """Segment planes, or a part of one, block by block into an overview.

    Yields
    ------
    Progress, Notice or Partial
        Partial results are in the overview already.
    """
    model = yield from models.get(request.settings)
    forget_old_runs(request.folder)
    yield from request.whole.look()
    runner = make_runner(request.settings, model)
    work = run_of(request, model, cache, runner, taking)
    return (yield from _taken(work, taking))


def overview_threshold_job(
    result: BlockResult, thresholds: dict[str, float], postprocess: PostProcess, taking: Taking
) -> Work[BlockResult]:
    """Make the labels of a run anew from its probabilities; no model runs."""
    return (yield from _taken(rethreshold_blocks(result, thresholds, postprocess, taking), taking))


def _taken(work: Work[BlockResult], taking: Taking) -> Work[BlockResult]:
    while True:
        try:
            event = next(work)
        except StopIteration as stop:
            return stop.value
        if isinstance(event, Partial):
            taking.put(event.index, event.rows, event.cols, event.labels)
        yield event


class Huge:
    """Overviews of huge images, and regions of them that are edited.

    Parameters
    ----------
    controller : Controller
    """

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        self._overviews: WeakKeyDictionary[Image, Overview] = WeakKeyDictionary()
        self._regions: WeakKeyDictionary[Image, Region] = WeakKeyDictionary()
        self._objects: WeakKeyDictionary[Image, pd.DataFrame] = WeakKeyDictionary()

    def note_objects(self, image: Image, taking: Taking, objects: pd.DataFrame) -> None:
        """Remember what a run found, under the numbers that its objects have on the overview."""
        found = objects.drop(columns="plane").assign(label=objects["label"] + taking.offset)
        known = self._objects.get(image)
        if known is not None and len(known):
            others = known[~known["label"].isin(found["label"])]
            found = pd.concat([others, found], ignore_index=True) if len(found) else others
        self._objects[image] = found

    def is_huge(self, image: Image | None) -> bool:
        """Whether planes of an image are too large to be edited as a whole."""
        return image is not None and is_huge(image, self._controller.images.view(image))

    def is_region(self, image: Image | None) -> bool:
        """Whether an image is a region that is edited."""
        return image is not None and image in self._regions

    def overview(self, image: Image) -> Overview:
        """The labels of a huge image, made where there are none."""
        known = self._overviews.get(image)
        if known is None:
            known = Overview(image, self._controller.images.view(image))
            self._overviews[image] = known
        known.show(self._controller.viewer)
        return known

    def taking(self, image: Image, *, anew: bool) -> Taking:
        """What takes the labels of a run; of one over whole planes the numbers begin anew."""
        overview = self.overview(image)
        offset = max(overview.protected, default=0) if anew else overview.highest
        return Taking(overview, offset)

    def toggle(self) -> None:
        """Edit what is in view, or put the region in use back."""
        if self.is_region(self._controller.images.layer):
            self.put_back()
        else:
            self.edit()

    def edit(self) -> None:
        """Make an image of its own of what is in view, with its labels, to be edited as any."""
        controller = self._controller
        with controller.told():
            image = controller.images.require()
            if not self.is_huge(image):
                raise ImageError("This plane can be edited as a whole.")
            rows, cols = (_bounded(part) for part in controller.scope.window(image))
            index, view = controller.images.index(image), controller.images.view(image)
            fixed = controller.images.whole(image).fixed_view()
            region = self._add(image, index, rows, cols, view)
            labels = self.overview(image).read(index, rows, cols)
            self._overviews[image].layer.visible = False
            self._regions[region] = Region(
                ref(image), index, rows, cols, frozenset(np.unique(labels).tolist())
            )
            controller.images.choose(region)
            controller.images.set_view(_view_of_part(fixed, image_array(image)))
            if labels.any():
                layer = add_labels(
                    controller.viewer, region, controller.images.view(region), labels
                )
                self._tell_objects(image, layer, labels)
                controller.set_target(layer)
            controller.viewer.layers.selection.active = region
            controller.say("edit this region, then put it back")

    def _tell_objects(self, image: Image, layer: Labels, labels: np.ndarray) -> None:
        """Objects of a region keep their class, score and model."""
        known = self._objects.get(image)
        if known is not None and len(known):
            set_objects(layer, rows_of(known, np.unique(labels).tolist()))

    def put_back(self) -> None:
        """Write the labels of the region in use into its plane, and take it out of the viewer."""
        controller = self._controller
        with controller.told():
            image = controller.images.require()
            region = self._regions.get(image)
            whole = None if region is None else region.whole()
            if region is None or whole is None or whole not in controller.viewer.layers:
                raise ImageError("The image that this is a region of is not in the viewer.")
            overview, labels = self.overview(whole), controller.labels
            if labels is not None:
                controller.look_at_edits()
                self._write(overview, region, np.asarray(labels.data).reshape(_sides(region)))
            for layer in layers_of(controller.viewer, image, labels):
                controller.viewer.layers.remove(layer)
            overview.layer.visible = True
            overview.show(controller.viewer)
            controller.images.choose(whole)
            controller.say("the region is back in its plane")

    def _write(self, overview: Overview, region: Region, labels: np.ndarray) -> None:
        """New objects get numbers that no other has; those of a person are protected."""
        controller = self._controller
        whole = region.whole()
        present = np.unique(labels[labels > 0])
        fresh = [number for number in present.tolist() if number not in region.known]
        numbers = {n: overview.highest + place for place, n in enumerate(fresh, start=1)}
        table = np.arange(int(labels.max(initial=0)) + 1)
        for before, after in numbers.items():
            table[before] = after
        overview.write(region.index, region.rows, region.cols, table[labels])
        assert controller.labels is not None
        objects = controller.editing.table(controller.labels)
        touched = Standing.of(objects).touched
        rows = rows_of(objects.to_frame(), present.tolist())
        rows = rows.assign(label=[numbers.get(n, n) for n in rows["label"].tolist()])
        others = self._objects.get(whole) if whole is not None else None
        if whole is not None:
            kept = [] if others is None else [others[~others["label"].isin(rows["label"])]]
            self._objects[whole] = pd.concat([*kept, rows], ignore_index=True)
        overview.protected |= {numbers.get(n, n) for n in touched if n in set(present.tolist())}

    def _add(
        self, image: Image, index: tuple[int, ...], rows: slice, cols: slice, view: ImageView
    ) -> Image:
        """The pixels of a region as a layer that lies over it."""
        if not _is_straight(image):
            raise ImageError(
                "A region of a layer that is rotated, sheared or has an affine can't be edited: "
                "take the transform off the layer first."
            )
        whole = image_array(image)
        leading = leading_axes(whole, view)
        kept = [axis for axis in range(image.ndim) if axis not in leading]
        starts = dict(zip(plane_axes(image, view), (rows.start, cols.start), strict=True))
        grey = {"contrast_limits": image.contrast_limits, "colormap": image.colormap}
        return self._controller.viewer.add_image(
            np.squeeze(BlockSource(whole, view).read(index, rows, cols), leading),
            name=f"{image.name} · rows {rows.start}–{rows.stop}, columns {cols.start}–{cols.stop}",
            rgb=view.rgb,
            scale=[image.scale[axis] for axis in kept],
            translate=[
                image.translate[axis] + starts.get(axis, 0) * image.scale[axis] for axis in kept
            ],
            **({} if view.rgb else grey),
        )


def _is_straight(image: Image) -> bool:
    return (
        np.allclose(image.affine.affine_matrix, np.eye(image.ndim + 1))
        and np.allclose(image.rotate, np.eye(image.ndim))
        and not np.any(image.shear)
    )


def _view_of_part(fixed: ImageView, whole: Any) -> ImageView:
    """How a region is looked at: with the contrast of the image that it is of."""
    if fixed.channel_axis is None:
        return fixed
    before = [axis for axis in leading_axes(whole, fixed) if axis < fixed.channel_axis]
    return replace(fixed, channel_axis=fixed.channel_axis - len(before))


def _bounded(part: slice) -> slice:
    middle = (part.start + part.stop) // 2
    side = min(part.stop - part.start, REGION_SIDE)
    return slice(max(middle - side // 2, part.start), max(middle - side // 2, part.start) + side)


def _sides(region: Region) -> tuple[int, int]:
    return region.rows.stop - region.rows.start, region.cols.stop - region.cols.start
