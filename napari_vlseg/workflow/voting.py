"""Objects of several annotators brought together: which are the same, and what they agree on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal, get_args

import numpy as np

from napari_vlseg.errors import SettingsError
from napari_vlseg.metrics import match_instances
from napari_vlseg.workflow.label_boxes import boxes_of

JoinPolicy = Literal["agree", "first", "union", "majority"]
"""Which objects are kept: those of all annotators, these and the other ones of the first, all
of anyone, or those of more than half of the annotators."""

SAME_IOU = 0.5
_LEAST_LEFT = 0.5


@dataclass(frozen=True)
class Voted:
    """One object that one or more annotators drew.

    Attributes
    ----------
    label : int
        In the joined labels.
    members : dict of int to int
        Label of the object by each annotator who drew it, by the annotator's place in the list.
    """

    label: int
    members: Mapping[int, int]


def same_objects(annotations: Sequence[np.ndarray]) -> list[dict[int, int]]:
    """Which objects of several label arrays are the same.

    Objects are paired between any two annotators at an IoU of at least `SAME_IOU`, and pairs
    are joined from the most alike on, as long as a group has one object of each annotator.

    Parameters
    ----------
    annotations : sequence of numpy.ndarray of equal shapes, integer
        0 is background.

    Returns
    -------
    list of dict of int to int
        Annotator → label, one for each object; those of the first annotator come first, by
        label, then the others' in the same order.
    """
    groups = {
        (place, label): {place: label}
        for place, labels in enumerate(annotations)
        for label in np.unique(labels[labels != 0]).tolist()
    }
    pairs = []
    for first, second in combinations(range(len(annotations)), 2):
        matching = match_instances(annotations[first], annotations[second], SAME_IOU)
        both = zip(matching.truth_labels.tolist(), matching.pred_labels.tolist(), strict=True)
        pairs += [
            (-iou, (first, a), (second, b))
            for iou, (a, b) in zip(matching.ious.tolist(), both, strict=True)
        ]
    for _, a, b in sorted(pairs):
        if not groups[a].keys() & groups[b].keys():
            union = groups[a] | groups[b]
            groups |= dict.fromkeys(union.items(), union)
    ordered = {min(group.items()): dict(sorted(group.items())) for group in groups.values()}
    return [ordered[key] for key in sorted(ordered)]


def join_labels(
    annotations: Sequence[np.ndarray], policy: JoinPolicy
) -> tuple[np.ndarray, list[Voted]]:
    """One label array of several, by vote.

    An object that three or more drew has the pixels that more than half of them gave it; one
    of two annotators has the outline of the earlier in the list. Objects of more votes are
    painted first, and nothing is painted over another object; one that has less than half of
    its pixels left is dropped.

    Parameters
    ----------
    annotations : sequence of numpy.ndarray of equal shapes, integer
        0 is background.
    policy : {"agree", "first", "union", "majority"}
        See `JoinPolicy`.

    Returns
    -------
    labels : numpy.ndarray
        Objects of the first annotator keep their labels, others have the numbers after all of
        the first annotator's.
    objects : list of Voted
        In the order of their labels.

    Raises
    ------
    SettingsError
        If the policy is unknown.
    """
    if policy not in get_args(JoinPolicy):
        valid = ", ".join(get_args(JoinPolicy))
        raise SettingsError(f"The policy “{policy}” is unknown: choose one of {valid}.")
    groups = [
        members
        for members in same_objects(annotations)
        if _is_kept(members, len(annotations), policy)
    ]
    boxes = [boxes_of(labels) for labels in annotations]
    joined = np.zeros(annotations[0].shape, np.int64)
    fresh = int(annotations[0].max(initial=0))
    objects = []
    for members in sorted(groups, key=lambda members: -len(members)):
        label = members.get(0, fresh + 1)
        if _paint(joined, label, members, annotations, boxes):
            objects.append(Voted(label, members))
            fresh = max(fresh, label)
    dtype = np.result_type(annotations[0].dtype, np.min_scalar_type(fresh))
    return joined.astype(dtype), sorted(objects, key=lambda one: one.label)


def _is_kept(members: Mapping[int, int], n_annotators: int, policy: JoinPolicy) -> bool:
    if policy == "union" or len(members) == n_annotators:
        return True
    if policy == "first":
        return 0 in members
    return policy == "majority" and 2 * len(members) > n_annotators


def _paint(
    joined: np.ndarray,
    label: int,
    members: Mapping[int, int],
    annotations: Sequence[np.ndarray],
    boxes: Sequence[Mapping[int, tuple[slice, ...]]],
) -> bool:
    """Paint an object where nothing is yet; False, and nothing painted, if little is left."""
    around = _hull([boxes[place][value] for place, value in members.items()])
    masks = np.stack([annotations[place][around] == value for place, value in members.items()])
    mask = masks[0] if len(masks) < 3 else 2 * np.count_nonzero(masks, axis=0) > len(masks)
    free = mask & (joined[around] == 0)
    n_free = np.count_nonzero(free)
    if n_free == 0 or n_free < _LEAST_LEFT * np.count_nonzero(mask):
        return False
    joined[around][free] = label
    return True


def _hull(boxes: Sequence[tuple[slice, ...]]) -> tuple[slice, ...]:
    return tuple(
        slice(min(side.start for side in sides), max(side.stop for side in sides))
        for sides in zip(*boxes, strict=True)
    )
