"""Text finds, a click model outlines: the objects of a probability map drawn anew.

A map says which pixels look like what was asked for, and is vague about where one object ends
and its neighbour begins; a click model outlines one object at a time and does not know what
was asked for. First each object of the map is clicked into and the answers join the map, which
is then divided anew. Then each object is asked for by a click, by its box, and by its box and
its region; the mean of the answers and of the joint map is its outline.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import ndimage as ndi

from napari_vlseg.errors import SettingsError
from napari_vlseg.events import Work
from napari_vlseg.instances import drop_small, fill_holes
from napari_vlseg.logit_masks import logits_within
from napari_vlseg.masks import (
    ObjectStats,
    describe_objects,
    label_objects,
    number_in_raster_order,
)
from napari_vlseg.models.base import (
    DenseSegmenter,
    MaskProposal,
    PromptableEmbedding,
    PromptableSegmenter,
)
from napari_vlseg.object_prompts import ObjectPrompt
from napari_vlseg.prompts import PromptTable
from napari_vlseg.proposals import OBJECT_COLUMNS, OUTLINE_COLUMNS, PostProcess, Proposals
from napari_vlseg.workflow.cache import EmbeddingCache, encode
from napari_vlseg.workflow.joint_map import divide_anew, joint_logits
from napari_vlseg.workflow.overlaps import SoftOutline, agreement, distinct, paint
from napari_vlseg.workflow.propose import noting, object_table, propose
from napari_vlseg.workflow.seeds import (
    Seed,
    box_prompt,
    find_seeds,
    mask_prompt,
    point_prompt,
)

_KINDS: tuple[Callable[[Seed], ObjectPrompt], ...] = (point_prompt, box_prompt, mask_prompt)
_EIGHT_NEIGHBOURS = np.ones((3, 3), bool)


@dataclass(frozen=True)
class RefineSettings:
    """How far the click model is followed; chosen on training images of nuclei.

    Attributes
    ----------
    share : float
        Weight of the click model, in [0, 1], where objects are divided anew and where they
        are outlined; the map has the rest. At 0 objects stay as the map alone has them.
    least_agreement : float
        Intersection over union with the object of the map below which an outline is not
        taken, in [0, 1]: the click model then means something else.
    most_overlap : float
        Largest intersection over union of two outlines that are two objects, in [0, 1].

    Raises
    ------
    SettingsError
        If a value lies outside its range.
    """

    share: float = 0.5
    least_agreement: float = 0.5
    most_overlap: float = 0.7

    def __post_init__(self) -> None:
        for name in ("share", "least_agreement", "most_overlap"):
            value = getattr(self, name)
            if not 0 <= value <= 1:
                raise SettingsError(f"{name} is {value:g}: choose a number between 0 and 1.")


@dataclass(frozen=True, eq=False)
class _Drawn:
    """An outline, what it is of and who drew it."""

    outline: SoftOutline
    class_index: int
    refine_score: float
    by_click_model: bool


def refine(
    model: PromptableSegmenter,
    plane: npt.NDArray[np.float32],
    proposals: Proposals,
    *,
    embedding: PromptableEmbedding | None = None,
    cache: EmbeddingCache | None = None,
    settings: RefineSettings | None = None,
) -> Work[Proposals]:
    """Draw the objects of proposals anew with a click model.

    Parameters
    ----------
    model : PromptableSegmenter
    plane : numpy.ndarray, shape (H, W, 3), float32 in [0, 1]
        What the proposals are of.
    proposals : Proposals
        Instances, of any `DenseSegmenter`.
    embedding : PromptableEmbedding, optional
        The plane as `model` encoded it.
    cache : EmbeddingCache, optional
        Where the embedding is looked for, and kept.
    settings : RefineSettings, optional

    Yields
    ------
    Progress or Notice

    Returns
    -------
    Proposals
        With new labels and objects, the columns `OUTLINE_COLUMNS` and `refined_by`; the
        probabilities are the same. `rethreshold` goes back to the outlines of the map.

    Raises
    ------
    SettingsError
        If the proposals are one label per class.
    """
    check_instances(proposals.postprocess.mode)
    settings = settings or RefineSettings()
    notices = list(proposals.notices)
    if embedding is None:
        embedding = yield from noting(encode(model, plane, cache=cache), notices)
    work = _draw(model, embedding, proposals, settings)
    drawn = yield from noting(work, notices)
    refined = replace(proposals, refined_by=model.info, notices=tuple(notices))
    return _with_outlines(refined, drawn, settings)


def propose_refined(
    model: DenseSegmenter,
    plane: npt.NDArray[np.float32],
    prompts: PromptTable,
    *,
    outliner: PromptableSegmenter | None = None,
    settings: RefineSettings | None = None,
    postprocess: PostProcess | None = None,
    cache: EmbeddingCache | None = None,
    **options: Any,
) -> Work[Proposals]:
    """`propose`, and `refine` where there is a click model.

    Parameters
    ----------
    model, plane, prompts, postprocess, cache
        See `napari_vlseg.workflow.propose.propose`, to which further options are passed on.
    outliner : PromptableSegmenter, optional
        Draws the objects anew.
    settings : RefineSettings, optional

    Raises
    ------
    SettingsError
        If there is a click model and one label per class, before anything runs.
    """
    if outliner is not None and postprocess is not None:
        check_instances(postprocess.mode)
    proposals = yield from propose(
        model, plane, prompts, postprocess=postprocess, cache=cache, **options
    )
    if outliner is None:
        return proposals
    return (yield from refine(outliner, plane, proposals, cache=cache, settings=settings))


def check_instances(mode: str) -> None:
    """Refuse labels that a click model can't outline one by one.

    Raises
    ------
    SettingsError
        If the mode is not "instances".
    """
    if mode != "instances":
        raise SettingsError(
            "A click model outlines one object at a time, but there is one label per class: "
            "choose instances, or do without the click model."
        )


def _draw(
    model: PromptableSegmenter,
    embedding: PromptableEmbedding,
    proposals: Proposals,
    settings: RefineSettings,
) -> Work[list[_Drawn]]:
    found = label_objects(proposals.probabilities, proposals.thresholds, proposals.postprocess)
    seeds = find_seeds(*found)
    opinions = yield from model.predict_objects_steps(embedding, list(map(point_prompt, seeds)))
    joint = joint_logits(proposals, seeds, opinions, settings.share)
    seeds = divide_anew(proposals, joint)
    prompts = [kind(seed) for seed in seeds for kind in _KINDS]
    answers = yield from model.predict_objects_steps(embedding, prompts)
    n_kinds = len(_KINDS)
    return [
        _outlined(
            seed,
            [best for best, *_ in answers[n_kinds * number : n_kinds * (number + 1)]],
            joint[seed.class_index],
            settings,
        )
        for number, seed in enumerate(seeds)
    ]


def _outlined(
    seed: Seed,
    answers: Sequence[MaskProposal],
    joint: npt.NDArray[np.float32],
    settings: RefineSettings,
) -> _Drawn:
    """The mean of answers and map, or the seed itself where the answers mean something else."""
    top, left, *_ = window = seed.surroundings(joint.shape)
    score = float(np.mean([answer.score for answer in answers]))
    logits = np.mean([logits_within(answer.logits, window) for answer in answers], axis=0)
    answered = SoftOutline(top, left, _in_one_piece(logits), score)
    rows, cols = seed.mask.shape
    own = joint[seed.top : seed.top + rows, seed.left : seed.left + cols]
    positive = np.maximum(own, np.finfo(np.float32).tiny)
    of_map = SoftOutline(seed.top, seed.left, np.where(seed.mask, positive, -1), score)
    if agreement(answered, of_map) < settings.least_agreement:
        return _Drawn(of_map, seed.class_index, float("nan"), by_click_model=False)
    around = joint[top : top + window[2], left : left + window[3]]
    mean = settings.share * logits + (1 - settings.share) * around
    drawn = SoftOutline(top, left, _in_one_piece(mean), score)
    return _Drawn(drawn, seed.class_index, score, by_click_model=True)


def _in_one_piece(logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Logits of the largest connected part; other parts are made negative."""
    parts, n_parts = ndi.label(logits > 0, _EIGHT_NEIGHBOURS)
    if n_parts > 1:
        areas = np.bincount(parts.ravel())
        areas[0] = 0
        return np.where(parts == areas.argmax(), logits, -np.abs(logits))
    return logits


