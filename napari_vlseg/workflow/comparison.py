"""How far two annotators of the same images agree, object by object."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from napari_vlseg.corrections.store import ImageEntry, Project
from napari_vlseg.events import Notice, Progress, Work
from napari_vlseg.metrics import overlaps, pair_up
from napari_vlseg.workflow.disagreements import Disagreement, find_disagreements
from napari_vlseg.workflow.project_pairs import (
    Annotation,
    open_all,
    project_uid,
    read_annotation,
    shared_images,
)

LEVEL, STRICT_LEVEL = 0.5, 0.75
"""IoU from which two objects are the same one, and from which their outlines agree."""


@dataclass
class Agreement:
    """Counts of objects of two annotators A and B; several can be added up.

    Attributes
    ----------
    n_a, n_b : int
        Objects.
    matched, matched_strictly : int
        Pairs of an IoU of at least `LEVEL`, and of at least `STRICT_LEVEL`.
    dice_sum : float
        Of the Dice coefficients of the matched pairs.
    """

    n_a: int = 0
    n_b: int = 0
    matched: int = 0
    matched_strictly: int = 0
    dice_sum: float = 0.0

    def add(self, other: Agreement) -> None:
        """Add the counts of another one."""
        for part in fields(Agreement):
            setattr(self, part.name, getattr(self, part.name) + getattr(other, part.name))

    @property
    def f1(self) -> float:
        """F1 of objects at `LEVEL`: 2 matched / (n_a + n_b); 1 where there is none."""
        return _f1(self.matched, self.n_a + self.n_b)

    @property
    def f1_strict(self) -> float:
        """The same at `STRICT_LEVEL`."""
        return _f1(self.matched_strictly, self.n_a + self.n_b)

    @property
    def dice(self) -> float | None:
        """Mean Dice coefficient of matched pairs; None where there is no pair."""
        return self.dice_sum / self.matched if self.matched else None

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "n_a": self.n_a,
            "n_b": self.n_b,
            "matched": self.matched,
            "f1_50": self.f1,
            "f1_75": self.f1_strict,
            "matched_dice": self.dice,
        }


@dataclass
class ImageAgreement:
    """Two annotators on one image, or on several that were added up.

    Attributes
    ----------
    name : str
    overall : Agreement
        Whatever the classes.
    classes : dict of str to Agreement
        Objects of one class by A against those of the same class by B.
    class_pairs : Counter of (str, str)
        Classes by A and by B of the matched pairs.
    """

    name: str
    overall: Agreement = field(default_factory=Agreement)
    classes: dict[str, Agreement] = field(default_factory=lambda: defaultdict(Agreement))
    class_pairs: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, other: ImageAgreement) -> None:
        """Add the counts of another one."""
        self.overall.add(other.overall)
        for name, agreement in other.classes.items():
            self.classes[name].add(agreement)
        self.class_pairs.update(other.class_pairs)

    @property
    def kappa(self) -> float | None:
        """Cohen's kappa of the classes of matched pairs; None where chance alone explains all.

        J. Cohen, "A coefficient of agreement for nominal scales", 1960.
        """
        total = self.class_pairs.total()
        if not total:
            return None
        by_a, by_b = Counter[str](), Counter[str]()
        for (a, b), number in self.class_pairs.items():
            by_a[a] += number
            by_b[b] += number
        equal = sum(number for (a, b), number in self.class_pairs.items() if a == b) / total
        by_chance = sum(by_a[name] * by_b[name] for name in by_a) / total**2
        return None if by_chance == 1 else (equal - by_chance) / (1 - by_chance)

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        classes = {name: self.classes[name].to_dict() for name in sorted(self.classes)}
        parts = {**self.overall.to_dict(), "class_kappa": self.kappa, "classes": classes}
        return {"name": self.name, **parts}


@dataclass(frozen=True)
class Comparison:
    """Two projects on the same images.

    Attributes
    ----------
    a, b : str
        Their folders.
    uids : tuple of str
        Their opaque ids.
    images : tuple of ImageAgreement
    overall : ImageAgreement
        All images added up.
    disagreements : tuple of Disagreement
        To be reviewed, image by image.
    """

    a: str
    b: str
    uids: tuple[str, str]
    images: tuple[ImageAgreement, ...]
    overall: ImageAgreement
    disagreements: tuple[Disagreement, ...]

    def to_dict(self) -> dict[str, Any]:
        """JSON form, without the disagreements themselves."""
        kinds = Counter(one.kind for one in self.disagreements)
        return {
            "a": self.a,
            "b": self.b,
            "images": [image.to_dict() for image in self.images],
            "overall": self.overall.to_dict(),
            "disagreements": dict(sorted(kinds.items())),
        }


def compare_projects(folders: Sequence[Path | str]) -> Work[tuple[Comparison, ...]]:
    """Compare the corrected labels of projects on the same images, each pair of projects.

    Objects are paired one to one at an IoU of at least `LEVEL`, as many as possible; rejected
    ones do not count. Stacks are compared as they are, in three dimensions or more.

    Parameters
    ----------
    folders : sequence of Path or str
        Two projects or more.

    Yields
    ------
    Progress or Notice

    Returns
    -------
    tuple of Comparison
        For each pair, in the order of the folders.

    Raises
    ------
    ProjectError
        If a project can't be read, or they share no image.
    """
    projects = open_all(folders)
    rows = yield from shared_images(projects)
    pairs = list(combinations(range(len(projects)), 2))
    done: dict[tuple[int, int], list[tuple[ImageAgreement, list[Disagreement]]]]
    done = {pair: [] for pair in pairs}
    for number, row in enumerate(rows, start=1):
        read = [None if entry is None else (entry, read_annotation(entry)) for entry in row]
        for first, second in pairs:
            a, b = read[first], read[second]
            if a is None or b is None:
                continue
            if a[1].labels.shape != b[1].labels.shape:
                yield _of_other_shape(a[0], a[1], b[1])
            else:
                done[first, second].append(compare_images(*a, *b))
        yield Progress("comparing", number, len(rows))
    return tuple(
        _comparison(projects[first], projects[second], images)
        for (first, second), images in done.items()
    )


def compare_images(
    entry_a: ImageEntry, a: Annotation, entry_b: ImageEntry, b: Annotation
) -> tuple[ImageAgreement, list[Disagreement]]:
    """Compare two annotations of one image, of equal shapes."""
    found = overlaps(a.labels, b.labels)
    matching = pair_up(found, LEVEL)
    result = ImageAgreement(entry_a.name)
    result.overall = _count(len(a.objects), len(b.objects), matching.ious)
    pairs = [
        (a.class_of(first), b.class_of(second))
        for first, second in zip(
            matching.truth_labels.tolist(), matching.pred_labels.tolist(), strict=True
        )
    ]
    result.class_pairs.update(pairs)
    of_a = Counter(a.class_of(label) for label in a.objects.index)
    of_b = Counter(b.class_of(label) for label in b.objects.index)
    for name in sorted(of_a.keys() | of_b.keys()):
        same = np.array([pair == (name, name) for pair in pairs], bool)
        result.classes[name] = _count(of_a[name], of_b[name], matching.ious[same])
    return result, find_disagreements((entry_a, a), (entry_b, b), found, matching, STRICT_LEVEL)


def _count(n_a: int, n_b: int, ious: np.ndarray) -> Agreement:
    strictly = int(np.count_nonzero(ious >= STRICT_LEVEL))
    dice_sum = float(np.sum(2 * ious / (1 + ious)))
    return Agreement(n_a, n_b, len(ious), strictly, dice_sum)


def _comparison(
    a: Project, b: Project, images: Iterable[tuple[ImageAgreement, list[Disagreement]]]
) -> Comparison:
    overall = ImageAgreement("all images")
    agreements, disagreements = [], []
    for agreement, differing in images:
        overall.add(agreement)
        agreements.append(agreement)
        disagreements += differing
    uids = (project_uid(a), project_uid(b))
    return Comparison(
        str(a.folder), str(b.folder), uids, tuple(agreements), overall, tuple(disagreements)
    )


def _of_other_shape(entry: ImageEntry, a: Annotation, b: Annotation) -> Notice:
    return Notice(
        f"Left out: the labels of “{entry.name}” have shape {a.labels.shape} in one project and "
        f"{b.labels.shape} in another."
    )


def _f1(matched: int, every: int) -> float:
    return 2 * matched / every if every else 1.0
