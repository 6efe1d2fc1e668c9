"""What going through images has done beside the window."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from napari_vlseg.corrections.store import Project
from napari_vlseg.corrections.worklist import Worklist, WorklistFile
from napari_vlseg.events import Progress, Work
from napari_vlseg.workflow.worklist import new_files

Changes = Mapping[str, Mapping[str, Any]]
"""Fields that changed, by the key of each image."""


def note_job(
    project: Project, worklist: Worklist, changes: Changes, current: int | None
) -> Work[Worklist | None]:
    """Write what became of images into the list, beside what other windows wrote.

    Returns
    -------
    Worklist or None
        The list, where another window changed it meanwhile.
    """
    yield Progress("noting", 0, 1)

    def changed(found: Worklist | None) -> Worklist:
        made = worklist if found is None else found.joined(worklist)
        for key, fields in changes.items():
            place = made.find(key)
            made = made if place is None else made.with_item(place, **fields)
        here = None if current is None else made.find(worklist.items[current].key)
        return made if here is None else replace(made, current=here)

    written = WorklistFile(project.folder, project.annotator).change(changed)
    return None if written.items == worklist.items else written


def add_files_job(project: Project, worklist: Worklist) -> Work[Worklist]:
    """Add the files that appeared in the folder of a list to its end."""
    yield Progress("looking for new images", 0, 1)
    added = new_files(worklist)

    def extended(found: Worklist | None) -> Worklist:
        return (worklist if found is None else found.joined(worklist)).with_files(added)

    return WorklistFile(project.folder, project.annotator).change(extended)


def count_new_job(worklist: Worklist) -> Work[int]:
    """How many files appeared in the folder of a list."""
    yield Progress("looking for new images", 0, 1)
    return len(new_files(worklist))