def _with_outlines(
    proposals: Proposals, drawn: Sequence[_Drawn], settings: RefineSettings
) -> Proposals:
    """Labels and table of outlines that are brought to terms with each other."""
    kept = distinct([one.outline for one in drawn], settings.most_overlap)
    chosen = [drawn[index] for index in sorted(kept)]
    labels = paint([one.outline for one in chosen], proposals.labels.shape)
    labels = drop_small(labels, max(1, proposals.postprocess.min_size))
    if proposals.postprocess.fill_holes:
        labels = fill_holes(labels)
    labels, order = number_in_raster_order(labels, np.arange(len(chosen)))
    chosen = [chosen[index] for index in order]
    class_of = np.array([one.class_index for one in chosen], np.int64)
    stats = describe_objects(labels, class_of, proposals.probabilities)
    outlined = replace(proposals, labels=labels)
    return replace(outlined, objects=_table(outlined, chosen, stats))


def _table(
    proposals: Proposals, drawn: Sequence[_Drawn], stats: Sequence[ObjectStats]
) -> pd.DataFrame:
    clicking = proposals.refined_by
    table = object_table(proposals, stats)
    names = [str(clicking) if one.by_click_model else str(proposals.model) for one in drawn]
    table["model"] = f"{proposals.model} + {clicking}"
    if clicking is not None:
        table["weights_sha256"] = f"{proposals.model.hashes} + {clicking.hashes}"
    table["refine_score"] = np.array([one.refine_score for one in drawn], np.float64)
    table["outline"] = pd.Series(names, dtype=object)
    return table[[*OBJECT_COLUMNS, *OUTLINE_COLUMNS]]
