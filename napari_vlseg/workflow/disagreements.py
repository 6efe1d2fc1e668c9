"""Objects that two annotators see differently, as a queue to go through."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from napari_vlseg.corrections.store import ImageEntry
from napari_vlseg.errors import ProjectError
from napari_vlseg.files import atomic_write_text, reading, writing
from napari_vlseg.metrics import Matching, Overlaps
from napari_vlseg.workflow.label_boxes import boxes_of
from napari_vlseg.workflow.project_pairs import Annotation

KINDS = ("missed by B", "missed by A", "class differs", "outline differs")
FORMAT, VERSION = "napari-vlseg-queue", 1

_SEPARATOR = " "


@dataclass(frozen=True)
class Disagreement:
    """One object, or pair of objects, to be looked at again.

    Attributes
    ----------
    kind : str
        One of `KINDS`. Where class and outline differ it is the class.
    image, image_b : str
        Ids of the image in both projects.
    name : str
        Of the image.
    uids, uids_b : tuple of str
        Objects by A and by B that it is about; empty for the one who missed it.
    plane : tuple of int
        Position on the leading axes of the plane in the middle of the object.
    bbox : tuple of int
        (row0, col0, row1, col1) in pixels, the end excluded.
    iou : float
        Of the pair; of an object that was missed the largest with any object of the other.
    class_a, class_b : str
        Classes, empty for the one who missed it.
    """

    kind: str
    image: str
    image_b: str
    name: str
    uids: tuple[str, ...]
    uids_b: tuple[str, ...]
    plane: tuple[int, ...]
    bbox: tuple[int, int, int, int]
    iou: float
    class_a: str
    class_b: str

    @property
    def reason(self) -> str:
        """The disagreement in a few words."""
        if self.kind == "class differs":
            return f"A says {self.class_a}, B says {self.class_b}"
        if self.kind == "outline differs":
            return f"outlines differ: IoU {self.iou:.2f}"
        near = f", IoU {self.iou:.2f} with the nearest" if self.iou else ""
        return f"{self.kind}{near}"


def find_disagreements(
    first: tuple[ImageEntry, Annotation],
    second: tuple[ImageEntry, Annotation],
    found: Overlaps,
    matching: Matching,
    same_outline: float,
) -> list[Disagreement]:
    """What two annotations of one image differ in.

    Parameters
    ----------
    first, second : tuple of ImageEntry and Annotation
        By A and by B.
    found : Overlaps
        Of A's labels and B's.
    matching : Matching
        Made of them.
    same_outline : float
        IoU from which the outlines of a pair agree.

    Returns
    -------
    list of Disagreement
        Missed by B, missed by A, then pairs by their IoU; the lowest first.
    """
    (entry_a, a), (entry_b, b) = first, second
    nearest_a = _nearest(found.truth_labels, found.ious)
    nearest_b = _nearest(found.pred_labels, found.ious)
    draft = _Draft(entry_a, entry_b, a, b)
    missed_by_b = [
        draft.of(label, None, nearest_a.get(label, 0.0))
        for label in _unmatched(a, matching.truth_labels)
    ]
    missed_by_a = [
        draft.of(None, label, nearest_b.get(label, 0.0))
        for label in _unmatched(b, matching.pred_labels)
    ]
    pairs = zip(
        matching.truth_labels.tolist(),
        matching.pred_labels.tolist(),
        matching.ious.tolist(),
        strict=True,
    )
    differing = [
        draft.of(*pair)
        for pair in sorted(pairs, key=lambda pair: pair[2])
        if pair[2] < same_outline or a.class_of(pair[0]) != b.class_of(pair[1])
    ]
    return [*missed_by_b, *missed_by_a, *differing]


class _Draft:
    """Makes disagreements of one image; boxes are looked up once."""

    def __init__(
        self, entry_a: ImageEntry, entry_b: ImageEntry, a: Annotation, b: Annotation
    ) -> None:
        self._entries = entry_a, entry_b
        self._a, self._b = a, b
        self._boxes: dict[int, Mapping[int, tuple[slice, ...]]] = {}

    def of(self, label: int | None, label_b: int | None, iou: float) -> Disagreement:
        """About an object of A, one of B, or a pair."""
        a, b = self._a, self._b
        class_a = "" if label is None else a.class_of(label)
        class_b = "" if label_b is None else b.class_of(label_b)
        if label is None or label_b is None:
            kind = "missed by A" if label is None else "missed by B"
        else:
            kind = "outline differs" if class_a == class_b else "class differs"
        plane, bbox = self._place(label, label_b)
        return Disagreement(
            kind,
            self._entries[0].id,
            self._entries[1].id,
            self._entries[0].name,
            () if label is None else (a.uid_of(label),),
            () if label_b is None else (b.uid_of(label_b),),
            plane,
            bbox,
            float(iou),
            class_a,
            class_b,
        )

    def _place(
        self, label: int | None, label_b: int | None
    ) -> tuple[tuple[int, ...], tuple[int, int, int, int]]:
        """Plane and box of an object of A, or of B where A has none."""
        which, value = (1, label_b) if label is None else (0, label)
        labels = (self._a, self._b)[which].labels
        if which not in self._boxes:
            self._boxes[which] = boxes_of(labels)
        box = self._boxes[which][value or 0]
        inside = np.argwhere(labels[box] == value)
        middle = inside[len(inside) // 2]
        plane = tuple(
            side.start + int(position) for side, position in zip(box[:-2], middle, strict=False)
        )
        rows, cols = box[-2:]
        return plane, (rows.start, cols.start, rows.stop, cols.stop)


def write_queue(
    folder: Path, disagreements: Sequence[Disagreement], projects: Sequence[Mapping[str, str]]
) -> tuple[Path, Path]:
    """Write ``disagreements.json`` and ``disagreements.csv``.

    Parameters
    ----------
    folder : Path
        Made if missing.
    disagreements : sequence of Disagreement
    projects : sequence of mapping
        ``path`` and ``project_uid`` of A and of B.

    Raises
    ------
    ProjectError
        If it can't be written.
    """
    rows = [{**asdict(one), "reason": one.reason} for one in disagreements]
    head = {"format": FORMAT, "version": VERSION, "projects": list(projects)}
    lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    text = f'{json.dumps(head, ensure_ascii=False)[:-1]}, "rows": [\n{lines}\n]}}\n'
    paths = folder / "disagreements.json", folder / "disagreements.csv"
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    atomic_write_text(paths[0], text)
    atomic_write_text(paths[1], _as_csv(rows))
    return paths


def read_queue(path: Path | str) -> tuple[Disagreement, ...]:
    """Read what `write_queue` wrote; the paths of its projects are in the file.

    Raises
    ------
    ProjectError
        If it is missing or no queue.
    """
    path = Path(path)
    with reading(path):
        data = path.read_bytes()
    try:
        document = json.loads(data)
        if document["format"] != FORMAT or document["version"] > VERSION:
            raise ValueError(document["format"])
        return tuple(_from_row(row) for row in document["rows"])
    except (ValueError, KeyError, TypeError) as failure:
        raise ProjectError(
            f"“{path}” is no list of disagreements that this version can read: make it with "
            "napari-vlseg compare."
        ) from failure


def _from_row(row: Mapping[str, Any]) -> Disagreement:
    known = {part.name: row[part.name] for part in fields(Disagreement)}
    tuples = {name: tuple(value) for name, value in known.items() if isinstance(value, list)}
    return Disagreement(**(known | tuples))


def _as_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    text = io.StringIO()
    names = [*(part.name for part in fields(Disagreement)), "reason"]
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _cell(row[name]) for name in names})
    return text.getvalue()


def _cell(value: Any) -> Any:
    return _SEPARATOR.join(map(str, value)) if isinstance(value, tuple) else value


def _nearest(labels: np.ndarray, ious: np.ndarray) -> dict[int, float]:
    """Largest IoU of each label."""
    order = np.argsort(ious, kind="stable")
    return dict(zip(labels[order].tolist(), ious[order].tolist(), strict=True))


def _unmatched(annotation: Annotation, matched: np.ndarray) -> Iterator[int]:
    there = set(matched.tolist())
    return (label for label in annotation.objects.index.tolist() if label not in there)
