"""Batches: a pure function of the seed and the number of the step."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.utils.data import Dataset

from napari_vlseg.training.sam.clicks import jittered_box, random_inner_pixel
from napari_vlseg.training.sam.settings import SamBatchShape
from napari_vlseg.training.sam.views import (
    LabelledImage,
    View,
    ViewShape,
    random_view,
    usable,
)

_REAL_KIND_SHARES = {
    "fluorescence": 0.50,
    "purple_on_purple": 0.22,
    "purple_on_white": 0.17,
    "brightfield": 0.11,
}
_FEWEST_MASK_PIXELS = 6.0


@dataclass(frozen=True)
class SamBatch:
    """One step's worth of data; objects are ordered by tile.

    Attributes
    ----------
    pictures : Tensor of float32, shape (images, 3, size, size)
        Intensities in [0, 1].
    masks : Tensor of float32, shape (images * objects, mask_size, mask_size)
        Coverage of mask pixels.
    points : Tensor of float32, shape (images * objects, 2)
        (row, col) inside each object, in model pixels from the tile's edge.
    boxes : Tensor of float32, shape (images * objects, 4)
        (top, left, bottom, right) around each object, in model pixels.
    hidden : Tensor of float32, shape (images * objects,)
        What of each object lies outside the tile, in mask pixels.
    """

    pictures: torch.Tensor
    masks: torch.Tensor
    points: torch.Tensor
    boxes: torch.Tensor
    hidden: torch.Tensor


class ViewSource:
    """Draws views of real images and of procedural scenes."""

    def __init__(
        self, real: Sequence[LabelledImage], scenes: Sequence[LabelledImage], shape: ViewShape
    ) -> None:
        self.shape = shape
        self._scenes = usable(scenes)
        by_kind: dict[str, list[LabelledImage]] = defaultdict(list)
        for image in usable(real):
            by_kind[image.kind].append(image)
        self._by_kind = dict(by_kind)
        shares = np.array([_REAL_KIND_SHARES.get(kind, 0.1) for kind in self._by_kind])
        self._kind_shares = shares / shares.sum() if len(shares) else shares

    def draw(self, batch: SamBatchShape, rng: np.random.Generator) -> View:
        """A view whose first object can be seen."""
        while True:
            image = self._image(rng.random() < batch.real_share, rng)
            view = random_view(image, self.shape, batch.objects, rng)
            if view.masks[0].sum() >= _FEWEST_MASK_PIXELS and view.masks[0].max() > 0.5:
                return view

    def _image(self, real: bool, rng: np.random.Generator) -> LabelledImage:
        if (real and self._by_kind) or not self._scenes:
            kind = str(rng.choice(list(self._by_kind), p=self._kind_shares))
            images: Sequence[LabelledImage] = self._by_kind[kind]
        else:
            images = self._scenes
        return images[int(rng.integers(len(images)))]


def make_batch(source: ViewSource, shape: SamBatchShape, seed: int, step: int) -> SamBatch:
    """The batch of a step; tiles with few objects ask for some of them more than once."""
    rng = np.random.default_rng([seed, step])
    pictures, masks, points, boxes, hidden = [], [], [], [], []
    zoom = source.shape.size / source.shape.mask_size
    for _ in range(shape.images):
        view = source.draw(shape, rng)
        pictures.append(view.image)
        visible = [n for n, mask in enumerate(view.masks) if mask.max() > 0.5]
        for number in range(shape.objects):
            pick = visible[number % len(visible)]
            masks.append(view.masks[pick])
            pixel = random_inner_pixel(view.masks[pick] > 0.5, rng)
            points.append((np.array(pixel) + rng.random(2)) * zoom)
            boxes.append(jittered_box(view.boxes[pick], source.shape.size, rng))
            hidden.append(view.masks[pick].sum() * (1 / view.shown[pick] - 1))
    return SamBatch(
        pictures=torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).contiguous(),
        masks=torch.from_numpy(np.stack(masks)),
        points=torch.from_numpy(np.stack(points).astype(np.float32)),
        boxes=torch.from_numpy(np.stack(boxes)),
        hidden=torch.from_numpy(np.array(hidden, np.float32)),
    )


class SamBatchDataset(Dataset[SamBatch]):
    """Batches by number of the step, for a `DataLoader` that prepares them ahead."""

    def __init__(self, source: ViewSource, shape: SamBatchShape, seed: int, steps: int) -> None:
        self._source, self._shape, self._seed, self._steps = source, shape, seed, steps

    def __len__(self) -> int:
        return self._steps

    def __getitem__(self, step: int) -> SamBatch:
        return make_batch(self._source, self._shape, self._seed, step)
