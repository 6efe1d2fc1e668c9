"""What a model proposes for one plane, kept so that it can be thresholded again and traced."""

from __future__ import annotations

import math
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
import pandas as pd

from napari_vlseg.errors import SettingsError
from napari_vlseg.prompts import PromptTable

OBJECT_COLUMNS = (
    "object_uid",
    "label",
    "class",
    "score",
    "area",
    "prompt",
    "model",
    "threshold",
    "status",
    "source",
    "uncertainty",
    "weights_sha256",
    "proposal",
    "created_by",
    "created_at",
    "modified_by",
    "modified_at",
    "n_edits",
    "edit_seconds",
    "iou_proposal_final",
    "comment",
)
"""Columns of the table of objects, one row per label value.

``object_uid``: opaque id; ``label``: value in the label image; ``class``: class name;
``score``: mean probability of the class on the object; ``area``: pixels; ``prompt``:
`ClassPrompt.describe`; ``model``: name@revision; ``threshold``: probability used;
``status``: proposed, accepted, edited, rejected or flagged; ``source``: auto, semi-auto or
manual; ``uncertainty``: from 0 to 1, how far the model is from sure of the object, nan where no
map says; ``weights_sha256``: `ModelInfo.hashes` of the model; ``proposal``: number of the proposal
in the project that the object came with; ``created_by``, ``modified_by``: opaque ids of people;
``created_at``, ``modified_at``: UTC in ISO 8601; ``n_edits``: edits that changed it, undone ones
left out; ``edit_seconds``: time that a person gave it; ``iou_proposal_final``: IoU with what was
proposed, nan where nothing was or it was not computed yet; ``comment``: a person's words. Text
is empty where nothing is known.
"""

_COLUMN_TYPES: Mapping[str, str] = MappingProxyType(
    dict.fromkeys(("label", "area", "n_edits"), "int64")
    | dict.fromkeys(
        ("score", "threshold", "uncertainty", "edit_seconds", "iou_proposal_final"), "float64"
    )
)
"""Types of the columns that are no text."""

_NUMBER_IF_UNKNOWN: Mapping[str, float] = MappingProxyType(
    {"label": 0, "area": 0, "n_edits": 0, "edit_seconds": 0.0}
)
"""Numbers where nothing is known; nan in the others."""

OUTLINE_COLUMNS = ("refine_score", "outline")
"""Further columns where a click model drew the outlines, and ``model`` names both models.

``refine_score``: IoU that the click model predicts for its outline, NaN where its answer was
not taken; ``outline``: name of the model whose outline an object has.
"""


MODES = ("instances", "semantic")
SPLITS = ("watershed", "components")


@dataclass(frozen=True)
class ModelInfo:
    """Which model made a proposal.

    Attributes
    ----------
    name : str
        Registry name or folder.
    revision : str
        Hub commit, or the first 12 digits of the weights' hash.
    weights_sha256 : str
        Hash of the weights file.
    device : str
        Where it ran: "cpu", "cuda:0", "mps".
    precision : str
        "float32", "bfloat16" or "float16".
    adapter_sha256 : str
        Hash of the adapter that fine-tuning made; empty for a model as it was published.
    """

    name: str
    revision: str = ""
    weights_sha256: str = ""
    device: str = "cpu"
    precision: str = "float32"
    adapter_sha256: str = ""

    def __str__(self) -> str:
        return f"{self.name}@{self.revision}" if self.revision else self.name

    @property
    def hashes(self) -> str:
        """Hash of the weights, and behind a colon that of an adapter where there is one."""
        return ":".join(filter(None, (self.weights_sha256, self.adapter_sha256)))


