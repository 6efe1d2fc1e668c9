"""Proposals as they are kept in a project: numbered, and never changed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd
import tifffile

from napari_vlseg.corrections.documents import damage_told, encode_document, read_document
from napari_vlseg.corrections.journal import Journal
from napari_vlseg.corrections.people import clock
from napari_vlseg.corrections.records import ImageRecord
from napari_vlseg.corrections.tables import decode_table, encode_table
from napari_vlseg.errors import ProjectError, PromptError
from napari_vlseg.files import atomic_path, file_sha256
from napari_vlseg.ome import write_labels
from napari_vlseg.prompts import PromptTable
from napari_vlseg.proposals import ModelInfo, PostProcess, Proposals

KIND = "proposals"
FOLDER_NAME = "proposals"

_WHAT = "save_proposals"

S = TypeVar("S", ModelInfo, PostProcess)


@dataclass(frozen=True, eq=False)
class StoredProposal:
    """What a model said about one plane, read back from a project.

    Attributes
    ----------
    id : str
        Number in the order of saving, "0001" the first.
    index : tuple of int
        Position of the plane on each leading axis of the image; empty for a 2D image.
    created : str
        Time in UTC, ISO 8601.
    classes, thresholds, postprocess, prompts, model, working_scale, edges, notices, objects
        As in `napari_vlseg.proposals.Proposals`.
    path : Path
        The document; the label image and the probabilities lie beside it.
    """

    id: str
    index: tuple[int, ...]
    created: str
    classes: tuple[str, ...]
    thresholds: tuple[float, ...]
    postprocess: PostProcess
    prompts: PromptTable
    model: ModelInfo
    working_scale: float
    edges: bool
    notices: tuple[str, ...]
    objects: pd.DataFrame
    path: Path
    _labels: Mapping[str, Any]
    _probabilities: Mapping[str, Any] | None

    @property
    def has_probabilities(self) -> bool:
        """Whether the probabilities were saved too."""
        return self._probabilities is not None

    def load_labels(self) -> np.ndarray:
        """The proposed labels, shape (H, W), bit for bit and of the type they had.

        Raises
        ------
        ProjectError
            If the file is missing or was changed.
        """
        path = _verified(self.path, self._labels)
        with damage_told(self.path):
            labels = tifffile.imread(path).reshape(self._labels["shape"])
            return labels.astype(self._labels["dtype"])

    def load(self) -> Proposals:
        """The whole proposal, to set thresholds again without the model.

        The probabilities were rounded to float16 when they were saved.

        Raises
        ------
        ProjectError
            If the probabilities were not saved, or a file is missing or was changed.
        """
        if self._probabilities is None:
            raise ProjectError(
                f"Proposal {self.id} was saved without probabilities: "
                "segment the image again to set its thresholds."
            )
        path = _verified(self.path, self._probabilities)
        with damage_told(path), np.load(path, allow_pickle=False) as arrays:
            probabilities = arrays["probabilities"].astype(np.float32)
            disagreement = arrays.get("disagreement")
        return Proposals(
            self.load_labels(),
            probabilities,
            self.classes,
            self.objects.copy(),
            self.thresholds,
            self.postprocess,
            self.prompts,
            self.model,
            self.working_scale,
            self.notices,
            self.edges,
            disagreement=disagreement,
        )


def write_proposals(
    folder: Path,
    record: ImageRecord,
    proposals: Proposals,
    index: Sequence[int],
    keep_probabilities: bool,
    journal: Journal,
) -> str:
    """Write proposals under the next number; see `ImageEntry.save_proposals`."""
    objects = encode_table(proposals.objects)
    with journal.locked(folder):
        folder.mkdir(exist_ok=True)
        number = _next_number(folder)
        labels = folder / f"{number}.tif"
        with atomic_path(labels) as temporary:
            write_labels(
                temporary,
                proposals.labels,
                name=record.name,
                pixel_size=record.pixel_size,
                unit=record.unit,
            )
            journal.announce(_WHAT, labels, file_sha256(temporary), image=record.id)
        written = [labels]
        if keep_probabilities:
            written.append(labels.with_suffix(".npz"))
            with atomic_path(written[-1]) as temporary:
                _write_maps(temporary, proposals)
                journal.announce(_WHAT, written[-1], file_sha256(temporary), image=record.id)
        body = _to_dict(proposals, index, *map(_signed, written))
        # Last, because the document is what makes the proposal exist.
        document = encode_document(KIND, {"id": number, **body, **objects})
        journal.write(_WHAT, labels.with_suffix(".json"), document, image=record.id)
    return number


def read_proposals(path: Path) -> StoredProposal:
    """Read one document that `write_proposals` wrote.

    Raises
    ------
    ProjectError
        If it is missing or damaged.
    """
    data = read_document(path, KIND)
    with damage_told(path):
        try:
            prompts = PromptTable.from_json(json.dumps(data["prompts"]))
        except PromptError as failure:
            raise ProjectError(f"The prompts in “{path}” can't be read: {failure}") from failure
        return StoredProposal(
            str(data["id"]),
            tuple(int(position) for position in data["index"]),
            str(data["created"]),
            tuple(data["classes"]),
            tuple(float(threshold) for threshold in data["thresholds"]),
            _known_fields(PostProcess, data["postprocess"]),
            prompts,
            _known_fields(ModelInfo, data["model"]),
            float(data["working_scale"]),
            bool(data.get("edges", False)),
            tuple(data["notices"]),
            decode_table(data),
            path,
            dict(data["labels"]),
            None if data["probabilities"] is None else dict(data["probabilities"]),
        )


def _write_maps(path: Path, proposals: Proposals) -> None:
    probabilities = proposals.probabilities.astype(np.float16)
    if proposals.disagreement is None:
        np.savez_compressed(path, probabilities=probabilities)
    else:
        disagreement = proposals.disagreement
        np.savez_compressed(path, probabilities=probabilities, disagreement=disagreement)


def _to_dict(
    proposals: Proposals,
    index: Sequence[int],
    labels: dict[str, str],
    probabilities: dict[str, str] | None = None,
) -> dict[str, Any]:
    shape, dtype = list(proposals.labels.shape), proposals.labels.dtype.name
    return {
        "index": [int(position) for position in index],
        "created": clock()(),
        "labels": {**labels, "shape": shape, "dtype": dtype},
        "probabilities": probabilities,
        "classes": list(proposals.classes),
        "thresholds": [float(threshold) for threshold in proposals.thresholds],
        "postprocess": asdict(proposals.postprocess),
        "model": asdict(proposals.model),
        "working_scale": float(proposals.working_scale),
        "edges": bool(proposals.edges),
        "notices": list(proposals.notices),
        "prompts": json.loads(proposals.prompts.to_json()),
    }


def _next_number(folder: Path) -> str:
    taken = [int(path.stem) for path in folder.iterdir() if path.stem.isdecimal()]
    return f"{max(taken, default=0) + 1:04d}"


def _signed(path: Path) -> dict[str, str]:
    return {"file": path.name, "sha256": file_sha256(path)}


def _verified(document: Path, signed: Mapping[str, Any]) -> Path:
    with damage_told(document):
        path, sha256 = document.with_name(signed["file"]), signed["sha256"]
    if file_sha256(path) != sha256:
        raise ProjectError(f"“{path}” was changed after it was saved: put it back from a backup.")
    return path


def _known_fields(kind: type[S], data: Mapping[str, Any]) -> S:
    return kind(**{field.name: data[field.name] for field in fields(kind) if field.name in data})
