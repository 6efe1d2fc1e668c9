"""Several annotators' projects on the same images made into one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd

from napari_vlseg.corrections.copying import add_copy
from napari_vlseg.corrections.people import annotator_id
from napari_vlseg.corrections.store import ImageEntry, Project
from napari_vlseg.errors import ProjectError, SettingsError
from napari_vlseg.events import Progress, Work
from napari_vlseg.files import atomic_folder, reading
from napari_vlseg.proposals import completed, empty_objects
from napari_vlseg.workflow.project_pairs import (
    Annotation,
    open_all,
    project_uid,
    read_annotation,
    shared_images,
)
from napari_vlseg.workflow.voting import JoinPolicy, Voted, join_labels

VOTES, JOINED_FROM = "votes", "joined_from"
"""Columns of joined objects: how many annotators drew it, and which objects it was made of, as
``project/object`` ids with spaces between."""


@dataclass(frozen=True)
class JoinedImage:
    """What became of one image.

    Attributes
    ----------
    name : str
    annotators : int
        Projects that have labels of it.
    objects : int
        In the joined project.
    agreed : int
        Those that all annotators of the image drew.
    left_out : int
        Objects that the policy, or lack of room, left out.
    """

    name: str
    annotators: int
    objects: int
    agreed: int
    left_out: int

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return asdict(self)


def join_projects(
    folders: Sequence[Path | str], out: Path | str, policy: JoinPolicy = "agree"
) -> Work[tuple[JoinedImage, ...]]:
    """Make a project of several on the same images; the several stay as they are.

    Objects are told to be the same and outlined as in `napari_vlseg.workflow.voting`. A joined
    object keeps the row, and so the id and the history, that it has with the first annotator
    who drew it; its class is the one that most of them gave it, of equals the earliest. The
    columns `VOTES` and `JOINED_FROM` are added.

    Parameters
    ----------
    folders : sequence of Path or str
        Two projects or more.
    out : Path or str
        A new or empty folder.
    policy : {"agree", "first", "union", "majority"}
        See `napari_vlseg.workflow.voting.JoinPolicy`.

    Yields
    ------
    Progress or Notice

    Returns
    -------
    tuple of JoinedImage

    Raises
    ------
    ProjectError
        If a project can't be read, they share no image, labels of one image have several
        shapes, or the new project can't be written.
    SettingsError
        If the policy is unknown.
    """
    if policy not in get_args(JoinPolicy):
        valid = ", ".join(get_args(JoinPolicy))
        raise SettingsError(f"The policy “{policy}” is unknown: choose one of {valid}.")
    projects = open_all(folders)
    rows = yield from shared_images(projects)
    uids = [project_uid(project) for project in projects]
    out = _free(Path(out).absolute())
    done = []
    with atomic_folder(out) as folder:
        joined = Project.create(folder, annotator=annotator_id())
        for number, row in enumerate(rows, start=1):
            pairs = zip(row, uids, strict=True)
            present = [(entry, uid) for entry, uid in pairs if entry is not None]
            done.append(_join_image(joined, present, policy))
            yield Progress("joining", number, len(rows))
    return tuple(done)


def _free(out: Path) -> Path:
    with reading(out):
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise ProjectError(f"“{out}” is there already: choose a new or empty folder.")
    return out


def _join_image(
    joined: Project, present: Sequence[tuple[ImageEntry, str]], policy: JoinPolicy
) -> JoinedImage:
    annotations = [read_annotation(entry) for entry, _ in present]
    name = present[0][0].name
    shapes = sorted({annotation.labels.shape for annotation in annotations})
    if len(shapes) > 1:
        raise ProjectError(
            f"The labels of “{name}” have shape {shapes[0]} in one project and {shapes[1]} in "
            "another: join projects whose labels have one shape."
        )
    labels, objects = join_labels([annotation.labels for annotation in annotations], policy)
    table = _table(labels, objects, annotations, [uid for _, uid in present])
    _copied(joined, present[0][0]).save_labels(labels, table)
    used = sum(len(one.members) for one in objects)
    return JoinedImage(
        name,
        len(present),
        len(objects),
        sum(len(one.members) == len(present) for one in objects),
        sum(len(annotation.objects) for annotation in annotations) - used,
    )


def _table(
    labels: np.ndarray,
    objects: Sequence[Voted],
    annotations: Sequence[Annotation],
    uids: Sequence[str],
) -> pd.DataFrame:
    if not objects:
        table = empty_objects()
        table[VOTES], table[JOINED_FROM] = np.array([], np.int64), ""
        return table
    values, counts = np.unique(labels, return_counts=True)
    areas = dict(zip(values.tolist(), counts.tolist(), strict=True))
    rows = [
        {**_row(one.members, annotations, uids), "label": one.label, "area": areas[one.label]}
        for one in objects
    ]
    return completed(pd.DataFrame(rows))


def _row(
    members: Mapping[int, int], annotations: Sequence[Annotation], uids: Sequence[str]
) -> dict[str, Any]:
    place, label = next(iter(members.items()))
    votes = Counter(annotations[place].class_of(label) for place, label in members.items())
    (name, most), *_ = votes.most_common(1)
    row = annotations[place].row_of(label)
    is_own = votes[annotations[place].class_of(label)] == most
    return {
        **row,
        "class": row["class"] if is_own else name,
        VOTES: len(members),
        JOINED_FROM: " ".join(
            f"{uids[place]}/{annotations[place].uid_of(label)}" for place, label in members.items()
        ),
    }


def _copied(joined: Project, entry: ImageEntry) -> ImageEntry:
    """The image in the joined project: referred to where it has a file, else with its pixels."""
    image = entry.load_image()
    return add_copy(
        joined,
        entry,
        source_path=None if entry.is_embedded else image.path,
        embed=image.data if entry.is_embedded else None,
    )
