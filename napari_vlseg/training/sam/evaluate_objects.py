"""Clicks and boxes on known objects, scored per object, with classical answers beside them."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from napari_vlseg.events import Progress, Work
from napari_vlseg.models.base import PromptableEmbedding, PromptableSegmenter
from napari_vlseg.training.evaluate_nuclei import as_plane
from napari_vlseg.training.sam.baselines import (
    PixelBox,
    WatershedByClick,
    ellipse_in_box,
    otsu_in_box,
)
from napari_vlseg.training.sam.clicks import deepest_pixel
from napari_vlseg.training.sam.sessions import click_session, clicks_needed, iou
from napari_vlseg.training.sam.views import LabelledImage

WANTED_IOU = 0.85
MOST_CLICKS = 20

_SESSION_CLICKS = 3
_LONG_SESSIONS_PER_IMAGE = 3
_BOX_JITTER = 2


def evaluate_objects(
    model: PromptableSegmenter, images: Sequence[LabelledImage], per_image: int, seed: int = 0
) -> Work[dict[str, Any]]:
    """Score a model on objects of images.

    Parameters
    ----------
    model : PromptableSegmenter
    images : sequence of LabelledImage
    per_image : int
        Most objects per image.
    seed : int
        Chooses objects and shifts boxes.

    Yields
    ------
    Progress

    Returns
    -------
    dict
        ``scores``: prompt → summary; ``clicks_to_0.85`` and ``reached_0.85``: mean number of
        clicks (20 where it was never reached) and share of objects; ``seconds_per_click`` and
        ``seconds_per_encoding``: medians, with ``threads`` threads.
    """
    tally = _Tally()
    for number, image in enumerate(images, 1):
        rng = np.random.default_rng([seed, number])
        chosen = rng.permutation(len(image.boxes))[:per_image]
        if len(chosen):
            tally.add_image(model, image, chosen, rng)
        yield Progress("evaluating objects", number, len(images))
    return tally.summary()


class _Tally:
    """IoUs by prompt and kind of image."""

    def __init__(self) -> None:
        self._ious: dict[str, list[tuple[str, float]]] = defaultdict(list)
        self._clicks: list[int] = []
        self._reached: list[bool] = []
        self._click_seconds: list[float] = []
        self._encode_seconds: list[float] = []

    def add_image(
        self,
        model: PromptableSegmenter,
        image: LabelledImage,
        chosen: npt.NDArray[np.intp],
        rng: np.random.Generator,
    ) -> None:
        """Prompt for each chosen object."""
        plane = as_plane(image.image)
        began = time.perf_counter()
        embedding = model.encode(plane)
        self._encode_seconds.append(time.perf_counter() - began)
        watershed = WatershedByClick(plane)
        boxes = [_pixel_box(image.boxes[n]) for n in chosen]
        truths = [np.isin(image.labels, image.members[n]) for n in chosen]
        self._add_boxes(model, embedding, plane, image.kind, boxes, truths, rng)
        for number, truth in enumerate(truths):
            self._put(
                image.kind, "click: watershed", iou(watershed.mask(*deepest_pixel(truth)), truth)
            )
            self._add_clicks(model, embedding, image.kind, truth, number)

    def _add_boxes(
        self,
        model: PromptableSegmenter,
        embedding: PromptableEmbedding,
        plane: npt.NDArray[np.float32],
        kind: str,
        boxes: Sequence[PixelBox],
        truths: Sequence[npt.NDArray[np.bool_]],
        rng: np.random.Generator,
    ) -> None:
        tight = np.array(boxes, float) - 0.5
        shifted = tight + rng.integers(-_BOX_JITTER, _BOX_JITTER + 1, tight.shape)
        shifted[:, 2:] = np.maximum(shifted[:, 2:], shifted[:, :2] + 1)
        for name, frames in (("box", tight), ("box, ±2 px", shifted)):
            proposals = [model.predict(embedding, boxes=f[None], multimask=False) for f in frames]
            for (proposal,), truth in zip(proposals, truths, strict=True):
                self._put(kind, name, iou(proposal.mask, truth))
        for box, truth in zip(boxes, truths, strict=True):
            self._put(kind, "box: local Otsu", iou(otsu_in_box(plane, box), truth))
            self._put(kind, "box: ellipse", iou(ellipse_in_box(truth.shape, box), truth))

    def _add_clicks(
        self,
        model: PromptableSegmenter,
        embedding: PromptableEmbedding,
        kind: str,
        truth: npt.NDArray[np.bool_],
        number: int,
    ) -> None:
        session = click_session(model, embedding, truth, _SESSION_CLICKS)
        self._put(kind, "1 click", session.ious[0])
        self._put(kind, "1 click, best of 3", session.best_of_three)
        for count in range(2, _SESSION_CLICKS + 1):
            self._put(kind, f"{count} clicks", session.ious[count - 1])
        self._click_seconds += session.seconds
        if number < _LONG_SESSIONS_PER_IMAGE:
            long = click_session(model, embedding, truth, MOST_CLICKS, WANTED_IOU)
            self._clicks.append(clicks_needed(long, WANTED_IOU))
            self._reached.append(max(long.ious) >= WANTED_IOU)

    def _put(self, kind: str, name: str, value: float) -> None:
        self._ious[name].append((kind, value))

    def summary(self) -> dict[str, Any]:
        """Everything that was found, rounded."""
        return {
            "scores": {name: _summary(values) for name, values in self._ious.items()},
            f"clicks_to_{WANTED_IOU}": round(float(np.mean(self._clicks)), 2),
            f"reached_{WANTED_IOU}": round(float(np.mean(self._reached)), 3),
            "seconds_per_click": round(float(np.median(self._click_seconds)), 4),
            "seconds_per_encoding": round(float(np.median(self._encode_seconds)), 4),
            "threads": torch.get_num_threads(),
        }


def _pixel_box(edges: npt.NDArray[np.int64]) -> PixelBox:
    top, left, bottom, right = (int(edge) for edge in edges)
    return top, left, bottom, right


def _summary(values: Sequence[tuple[str, float]]) -> dict[str, Any]:
    by_kind: dict[str, list[float]] = defaultdict(list)
    for kind, value in values:
        by_kind[kind].append(value)
    numbers = np.array([value for _, value in values])
    return {
        "n": len(numbers),
        "mean": round(float(numbers.mean()), 4),
        "above_half": round(float((numbers > 0.5).mean()), 4),
        "by_kind": {kind: round(float(np.mean(v)), 4) for kind, v in sorted(by_kind.items())},
    }
