"""What a model made of the images of a project, kept so that asking again is quick."""

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from napari_vlseg.corrections.store import ImageEntry, Project
from napari_vlseg.corrections.worklist import Worklist
from napari_vlseg.errors import CacheError, ImageError, ProjectError
from napari_vlseg.events import Notice, Progress, Work
from napari_vlseg.files import atomic_write_text
from napari_vlseg.images import (
    SourceImage,
    extract_plane,
    lasting_view,
    leading_axes,
    read_image,
    with_channels,
)
from napari_vlseg.models.base import DenseSegmenter
from napari_vlseg.prompts import PromptTable
from napari_vlseg.workflow.cache import EmbeddingCache
from napari_vlseg.workflow.disk_cache import DiskCache
from napari_vlseg.workflow.ordering import Look, look

FOLDER_NAME = "looks"
"""In the folder of encoded images."""

_VERSION = 1


class LookBook:
    """Looks at the images of one project by one model and one prompt table, in a file.

    A look is found again while the file of its image has the size and the time it had.

    Parameters
    ----------
    project : Project
    model : DenseSegmenter
    prompts : PromptTable
    disk : DiskCache, optional
        Where encoded images are kept; without one, or with one that is off, looks are kept in
        memory alone.
    """

    def __init__(
        self,
        project: Project,
        model: DenseSegmenter,
        prompts: PromptTable,
        disk: DiskCache | None = None,
    ) -> None:
        facts = (str(project.folder), model.info.name, model.info.revision, model.info.hashes)
        question = json.dumps([_VERSION, *facts, prompts.to_json()])
        name = hashlib.blake2b(question.encode(), digest_size=20).hexdigest()
        is_kept = disk is not None and disk.is_on
        self._path = disk.folder / FOLDER_NAME / f"{name}.json" if disk and is_kept else None
        self._known = _read(self._path)

    def get(self, key: str, stamp: str) -> Look | None:
        """The look at an image that has not changed since, or None."""
        entry = self._known.get(key)
        return _look_from(entry) if stamp and entry and entry.get("stamp") == stamp else None

    def put(self, key: str, stamp: str, seen: Look) -> None:
        """Keep a look in memory, until `save`."""
        self._known[key] = {"stamp": stamp, **_look_to(seen)}

    def save(self) -> None:
        """Write what is known; a folder that can't be written costs time alone."""
        if self._path is not None:
            with suppress(CacheError, OSError):
                self._path.parent.mkdir(parents=True, exist_ok=True)
                atomic_write_text(self._path, json.dumps(self._known), error=CacheError)


def look_at_images(
    project: Project,
    worklist: Worklist,
    positions: Sequence[int],
    model: DenseSegmenter,
    prompts: PromptTable,
    *,
    book: LookBook | None = None,
    cache: EmbeddingCache | None = None,
) -> Work[dict[int, Look]]:
    """Look at images of a project's list; of a stack at its middle plane.

    Encodings are taken from the cache where there are any, and looks from the book. What was
    looked at is saved every few images, so that work that is broken off is not lost.

    Parameters
    ----------
    project : Project
    worklist : Worklist
        See `napari_vlseg.workflow.worklist.worklist_of`.
    positions : sequence of int
        Images of the list.
    model : DenseSegmenter
    prompts : PromptTable
    book : LookBook, optional
    cache : EmbeddingCache, optional
        One with a disk and a small memory suits best.

    Yields
    ------
    Progress or Notice
        A notice for each image that can't be read; it is left out.

    Returns
    -------
    dict of int to Look
        By position.
    """
    kept = LookBook(project, model, prompts) if book is None else book
    entries = {entry.id: entry for entry in project.images}
    found: dict[int, Look] = {}
    try:
        for done, position in enumerate(positions):
            yield Progress("looking at images", done, len(positions))
            item = worklist.items[position]
            entry = entries.get(item.image)
            stamp = image_stamp(worklist, position, entry)
            seen = kept.get(item.key, stamp)
            if seen is None:
                try:
                    plane = middle_plane(open_image(worklist, position, entry), prompts)
                    seen = yield from look(model, plane, prompts, cache=cache)
                except (ImageError, ProjectError) as error:
                    yield Notice(f"{item.name}: {error}")
                    continue
                kept.put(item.key, stamp, seen)
            found[position] = seen
        yield Progress("looking at images", len(positions), len(positions))
    finally:
        kept.save()
    return found


def open_image(worklist: Worklist, position: int, entry: ImageEntry | None) -> SourceImage:
    """The pixels of an image of a list; nothing is added to the project.

    Raises
    ------
    ProjectError, ImageError
        If it can't be read.
    """
    if entry is not None:
        return entry.load_image()
    file = worklist.file(position)
    if file is None:
        name = worklist.items[position].name
        raise ProjectError(f"The image “{name}” is not in the project any more.")
    return read_image(file)


def middle_plane(source: SourceImage, prompts: PromptTable | None = None) -> np.ndarray:
    """The plane in the middle of each leading axis, float32 (H, W, 3) in [0, 1].

    Its channels are those that the prompts were made for, where it has them.
    """
    view = source.view
    if prompts is not None:
        view = with_channels(view, prompts.channels, source.data)
    axes = leading_axes(source.data, view)
    index = tuple(source.data.shape[axis] // 2 for axis in axes)
    return extract_plane(source.data, index, lasting_view(source.data, view, source.levels))


def image_stamp(worklist: Worklist, position: int, entry: ImageEntry | None) -> str:
    """What changes when the pixels of an image do, without reading them."""
    if entry is not None and entry.is_embedded:
        return entry.pixels_sha256
    file = worklist.file(position)
    try:
        facts = Path(file or "").stat()
    except OSError:
        return ""
    return f"{facts.st_size}:{facts.st_mtime_ns}"


def _read(path: Path | None) -> dict[str, dict[str, Any]]:
    """What was kept; a damaged file is as good as none."""
    if path is None:
        return {}
    try:
        document = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}


def _look_to(seen: Look) -> dict[str, Any]:
    feature = base64.b64encode(seen.feature.astype("<f4").tobytes()).decode("ascii")
    return {
        "feature": feature,
        "foreground": seen.foreground,
        "uncertainty": dict(seen.uncertainty),
        "n_objects": seen.n_objects,
        "unsureness": seen.unsureness if math.isfinite(seen.unsureness) else None,
    }


def _look_from(entry: Mapping[str, Any]) -> Look | None:
    try:
        unsureness = entry["unsureness"]
        return Look(
            np.frombuffer(base64.b64decode(entry["feature"]), "<f4").astype(np.float32),
            float(entry["foreground"]),
            {str(name): float(value) for name, value in entry["uncertainty"].items()},
            int(entry["n_objects"]),
            math.nan if unsureness is None else float(unsureness),
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
