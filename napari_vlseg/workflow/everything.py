"""Every object of a plane, without a prompt: SAM's automatic mask generation.

After Kirillov et al., "Segment Anything", ICCV 2023 (arXiv 2304.02643), section 5 and appendix
B: a grid of points, each answered with three masks; masks are kept whose predicted IoU is high
and whose outline hardly moves with the threshold; of duplicates the best stays. A model whose
input is smaller than the plane looks at it block by block, at every scale.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from napari_vlseg.errors import SettingsError
from napari_vlseg.events import Work
from napari_vlseg.instances import drop_small
from napari_vlseg.masks import describe_objects, number_in_raster_order
from napari_vlseg.models.base import MaskProposal, PromptableSegmenter
from napari_vlseg.object_prompts import MaskLogits, ObjectPrompt
from napari_vlseg.prompts import PromptTable
from napari_vlseg.proposals import PostProcess, Proposals, empty_objects
from napari_vlseg.workflow.cache import EmbeddingCache, encode
from napari_vlseg.workflow.overlaps import SoftOutline, distinct
from napari_vlseg.workflow.propose import noting, object_table

CLASS_NAME, PROMPT = "object", "everything"

Box = tuple[int, int, int, int]

_PROMPTS_AT_ONCE = 256
_BLOCK_SHARE = 0.65
_STABILITY_OFFSET = 1.0
_CROP_OVERLAP = 0.34
_LEAST_VISIBLE = 0.5


@dataclass(frozen=True)
class EverythingSettings:
    """What counts as an object; the defaults suit sam-mini.

    Attributes
    ----------
    points_per_side : int
        Grid of points on a plane, or a crop, that the model sees whole.
    points_per_block : int
        Grid of points on each block where the model's input is smaller.
    least_score : float
        Predicted IoU from which a mask is kept, in [0, 1]; SAM's own default is 0.88.
    least_stability : float
        IoU of the masks at logits 1 and -1 from which a mask is kept, in [0, 1]; SAM's own
        default is 0.95, for logits that are steeper.
    most_overlap : float
        Largest IoU of two masks that are two objects, in [0, 1].
    most_area : float
        Share of the plane above which a mask is background, in [0, 1].
    min_size : int
        Objects of fewer pixels are dropped.
    crop_layers : int
        Layers of crops that are encoded by themselves, for a large model on a large plane:
        layer n has 2ⁿ × 2ⁿ of them.

    Raises
    ------
    SettingsError
        If a value lies outside its range.
    """

    points_per_side: int = 32
    points_per_block: int = 6
    least_score: float = 0.7
    least_stability: float = 0.5
    most_overlap: float = 0.7
    most_area: float = 0.5
    min_size: int = 16
    crop_layers: int = 0

    def __post_init__(self) -> None:
        for name in ("least_score", "least_stability", "most_overlap", "most_area"):
            value = getattr(self, name)
            if not 0 <= value <= 1:
                raise SettingsError(f"{name} is {value:g}: choose a number between 0 and 1.")
        least = {"points_per_side": 1, "points_per_block": 1, "min_size": 0, "crop_layers": 0}
        for name, lowest in least.items():
            if getattr(self, name) < lowest:
                raise SettingsError(f"{name} is {getattr(self, name)}: choose {lowest} or more.")


def segment_everything(
    model: PromptableSegmenter,
    plane: npt.NDArray[np.float32],
    *,
    cache: EmbeddingCache | None = None,
    settings: EverythingSettings | None = None,
) -> Work[Proposals]:
    """Outline every object that a click model sees, for review.

    Parameters
    ----------
    model : PromptableSegmenter
    plane : numpy.ndarray, shape (H, W, 3), float32 in [0, 1]
    cache : EmbeddingCache, optional
        For the plane; crops are not kept.
    settings : EverythingSettings, optional

    Yields
    ------
    Progress or Notice

    Returns
    -------
    Proposals
        Of one class, "object". There is no probability of a class here: a pixel has the IoU
        that the model predicts for the object it belongs to, and 0 where there is none, so
        that a higher threshold keeps the surer objects. Of nested masks the smaller lies on
        top; one that is mostly covered is left out.
    """
    settings = settings or EverythingSettings()
    notices: list[str] = []
    found = yield from noting(_outlines_in(model, plane, settings, cache), notices)
    for crop in _crops(plane.shape[:2], settings.crop_layers):
        top, left, bottom, right = crop
        part = np.ascontiguousarray(plane[top:bottom, left:right])
        inside = yield from noting(_outlines_in(model, part, settings, None), notices)
        moved = [replace(one, top=one.top + top, left=one.left + left) for one in inside]
        found += [one for one in moved if not _is_cut(one, crop, plane.shape[:2])]
    return _proposals(model, found, plane.shape[:2], settings, tuple(notices))


def _outlines_in(
    model: PromptableSegmenter,
    plane: npt.NDArray[np.float32],
    settings: EverythingSettings,
    cache: EmbeddingCache | None,
) -> Work[list[SoftOutline]]:
    """Masks of one plane or crop that pass the filters and are no duplicates."""
    shape = (plane.shape[0], plane.shape[1])
    embedding = yield from encode(model, plane, cache=cache)
    prompts = _prompts(shape, model.input_size, settings)
    found: list[SoftOutline] = []
    for first in range(0, len(prompts), _PROMPTS_AT_ONCE):
        some = prompts[first : first + _PROMPTS_AT_ONCE]
        answers = yield from model.predict_objects_steps(embedding, some, multimask=True)
        found += [
            _outline(proposal)
            for proposals in answers
            for proposal in proposals
            if _is_credible(proposal, shape, settings)
        ]
        found = [found[index] for index in distinct(found, settings.most_overlap)]
    return found


def _prompts(
    shape: tuple[int, int], input_size: int, settings: EverythingSettings
) -> list[ObjectPrompt]:
    """Clicks all over the plane, level by level of ever larger blocks."""
    longer = max(shape)
    if longer <= input_size:
        return _clicks((0, 0, *shape), settings.points_per_side)
    sides = [_BLOCK_SHARE * input_size]
    while sides[-1] < longer:
        sides.append(2 * sides[-1])
    return [
        click
        for side in sides
        for block in _blocks(shape, min(side, longer))
        for click in _clicks(block, settings.points_per_block)
    ]


def _blocks(shape: tuple[int, int], side: float) -> Iterator[Box]:
    """Blocks (top, left, bottom, right) of about a side that cover a plane evenly."""
    edges = [
        np.linspace(0, extent, math.ceil(extent / side) + 1).round().astype(int).tolist()
        for extent in shape
    ]
    for top, bottom in zip(edges[0], edges[0][1:], strict=False):
        for left, right in zip(edges[1], edges[1][1:], strict=False):
            yield top, left, bottom, right


def _clicks(block: Box, per_side: int) -> list[ObjectPrompt]:
    """An even grid of clicks in a block, fewer along its shorter side."""
    top, left, bottom, right = block
    step = max(bottom - top, right - left) / per_side
    rows, cols = (
        low - 0.5 + (np.arange(count) + 0.5) * (high - low) / count
        for low, high in ((top, bottom), (left, right))
        for count in [max(1, round((high - low) / step))]
    )
    near = (top - 0.5, left - 0.5, bottom - 0.5, right - 0.5)
    return [
        ObjectPrompt(np.array([[row, col]], np.float32), np.ones(1, np.int64), near=near)
        for row in rows
        for col in cols
    ]


def _is_credible(
    proposal: MaskProposal, shape: tuple[int, int], settings: EverythingSettings
) -> bool:
    if proposal.score < settings.least_score:
        return False
    if _stability(proposal.logits) < settings.least_stability:
        return False
    outline = _outline(proposal)
    area = np.count_nonzero(outline.mask)
    if area < max(1, settings.min_size) or area > settings.most_area * shape[0] * shape[1]:
        return False
    row, col, height, width = proposal.logits.window
    return not _is_cut(outline, (row, col, row + height, col + width), shape)


def _stability(logits: MaskLogits) -> float:
    """IoU of the masks at a logit above and below 0: near 1 where the border is steep."""
    higher = int(np.count_nonzero(logits.values > _STABILITY_OFFSET))
    lower = int(np.count_nonzero(logits.values > -_STABILITY_OFFSET))
    return higher / max(lower, 1)


def _outline(proposal: MaskProposal) -> SoftOutline:
    top, left, mask = proposal.crop()
    score = float(np.clip(proposal.score, 0, 1))
    return SoftOutline(top, left, np.where(mask, 1, -1).astype(np.float32), score)


def _is_cut(outline: SoftOutline, window: Box, shape: tuple[int, int]) -> bool:
    """Whether a mask touches a border of its window at which the plane goes on."""
    rows, cols = outline.logits.shape
    top, left, bottom, right = window
    return (
        (top > 0 and outline.top <= top)
        or (left > 0 and outline.left <= left)
        or (bottom < shape[0] and outline.top + rows >= bottom)
        or (right < shape[1] and outline.left + cols >= right)
    )


def _crops(shape: tuple[int, int], layers: int) -> Iterator[Box]:
    """Overlapping crops (top, left, bottom, right) of a plane, layer by layer."""
    for layer in range(1, layers + 1):
        count = 2**layer
        overlap = round(_CROP_OVERLAP * min(shape) / count)
        sides = [math.ceil((overlap * (count - 1) + extent) / count) for extent in shape]
        for row in range(count):
            for col in range(count):
                top, left = row * (sides[0] - overlap), col * (sides[1] - overlap)
                yield top, left, min(top + sides[0], shape[0]), min(left + sides[1], shape[1])


def _proposals(
    model: PromptableSegmenter,
    found: Sequence[SoftOutline],
    shape: tuple[int, int],
    settings: EverythingSettings,
    notices: tuple[str, ...],
) -> Proposals:
    kept = [found[index] for index in distinct(found, settings.most_overlap)]
    labels = _small_on_top(kept, shape)
    labels = drop_small(labels, max(1, settings.min_size))
    labels, order = number_in_raster_order(labels, np.arange(len(kept)))
    scores = np.array([0.0, *(kept[index].score for index in order)], np.float32)
    draft = Proposals(
        labels=labels,
        probabilities=scores[labels][np.newaxis],
        classes=(CLASS_NAME,),
        objects=empty_objects(),
        thresholds=(settings.least_score,),
        postprocess=PostProcess(min_size=settings.min_size),
        prompts=PromptTable.build({CLASS_NAME: PROMPT}),
        model=model.info,
        notices=notices,
        refined_by=model.info,
    )
    stats = describe_objects(labels, np.zeros(len(order), np.int64), draft.probabilities)
    objects = object_table(draft, stats)
    # A pixel here has the score of its object, which is no probability of the pixel.
    return replace(draft, objects=objects.assign(uncertainty=1 - objects["score"]))


def _small_on_top(outlines: Sequence[SoftOutline], shape: tuple[int, int]) -> npt.NDArray[np.int32]:
    """Labels 1, 2, … of outlines; one of which less than half can be seen is left out."""
    areas = np.array([np.count_nonzero(outline.mask) for outline in outlines], np.int64)
    labels = np.zeros(shape, np.int32)
    for index in np.argsort(-areas, kind="stable"):
        labels[outlines[index].window][outlines[index].mask] = index + 1
    visible = np.bincount(labels.ravel(), minlength=len(outlines) + 1)[1:]
    numbers = np.arange(len(outlines) + 1, dtype=np.int32)
    numbers[1:][visible < _LEAST_VISIBLE * areas] = 0
    return numbers[labels]
