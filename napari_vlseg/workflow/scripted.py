"""Corrections that a script makes in a person's place, guided by the truth."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count

import numpy as np
import pandas as pd

from napari_vlseg.errors import ImageError
from napari_vlseg.metrics import match_instances
from napari_vlseg.proposals import completed, new_uid

_MATCH_IOU = 0.5
_MOSTLY = 0.5


@dataclass(frozen=True, eq=False)
class Correction:
    """Labels after a few strokes.

    Attributes
    ----------
    labels : numpy.ndarray, shape (H, W), int32
    objects : pandas.DataFrame
        One row per label left; `status` and `source` tell what was touched.
    redrawn : tuple of int
        Labels that were painted anew or for the first time.
    removed : tuple of int
        Labels that were erased.
    """

    labels: np.ndarray
    objects: pd.DataFrame
    redrawn: tuple[int, ...]
    removed: tuple[int, ...]


def correct_worst(
    labels: np.ndarray, objects: pd.DataFrame, truth: np.ndarray, n_objects: int = 3
) -> Correction:
    """Erase the largest false object and redraw the worst true ones, as a person would.

    Parameters
    ----------
    labels : numpy.ndarray, shape (H, W), integer
        Proposed instances; not changed.
    objects : pandas.DataFrame
        Their table, see `napari_vlseg.proposals.OBJECT_COLUMNS`; not changed.
    truth : numpy.ndarray, shape (H, W), integer
        True instances.
    n_objects : int
        How many true objects are redrawn: missed ones first, the largest of them first,
        then those with the lowest IoU.

    Returns
    -------
    Correction

    Raises
    ------
    ImageError
        If the shapes differ.
    """
    if labels.shape != truth.shape:
        raise ImageError(
            f"The labels have shape {labels.shape} and the truth {truth.shape}: "
            "correct labels of one and the same image."
        )
    corrected = labels.astype(np.int32)
    partners = _partners(truth, corrected)
    false = [label for label in _labels_in(corrected) if label not in partners.values()]
    missed = (truth != 0) & ~np.isin(truth, list(partners))
    removed = _erase_largest(corrected, [x for x in false if _is_needless(corrected, missed, x)])
    fresh = count(int(labels.max(initial=0)) + 1)
    redrawn = []
    for value in _worst_first(truth, corrected, partners)[:n_objects]:
        label = partners[value] if value in partners else next(fresh)
        _redraw(corrected, truth == value, label, false)
        redrawn.append(label)
    removed += [x for x in false if x not in removed and not (corrected == x).any()]
    table = _updated_table(objects, corrected, redrawn)
    return Correction(corrected, table, tuple(redrawn), tuple(removed))


def _partners(truth: np.ndarray, labels: np.ndarray) -> dict[int, int]:
    """Proposed label of each true object that was found."""
    matching = match_instances(truth, labels, _MATCH_IOU)
    pairs = zip(matching.truth_labels, matching.pred_labels, strict=True)
    return {int(true): int(proposed) for true, proposed in pairs}


def _labels_in(labels: np.ndarray) -> list[int]:
    return [int(value) for value in np.unique(labels) if value != 0]


def _is_needless(labels: np.ndarray, missed: np.ndarray, label: int) -> bool:
    """Whether an object shows nothing that is not shown better: it is no part of a missed one."""
    return bool(missed[labels == label].mean() < _MOSTLY)


def _erase_largest(labels: np.ndarray, candidates: list[int]) -> list[int]:
    if not candidates:
        return []
    largest = max(candidates, key=lambda label: np.count_nonzero(labels == label))
    labels[labels == largest] = 0
    return [largest]


def _worst_first(truth: np.ndarray, labels: np.ndarray, partners: dict[int, int]) -> list[int]:
    def badness(value: int) -> tuple[float, int]:
        region = truth == value
        if value not in partners:
            return -1.0, -int(np.count_nonzero(region))
        proposed = labels == partners[value]
        return np.count_nonzero(region & proposed) / np.count_nonzero(region | proposed), 0

    return sorted(_labels_in(truth), key=badness)


def _redraw(labels: np.ndarray, region: np.ndarray, label: int, false: list[int]) -> None:
    """Paint a true region with a label, and clear what it replaces."""
    for fragment in false:
        pixels = labels == fragment
        if np.count_nonzero(pixels & region) > _MOSTLY * np.count_nonzero(pixels):
            labels[pixels] = 0
    labels[labels == label] = 0
    labels[region] = label


def _updated_table(objects: pd.DataFrame, labels: np.ndarray, redrawn: list[int]) -> pd.DataFrame:
    table = objects.copy()
    touched = table["label"].isin(redrawn)
    table.loc[touched, "status"] = "edited"
    table.loc[touched, "source"] = "semi-auto"
    class_name = objects["class"].iloc[0] if len(objects) else "object"
    new = [label for label in redrawn if label not in set(objects["label"])]
    rows = [
        {
            "object_uid": new_uid(),
            "label": label,
            "class": class_name,
            "score": float("nan"),
            "area": 0,
            "prompt": "",
            "model": "",
            "threshold": float("nan"),
            "status": "edited",
            "source": "manual",
        }
        for label in new
    ]
    if rows:
        table = pd.concat([completed(table), completed(pd.DataFrame(rows))], ignore_index=True)
    values = table["label"].to_numpy(np.int64)
    areas = np.bincount(labels.ravel(), minlength=int(values.max(initial=0)) + 1)
    table["area"] = areas[values]
    return table[table["area"] > 0].reset_index(drop=True)
