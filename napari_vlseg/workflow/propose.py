"""From a plane and a prompt table to proposals, and from kept probabilities to new labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from napari_vlseg.corrections.people import clock
from napari_vlseg.errors import ImageError, SettingsError
from napari_vlseg.events import Notice, T, Work
from napari_vlseg.masks import ObjectStats, assign_classes, compete, label_objects
from napari_vlseg.models.base import (
    Conditional,
    DenseSegmenter,
    Embedding,
    automatic_threshold,
)
from napari_vlseg.prompts import ClassPrompt, PromptTable
from napari_vlseg.proposals import (
    ModelInfo,
    PostProcess,
    Proposals,
    completed,
    empty_objects,
    new_uid,
)
from napari_vlseg.tiling import TilePlan
from napari_vlseg.workflow.cache import EmbeddingCache, encode
from napari_vlseg.workflow.uncertainty import object_uncertainty


def propose(
    model: DenseSegmenter,
    plane: np.ndarray,
    prompts: PromptTable,
    *,
    postprocess: PostProcess | None = None,
    working_scale: float | None = None,
    edges: bool | None = None,
    cache: EmbeddingCache | None = None,
) -> Work[Proposals]:
    """Segment one plane by a prompt table.

    The plane is encoded once; every class, negative and mix then costs the decoder alone.
    With a cache, a plane that was encoded before is not encoded again.

    Parameters
    ----------
    model : DenseSegmenter
    plane : numpy.ndarray, shape (H, W, 3), float32 in [0, 1]
    prompts : PromptTable
        Its visible rows that are not empty are segmented.
    postprocess : PostProcess, optional
    working_scale : float, optional
        Image pixels per model pixel; None lets the model choose.
    edges : bool, optional
        Whether the maps follow the edges of the image; None lets the model choose.
    cache : EmbeddingCache, optional

    Yields
    ------
    Progress or Notice

    Returns
    -------
    Proposals

    Raises
    ------
    PromptError
        If the table asks for nothing.
    ImageError
        If the plane has another shape.
    """
    maps = yield from probability_maps(
        model, plane, prompts, working_scale=working_scale, edges=edges, cache=cache
    )
    rows = prompts.active
    return _build(
        Proposals(
            labels=np.zeros(plane.shape[:2], np.int32),
            probabilities=maps.probabilities,
            classes=tuple(row.name for row in rows),
            objects=empty_objects(),
            thresholds=default_thresholds(model, prompts),
            postprocess=postprocess or PostProcess(),
            prompts=prompts,
            model=model.info,
            working_scale=maps.working_scale,
            notices=maps.notices,
            edges=maps.edges,
            disagreement=maps.disagreement,
        )
    )


@dataclass(frozen=True, eq=False)
class ProbabilityMaps:
    """What a model says of a plane before anything is thresholded.

    Attributes
    ----------
    probabilities : numpy.ndarray, shape (C, H, W), float32 in [0, 1]
        One map per active row of the prompt table, its negatives taken away.
    disagreement : numpy.ndarray or None
        See `Proposals.disagreement`.
    working_scale : float
    edges : bool
        Whether the maps follow the edges of the image.
    notices : tuple of str
    """

    probabilities: np.ndarray
    disagreement: np.ndarray | None
    working_scale: float
    edges: bool
    notices: tuple[str, ...]


def probability_maps(
    model: DenseSegmenter,
    plane: np.ndarray,
    prompts: PromptTable,
    *,
    working_scale: float | None = None,
    edges: bool | None = None,
    cache: EmbeddingCache | None = None,
    plan: TilePlan | None = None,
) -> Work[ProbabilityMaps]:
    """The part of `propose` that runs the model.

    Parameters
    ----------
    model, plane, prompts, working_scale, edges, cache
        See `propose`.
    plan : TilePlan, optional
        Tiles to look through, for a `LatticeSegmenter` alone.

    Yields
    ------
    Progress or Notice

    Returns
    -------
    ProbabilityMaps

    Raises
    ------
    PromptError, ImageError
        See `propose`.
    """
    rows = prompts.active
    _check_plane(plane)
    notices = list(vocabulary_notices(model, rows))
    for message in notices:
        yield Notice(message)
    encoding = encode(model, plane, working_scale=working_scale, cache=cache, plan=plan)
    embedding = yield from noting(encoding, notices)
    conditionals = [model.condition(row, prompts.templates, prompts.visual) for row in rows]
    flat = [vector for own, negatives in conditionals for vector in (own, *negatives)]
    follow = model.default_edges if edges is None else edges
    maps = yield from noting(model.predict_steps(embedding, flat, edges=follow), notices)
    probabilities = _subtract_negatives(maps, conditionals)
    disagreement = yield from noting(_disagreement(model, embedding, prompts), notices)
    scale = embedding.working_scale
    return ProbabilityMaps(probabilities, disagreement, scale, follow, tuple(notices))


def default_thresholds(model: DenseSegmenter, prompts: PromptTable) -> tuple[float, ...]:
    """The threshold of each active row: the person's, else the model's."""
    return tuple(
        automatic_threshold(model, row.name) if row.threshold is None else row.threshold
        for row in prompts.active
    )


def rethreshold(
    proposals: Proposals,
    thresholds: Mapping[str, float] | None = None,
    postprocess: PostProcess | None = None,
) -> Proposals:
    """Make new labels from the kept probabilities; no model runs.

    Parameters
    ----------
    proposals : Proposals
    thresholds : mapping of str to float, optional
        New thresholds by class name; the other classes keep theirs.
    postprocess : PostProcess, optional

    Returns
    -------
    Proposals
        Shares the probabilities with the old one. Outlines that a click model drew are not
        kept: `refined_by` is None again, and a notice says so.
    """
    notices = proposals.notices
    if proposals.refined_by is not None:
        notices += (
            f"The outlines are those of the map again, since {proposals.refined_by.name} has "
            "not seen these objects: segment once more to have them outlined.",
        )
    return _build(
        replace(
            proposals,
            thresholds=new_thresholds(proposals.classes, proposals.thresholds, thresholds),
            postprocess=postprocess or proposals.postprocess,
            refined_by=None,
            notices=notices,
        )
    )


def preview(proposals: Proposals, thresholds: Mapping[str, float] | None = None) -> np.ndarray:
    """Class of each pixel at other thresholds, quickly: no instances, no clean-up.

    Returns
    -------
    numpy.ndarray, shape (H, W), integer
        0 for background, else 1 + index in `Proposals.classes`.
    """
    limits = new_thresholds(proposals.classes, proposals.thresholds, thresholds)
    return assign_classes(proposals.probabilities, limits)


def vocabulary_notices(model: DenseSegmenter, rows: Iterable[ClassPrompt]) -> tuple[str, ...]:
    """One sentence for each phrase with words that the model never saw."""
    messages = []
    for row in rows:
        for phrase in (*row.phrases, *row.negatives):
            unknown = model.unknown_words(phrase)
            if unknown:
                words = ", ".join(f"“{word}”" for word in unknown)
                messages.append(
                    f"{model.info.name} was not trained on {words}: draw a reference region "
                    "instead, or choose the larger model clipseg-rd64-refined."
                )
    return tuple(dict.fromkeys(messages))


def noting(work: Work[T], notices: list[str]) -> Work[T]:
    """The same work; what it tells the person is also written to `notices`."""
    try:
        while True:
            event = next(work)
            if isinstance(event, Notice):
                notices.append(event.message)
            yield event
    except StopIteration as stop:
        return stop.value
    finally:
        work.close()


def _disagreement(
    model: DenseSegmenter, embedding: Embedding, prompts: PromptTable
) -> Work[np.ndarray | None]:
    """See `Proposals.disagreement`: two more passes of the decoder for each mixed class."""
    mixed = [
        index
        for index, row in enumerate(prompts.active)
        if row.phrases and row.references and 0 < row.mix < 1
    ]
    if not mixed:
        return None
    found = np.zeros((len(prompts.active), *embedding.shape), np.float16)
    for index in mixed:
        row = replace(prompts.active[index], negatives=())
        alone = [replace(row, references=()), replace(row, phrases=())]
        asked = [model.condition(one, prompts.templates, prompts.visual)[0] for one in alone]
        by_text, by_references = yield from model.predict_steps(embedding, asked, edges=False)
        found[index] = np.abs(by_text - by_references)
    return found


def _subtract_negatives(
    maps: np.ndarray, conditionals: Sequence[tuple[Conditional, list[Conditional]]]
) -> np.ndarray:
    result = np.empty((len(conditionals), *maps.shape[1:]), np.float32)
    start = 0
    for index, (_, negatives) in enumerate(conditionals):
        stop = start + 1 + len(negatives)
        result[index] = compete(maps[start], maps[start + 1 : stop])
        start = stop
    return result


def _build(draft: Proposals) -> Proposals:
    labels, stats = label_objects(draft.probabilities, draft.thresholds, draft.postprocess)
    labelled = replace(draft, labels=labels)
    return replace(labelled, objects=object_table(labelled, stats))


def object_table(draft: Proposals, stats: Sequence[ObjectStats]) -> pd.DataFrame:
    """Fresh rows of `OBJECT_COLUMNS` for the labels of a draft, of which `stats` tells more."""
    uncertainty = object_uncertainty(
        draft.labels, stats, draft.probabilities, draft.thresholds, draft.disagreement
    )
    return table_of(stats, draft.prompts, draft.thresholds, draft.model, uncertainty)


def table_of(
    stats: Sequence[ObjectStats],
    prompts: PromptTable,
    thresholds: Sequence[float],
    model: ModelInfo,
    uncertainty: np.ndarray,
) -> pd.DataFrame:
    """Fresh rows of `OBJECT_COLUMNS` for objects that a model found.

    Parameters
    ----------
    stats : sequence of ObjectStats
    prompts : PromptTable
        Its active rows are the classes.
    thresholds : sequence of float
        One per class.
    model : ModelInfo
    uncertainty : numpy.ndarray, shape (n,), float64
        One per object.
    """
    if not stats:
        return empty_objects()
    described = {row.name: row.describe() for row in prompts.rows}
    classes = [row.name for row in prompts.active]
    names = [classes[stat.class_index] for stat in stats]
    table = pd.DataFrame(
        {
            "object_uid": [new_uid() for _ in stats],
            "label": np.array([stat.label for stat in stats], np.int64),
            "class": names,
            "score": np.array([stat.score for stat in stats], np.float64),
            "area": np.array([stat.area for stat in stats], np.int64),
            "prompt": [described[name] for name in names],
            "model": str(model),
            "threshold": [float(thresholds[stat.class_index]) for stat in stats],
            "status": "proposed",
            "source": "auto",
            "uncertainty": uncertainty,
            "weights_sha256": model.hashes,
            "created_at": clock()(),
        }
    )
    return completed(table)


def new_thresholds(
    classes: Sequence[str], old: Sequence[float], thresholds: Mapping[str, float] | None
) -> tuple[float, ...]:
    """The thresholds of classes where some are given anew.

    Raises
    ------
    SettingsError
        If there is no such class, or a threshold is not in [0, 1].
    """
    given = dict(thresholds or {})
    for name, value in given.items():
        if name not in classes:
            raise SettingsError(
                f"There is no class “{name}” here: the classes are {', '.join(classes)}."
            )
        if not 0 <= value <= 1:
            raise SettingsError(f"The threshold is {value:g} but must lie between 0 and 1.")
    return tuple(float(given.get(name, value)) for name, value in zip(classes, old, strict=True))


def _check_plane(plane: np.ndarray) -> None:
    if plane.ndim != 3 or plane.shape[2] != 3 or 0 in plane.shape:
        raise ImageError(
            f"A plane to segment has shape (H, W, 3) but this one has {plane.shape}: "
            "use napari_vlseg.images.extract_plane."
        )