@dataclass(frozen=True)
class PostProcess:
    """How a probability map becomes labels; changing it never runs the model.

    Attributes
    ----------
    mode : {"instances", "semantic"}
        One label per object, or one per class (1 is the first class).
    split : {"watershed", "components"}
        How instances are told apart.
    min_size : int
        Objects of fewer pixels are dropped.
    fill_holes : bool
        Whether holes inside an object are filled.
    smoothing : float
        Gaussian sigma in pixels, applied to the probabilities; 0 leaves them.

    Raises
    ------
    SettingsError
        If a value is none of these.
    """

    mode: str = "instances"
    split: str = "watershed"
    min_size: int = 16
    fill_holes: bool = True
    smoothing: float = 0.0

    def __post_init__(self) -> None:
        for name, value, valid in (("mode", self.mode, MODES), ("split", self.split, SPLITS)):
            if value not in valid:
                raise SettingsError(
                    f"The {name} “{value}” is unknown: choose {' or '.join(valid)}."
                )
        if self.min_size < 0:
            raise SettingsError(f"The minimum size is {self.min_size}: choose 0 or more pixels.")
        if not 0 <= self.smoothing < math.inf:
            raise SettingsError(f"The smoothing is {self.smoothing:g}: choose 0 or more pixels.")


@dataclass(frozen=True, eq=False)
class Proposals:
    """Labels that a model proposes for one plane, with everything needed to redo them.

    Attributes
    ----------
    labels : numpy.ndarray, shape (H, W), int32
        0 is background. Instance numbers, or 1 + class index when semantic.
    probabilities : numpy.ndarray, shape (n_classes, H, W), float32 in [0, 1]
        In the order of `classes`, negatives already subtracted (a pixel that suits a
        negative phrase better is 0). Kept until the prompts change.
    classes : tuple of str
    objects : pandas.DataFrame
        One row per label, see `OBJECT_COLUMNS`.
    thresholds : tuple of float
        In the order of `classes`.
    postprocess : PostProcess
    prompts : PromptTable
    model : ModelInfo
    working_scale : float
        Image pixels per model pixel that the model worked at.
    notices : tuple of str
        What the person should know: words outside the vocabulary, memory fallbacks.
    edges : bool
        Whether the probabilities follow the edges of the image.
    refined_by : ModelInfo or None
        The click model that drew the outlines of `labels`. The probabilities are not its own.
    disagreement : numpy.ndarray, shape (n_classes, H, W), float16 in [0, 1], or None
        How far apart the probabilities by text alone and by references alone are; 0 for
        classes that were asked for in one way only, None where all were.
    """

    labels: np.ndarray
    probabilities: np.ndarray
    classes: tuple[str, ...]
    objects: pd.DataFrame
    thresholds: tuple[float, ...]
    postprocess: PostProcess
    prompts: PromptTable
    model: ModelInfo
    working_scale: float = 1.0
    notices: tuple[str, ...] = field(default=())
    edges: bool = False
    refined_by: ModelInfo | None = None
    disagreement: np.ndarray | None = None


def empty_objects() -> pd.DataFrame:
    """A table of objects without rows, with the columns and types of a full one."""
    types = {name: _COLUMN_TYPES.get(name, "object") for name in OBJECT_COLUMNS}
    return pd.DataFrame({name: pd.Series(dtype=dtype) for name, dtype in types.items()})


def completed(objects: pd.DataFrame) -> pd.DataFrame:
    """The table with every column of `OBJECT_COLUMNS`, those of earlier versions too.

    Parameters
    ----------
    objects : pandas.DataFrame
        Columns may be missing, and so may cells of rows that were put together.

    Returns
    -------
    pandas.DataFrame
        A new table: `OBJECT_COLUMNS` first and in order, then all other columns as they are.
        What was missing is empty text, 0 for counts and seconds, and nan for other numbers.
    """
    known = {
        name: _completed_column(name, objects[name])
        if name in objects
        else pd.Series(_if_unknown(name), objects.index, _COLUMN_TYPES.get(name, "object"))
        for name in OBJECT_COLUMNS
    }
    further = {name: objects[name] for name in objects if name not in known}
    return pd.DataFrame(known | further, index=objects.index)


def _completed_column(name: str, cells: pd.Series) -> pd.Series:
    if isinstance(cells.dtype, pd.CategoricalDtype):
        return cells
    missing = cells.isna()
    if missing.any():
        cells = cells.astype("object").where(~missing, _if_unknown(name))
    return cells.astype(np.dtype(_COLUMN_TYPES.get(name, "object")))


def _if_unknown(name: str) -> float | str:
    return _NUMBER_IF_UNKNOWN.get(name, math.nan) if name in _COLUMN_TYPES else ""


def new_uid() -> str:
    """An opaque id for an object, unique across projects."""
    return uuid.uuid4().hex
