"""The list of images that a project goes through: which, how far each is, and where it stopped."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import Any, Literal, TypeAlias, get_args

from napari_vlseg.corrections.documents import damage_told, encode_document, read_document
from napari_vlseg.corrections.journal import Journal
from napari_vlseg.corrections.records import seen_from

KIND = "worklist"
WORKLIST_NAME = "worklist.json"

Status: TypeAlias = Literal["new", "in progress", "done", "skipped"]
STATUSES: tuple[Status, ...] = get_args(Status)


@dataclass(frozen=True)
class WorkItem:
    """One image of the list.

    Attributes
    ----------
    path : str
        Its file, seen from the root of the list with ``/``, or absolute; empty for an image
        whose pixels are in the project.
    status : {"new", "in progress", "done", "skipped"}
    image : str
        Id of its entry in the project; empty until it was shown once.
    """

    path: str
    status: Status = "new"
    image: str = ""

    @property
    def key(self) -> str:
        """What tells it from the others of its list, whatever becomes of it."""
        return self.path or self.image

    @property
    def name(self) -> str:
        """What people know it by."""
        return self.path or self.image.partition("-")[2]


@dataclass(frozen=True)
class Worklist:
    """Images in the order in which they are gone through.

    It only ever grows at its end, so that the position of an image never changes.

    Attributes
    ----------
    root : Path
        Folder that the paths are seen from.
    pattern : str or None
        Files of the root that belong to the list, as `pathlib.Path.glob` takes it; None for
        a list that was given file by file.
    items : tuple of WorkItem
    current : int
        Position of the image that is worked on.
    """

    root: Path
    pattern: str | None = None
    items: tuple[WorkItem, ...] = ()
    current: int = 0

    def __len__(self) -> int:
        return len(self.items)

    def file(self, position: int) -> Path | None:
        """The file of an image, or None where its pixels are in the project."""
        path = self.items[position].path
        return self.root / path if path else None

    def counts(self) -> dict[Status, int]:
        """How many images have each status."""
        found = dict.fromkeys(STATUSES, 0)
        for item in self.items:
            found[item.status] += 1
        return found

    def with_item(self, position: int, **changes: Any) -> Worklist:
        """The list with fields of one image changed."""
        items = list(self.items)
        items[position] = replace(items[position], **changes)
        return replace(self, items=tuple(items))

    def with_files(self, paths: Iterable[Path]) -> Worklist:
        """The list with files at its end; those that are in it already are left out."""
        known = {item.path for item in self.items}
        seen = dict.fromkeys(_seen(self.root, path) for path in paths)
        added = tuple(WorkItem(path) for path in seen if path not in known)
        return replace(self, items=(*self.items, *added))

    def with_images(self, images: Mapping[str, Path | None]) -> Worklist:
        """The list with images of the project, by id, that it does not know: they are begun.

        Parameters
        ----------
        images : mapping of str to Path or None
            The file of each image; None where its pixels are in the project.
        """
        known = {item.image for item in self.items if item.image}
        places = {item.path: place for place, item in enumerate(self.items) if item.path}
        items = list(self.items)
        for image, file in images.items():
            if image in known:
                continue
            path = "" if file is None else _seen(self.root, file)
            place = places.get(path)
            if place is not None and not items[place].image:
                items[place] = replace(items[place], image=image)
            else:
                items.append(WorkItem(path, "in progress", image))
        return replace(self, items=tuple(items))

    def find(self, key: str) -> int | None:
        """Position of the image with a key, or None."""
        return next((place for place, item in enumerate(self.items) if item.key == key), None)

    def joined(self, other: Worklist) -> Worklist:
        """The list with what another list of the same project has more, at its end."""
        known = {item.key for item in self.items}
        more = tuple(item for item in other.items if item.key not in known)
        return replace(self, items=(*self.items, *more))

    def step(self, start: int, by: int, wanted: Iterable[Status] = STATUSES) -> int | None:
        """Position of the next image (by 1) or the one before (by -1) with a wanted status."""
        chosen = set(wanted)
        place = start + by
        while 0 <= place < len(self.items):
            if self.items[place].status in chosen:
                return place
            place += by
        return None


class WorklistFile:
    """``worklist.json`` of a project.

    Parameters
    ----------
    folder : Path
        The project folder.
    annotator : str
        Opaque id of the person.
    """

    def __init__(self, folder: Path, annotator: str = "") -> None:
        self._folder = folder
        self._path = folder / WORKLIST_NAME
        self._journal = Journal(folder, annotator)

    @property
    def exists(self) -> bool:
        """Whether the project has a list."""
        return self._path.exists()

    def load(self) -> Worklist | None:
        """The list, or None where the project has none.

        Raises
        ------
        ProjectError
            If the file is damaged or of a later version.
        """
        if not self.exists:
            return None
        document = read_document(self._path, KIND)
        with damage_told(self._path):
            return _from_dict(document, self._folder)

    def change(self, change: Callable[[Worklist | None], Worklist]) -> Worklist:
        """Change the list as it is on the disk now: what another window wrote stays.

        Parameters
        ----------
        change : callable
            Given the list, or None where there is none, gives the new one.

        Returns
        -------
        Worklist
            What was written.

        Raises
        ------
        ProjectError
            If the project can't be read or written.
        """
        with self._journal.locked(self._folder):
            found = self.load()
            changed = change(found)
            if changed != found:
                document = encode_document(KIND, _to_dict(changed, self._folder))
                self._journal.write("save_worklist", self._path, document)
        return changed


def _seen(root: Path, path: Path) -> str:
    """A path below the root relative to it, others as they are."""
    path = Path(path).absolute()
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)


def _to_dict(worklist: Worklist, folder: Path) -> dict[str, Any]:
    root = worklist.root
    return {
        "root": {"relative": seen_from(folder, root), "absolute": str(root)},
        "pattern": worklist.pattern,
        "current": worklist.current,
        "images": [
            {"path": item.path, "status": item.status, "image": item.image}
            for item in worklist.items
        ],
    }


def _from_dict(document: Mapping[str, Any], folder: Path) -> Worklist:
    root, pattern = document["root"], document["pattern"]
    near = None if root["relative"] is None else folder / root["relative"]
    items = tuple(_item(entry) for entry in document["images"])
    current = int(document["current"])
    if current < 0 or (items and current >= len(items)):
        raise ValueError("the current image is none of the list")
    return Worklist(
        # Resolved, because files are compared by what they are called.
        near.resolve() if near is not None and near.is_dir() else Path(root["absolute"]),
        None if pattern is None else str(pattern),
        items,
        current,
    )


def _item(entry: Mapping[str, Any]) -> WorkItem:
    path, status, image = str(entry["path"]), entry["status"], str(entry["image"])
    if status not in STATUSES or not (path or image) or ".." in PurePath(path).parts:
        raise ValueError(f"no image of a list: {json.dumps(dict(entry))}")
    return WorkItem(path, status, image)
