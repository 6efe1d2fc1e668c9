"""The project folder: images referred to, what models proposed, what people made of it.

The format is described in docs/on-disk-format.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from napari_vlseg._version import __version__
from napari_vlseg.corrections import records
from napari_vlseg.corrections.documents import (
    damage_told,
    encode_document,
    read_document,
)
from napari_vlseg.corrections.entry import ImageEntry
from napari_vlseg.corrections.image_edits import ImageEdits
from napari_vlseg.corrections.journal import LOCK_NAME, PROJECT_KIND, PROJECT_NAME, Journal
from napari_vlseg.corrections.pending import PENDING_NAME
from napari_vlseg.corrections.people import clock
from napari_vlseg.corrections.pixels import write_pixels
from napari_vlseg.corrections.prompts_file import PromptsFile
from napari_vlseg.corrections.records import ImageRecord
from napari_vlseg.errors import ProjectError
from napari_vlseg.files import TEMPORARY_PREFIX, atomic_folder, file_sha256, reading, writing
from napari_vlseg.images import pixels_sha256
from napari_vlseg.names import safe_name
from napari_vlseg.prompts import PromptTable
from napari_vlseg.proposals import new_uid

__all__ = ["ImageEntry", "Project"]

IMAGES_NAME = "images"

_UNIMPORTANT = {".DS_Store", "Thumbs.db", "desktop.ini", LOCK_NAME, PENDING_NAME}


class Project:
    """A folder of images with proposals, corrected labels and prompts.

    Make one with `Project.create` or `Project.open`.

    Attributes
    ----------
    folder : Path
    annotator : str
        Opaque id noted with each write; may be empty.
    """

    def __init__(self, folder: Path, annotator: str) -> None:
        self.folder = folder
        self.annotator = annotator
        self._journal = Journal(folder, annotator)
        self._entries: dict[str, ImageEntry] = {}
        self._prompts = PromptsFile(folder, self._journal)

    @classmethod
    def create(cls, folder: Path | str, *, annotator: str = "") -> Project:
        """Make a project in a new or empty folder.

        Raises
        ------
        ProjectError
            If the folder holds files or a project, or can't be written.
        """
        folder = Path(folder).absolute()
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            names = {path.name for path in folder.iterdir()} - _UNIMPORTANT
            contents = {name for name in names if not name.startswith(TEMPORARY_PREFIX)}
        if PROJECT_NAME in contents:
            raise ProjectError(f"“{folder}” already holds a project: open it instead.")
        if contents:
            raise ProjectError(
                f"“{folder}” holds other files: choose a new or empty folder for the project."
            )
        project = cls(folder, annotator)
        body = {
            "program": f"napari-vlseg {__version__}",
            "project_uid": new_uid(),
            "created": clock()(),
            "annotator": annotator,
        }
        with project._journal.locked(folder):
            document = encode_document(PROJECT_KIND, body)
            project._journal.write("create_project", folder / PROJECT_NAME, document)
        return project

    @classmethod
    def open(cls, folder: Path | str, *, annotator: str | None = None) -> Project:
        """Open a project.

        Parameters
        ----------
        folder : Path or str
        annotator : str, optional
            Who works on it now; None takes the one who made it.

        Raises
        ------
        ProjectError
            If it is missing, damaged, no project, or of a later version.
        """
        folder = Path(folder).absolute()
        with reading(folder):
            is_project = (folder / PROJECT_NAME).is_file()
        if not is_project:
            raise ProjectError(
                f"“{folder}” is not a napari-vlseg project: choose a folder that holds "
                f"{PROJECT_NAME}."
            )
        data = read_document(folder / PROJECT_NAME, PROJECT_KIND)
        with damage_told(folder / PROJECT_NAME):
            maker = str(data["annotator"])
        project = cls(folder, maker if annotator is None else annotator)
        project._discover()
        return project

    @property
    def images(self) -> tuple[ImageEntry, ...]:
        """The images in the order in which they were added."""
        return tuple(self._entries[key] for key in sorted(self._entries, key=_number))

    def events(self) -> tuple[dict[str, Any], ...]:
        """Every write so far, oldest first: time, annotator, what, file, sha256."""
        return self._journal.events()

    def add_image(
        self,
        name: str,
        *,
        source_path: Path | None,
        pixels_sha256: str,
        shape: Sequence[int],
        dtype: Any,
        axes: str = "",
        pixel_size: tuple[float, float] | None = None,
        unit: str = "",
        scale: Sequence[float] | None = None,
        translate: Sequence[float] | None = None,
        embed: np.ndarray | None = None,
    ) -> ImageEntry:
        """Refer to an image, or give back the entry of the same name and pixels.

        Parameters
        ----------
        name : str
            The person's name for it.
        source_path : Path, optional
            Its file.
        pixels_sha256 : str
            `napari_vlseg.images.pixels_sha256` of the pixels.
        shape, dtype
            Of the whole array.
        axes : str
            One letter for each dimension, S for RGB(A) samples, C for channels; empty if
            unknown.
        pixel_size : tuple of float, optional
            (row, col) in `unit`.
        unit : str
        scale, translate : sequence of float, optional
            Of the layer.
        embed : numpy.ndarray, optional
            The pixels, to be kept in the project where there is no file.

        Raises
        ------
        ProjectError
            If there is neither a file nor pixels, the pixels don't match the hash and shape,
            or the project can't be written.
        """
        name = name.encode("utf-8", "replace").decode("utf-8")
        if source_path is None and embed is None:
            raise ProjectError(f"The image “{name}” has no file: store its pixels in the project.")
        with self._journal.locked(self.folder / IMAGES_NAME):
            self._discover()
            for entry in self.images:
                if entry.name == name and entry.pixels_sha256 == pixels_sha256:
                    return entry
            number = 1 + max(map(_number, self._entries), default=0)
            relative, absolute = self._places(source_path)
            record = ImageRecord(
                id=f"{number:04d}-{safe_name(name, longest=40)}",
                name=name,
                pixels_sha256=pixels_sha256,
                shape=tuple(int(side) for side in shape),
                dtype=np.dtype(dtype).name,
                axes=axes or _guess_axes(shape),
                pixel_size=records.pair(pixel_size),
                unit=unit,
                scale=records.floats(scale),
                translate=records.floats(translate),
                relative_path=relative,
                absolute_path=absolute,
                is_embedded=embed is not None,
                added=clock()(),
            )
            return self._write_record(record, embed)

    def save_prompts(self, table: PromptTable) -> None:
        """Save the prompt table.

        One that another program or window saved since it was last read here is kept as
        ``prompts.<n>.bak.json``.

        Raises
        ------
        ProjectError
            If the project can't be written.
        """
        self._prompts.save(table)

    def load_prompts(self) -> PromptTable:
        """The saved prompt table; one without rows if none was saved.

        Raises
        ------
        ProjectError
            If the file is damaged.
        """
        return self._prompts.load()

    def _places(self, source: Path | None) -> tuple[str | None, str | None]:
        if source is None:
            return None, None
        source = Path(source)
        return records.seen_from(self.folder, source), str(source.resolve())

    def _write_record(self, record: ImageRecord, embed: np.ndarray | None) -> ImageEntry:
        if embed is not None and not _belongs(embed, record):
            raise ProjectError(
                f"The pixels given for “{record.name}” are not those of its hash and shape: "
                "take all from the same array."
            )
        folder = self.folder / IMAGES_NAME / record.id
        with atomic_folder(folder) as temporary:
            if embed is not None:
                write_pixels(temporary / records.PIXELS_NAME, embed, record.axes)
            document = encode_document(records.KIND, record.to_dict())
            (temporary / records.FILE_NAME).write_bytes(document)
            for path in sorted(temporary.iterdir()):
                sha256 = file_sha256(path)
                self._journal.announce("add_image", folder / path.name, sha256, image=record.id)
        return self._read_entry(folder)

    def _discover(self) -> None:
        """Take up images that are on the disk and not yet known here."""
        folder = self.folder / IMAGES_NAME
        with reading(folder):
            paths = list(folder.iterdir()) if folder.is_dir() else []
        for path in paths:
            hidden = path.name.startswith((TEMPORARY_PREFIX, "."))
            if path.is_dir() and not hidden and path.name not in self._entries:
                self._read_entry(path)

    def _read_entry(self, folder: Path) -> ImageEntry:
        path = folder / records.FILE_NAME
        data = read_document(path, records.KIND)
        with damage_told(path):
            known = records.record_from_dict(data)
            if known["id"] != folder.name or _number(known["id"]) < 1:
                raise ValueError("the folder was renamed")
        entry = ImageEntry(
            **known,
            folder=folder,
            _root=self.folder,
            _journal=self._journal,
            _edits=ImageEdits(folder, self._journal),
        )
        self._entries[entry.id] = entry
        return entry


def _belongs(pixels: np.ndarray, record: ImageRecord) -> bool:
    return pixels.shape == record.shape and pixels_sha256(pixels) == record.pixels_sha256


def _number(image_id: str) -> int:
    return int(image_id.partition("-")[0])


def _guess_axes(shape: Sequence[int]) -> str:
    """RGB(A) is told by its last axis, as viewers do; other axes stay unknown."""
    looks_rgb = len(shape) == 3 and shape[-1] in (3, 4) and min(shape[:2]) > 4
    return "YXS" if looks_rgb else ""
