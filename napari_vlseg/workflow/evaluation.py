"""A folder of predicted label images measured against a folder of true ones."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from napari_vlseg.errors import ImageError
from napari_vlseg.events import Notice, Progress, Work
from napari_vlseg.images import read_mask
from napari_vlseg.metrics import average_precision, dice, iou

LABEL_SUFFIXES = frozenset({".tif", ".tiff", ".png", ".bmp", ".gif"})
PROBABILITIES_SUFFIX = "_probabilities"
_NAMES_SHOWN = 3


@dataclass(frozen=True)
class ImageScore:
    """How well one label image agrees with the truth.

    Attributes
    ----------
    name : str
        Stem that both files share.
    iou, dice : float
        Overlap of the foregrounds (every label above 0), in [0, 1].
    ap50 : float
        Instances matched at an IoU of at least 0.5: TP / (TP + FP + FN).
    n_truth, n_pred : int
        Objects.
    """

    name: str
    iou: float
    dice: float
    ap50: float
    n_truth: int
    n_pred: int


@dataclass(frozen=True)
class Evaluation:
    """Scores of all images that both folders hold.

    Attributes
    ----------
    images : tuple of ImageScore
        In the order of their names.
    without_prediction, without_truth : tuple of str
        Stems that only one of the folders holds; they are not part of the means.
    """

    images: tuple[ImageScore, ...]
    without_prediction: tuple[str, ...] = ()
    without_truth: tuple[str, ...] = ()

    @property
    def mean(self) -> dict[str, float]:
        """Mean over images of ``iou``, ``dice`` and ``ap50``."""
        return {
            name: fmean(getattr(score, name) for score in self.images)
            for name in ("iou", "dice", "ap50")
        }

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "images": [asdict(score) for score in self.images],
            "mean": self.mean,
            "without_prediction": list(self.without_prediction),
            "without_truth": list(self.without_truth),
        }


def score_labels(truth: np.ndarray, pred: np.ndarray, name: str = "") -> ImageScore:
    """Measure one label image against the truth.

    Parameters
    ----------
    truth, pred : numpy.ndarray of equal shape, integer
        Label images; 0 is background.
    name : str
        Carried into the score and into errors.

    Raises
    ------
    ImageError
        If the shapes differ.
    """
    if truth.shape != pred.shape:
        raise ImageError(
            f"The prediction “{name}” has shape {pred.shape} but its truth has {truth.shape}: "
            "compare label images of one and the same image."
        )
    return ImageScore(
        name,
        iou(truth > 0, pred > 0),
        dice(truth > 0, pred > 0),
        average_precision(truth, pred, 0.5),
        _n_labels(truth),
        _n_labels(pred),
    )


def evaluate_folders(pred: Path, truth: Path) -> Work[Evaluation]:
    """Measure every label image of a folder against the one of its name in another.

    Files belong together when their names without suffix are equal, so ``a.tif`` is measured
    against ``a.png``. Probability maps (``*_probabilities.tif``) are left out.

    Parameters
    ----------
    pred, truth : pathlib.Path
        Folders of label images.

    Yields
    ------
    Progress or Notice

    Returns
    -------
    Evaluation

    Raises
    ------
    ImageError
        If a folder is missing, a file can't be read, shapes differ, or no name is shared.
    """
    pred_files, truth_files = label_files(pred), label_files(truth)
    shared = sorted(pred_files.keys() & truth_files.keys())
    if not shared:
        raise ImageError(
            f"No file of {pred} has the name of one in {truth}: "
            "name predictions as their truth, for example a.tif and a.png."
        )
    lonely_truth = tuple(sorted(truth_files.keys() - pred_files.keys()))
    lonely_pred = tuple(sorted(pred_files.keys() - truth_files.keys()))
    for names, lacks in ((lonely_truth, "no prediction"), (lonely_pred, "no truth")):
        if names:
            yield Notice(f"Left out, because there is {lacks}: {_enumerate(names)}.")
    scores = []
    for done, name in enumerate(shared, start=1):
        scores.append(score_labels(read_mask(truth_files[name]), read_mask(pred_files[name]), name))
        yield Progress("comparing", done, len(shared))
    return Evaluation(tuple(scores), lonely_truth, lonely_pred)


def label_files(folder: Path) -> dict[str, Path]:
    """Label images of a folder by the stem of their names.

    Raises
    ------
    ImageError
        If there is no such folder, or two files have one stem.
    """
    if not folder.is_dir():
        raise ImageError(f"There is no folder {folder}: give a folder of label images.")
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        is_labels = path.suffix.lower() in LABEL_SUFFIXES and path.is_file()
        if not is_labels or path.stem.endswith(PROBABILITIES_SUFFIX):
            continue
        if path.stem in found:
            raise ImageError(
                f"{folder} holds both {found[path.stem].name} and {path.name}: keep one of them."
            )
        found[path.stem] = path
    return found


def _n_labels(labels: np.ndarray) -> int:
    return int(np.count_nonzero(np.unique(labels)))


def _enumerate(names: tuple[str, ...]) -> str:
    rest = len(names) - _NAMES_SHOWN
    shown = ", ".join(names[:_NAMES_SHOWN])
    return f"{shown} and {rest} more" if rest > 0 else shown
