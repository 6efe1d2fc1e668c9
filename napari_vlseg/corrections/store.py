"""The project folder: images referred to, what models proposed, what people made of it.

The format is described in docs/on-disk-format.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import tifffile

from napari_vlseg._version import __version__
from napari_vlseg.corrections import records, stored
from napari_vlseg.corrections.documents import (
    damage_told,
    encode_document,
    now,
    read_document,
    write_document,
)
from napari_vlseg.corrections.journal import LOCK_NAME, Journal
from napari_vlseg.corrections.labels import LabelsFile, keep_copy
from napari_vlseg.corrections.records import ImageRecord
from napari_vlseg.corrections.stored import StoredProposal
from napari_vlseg.errors import ImageError, ProjectError, PromptError
from napari_vlseg.files import (
    TEMPORARY_PREFIX,
    atomic_folder,
    atomic_write_text,
    file_sha256,
    reading,
    safe_name,
    writing,
)
from napari_vlseg.images import ImageView, SourceImage, pixels_sha256, read_image
from napari_vlseg.prompts import PromptTable
from napari_vlseg.proposals import Proposals, new_uid

PROJECT_NAME = "project.json"
IMAGES_NAME = "images"
PROMPTS_NAME = "prompts.json"

_UNIMPORTANT = {".DS_Store", "Thumbs.db", "desktop.ini", LOCK_NAME}


@dataclass(frozen=True, eq=False)
class ImageEntry(ImageRecord):
    """One image of a project: its proposals and its corrected labels.

    Made by `Project`; the attributes are those of `ImageRecord`.

    Attributes
    ----------
    folder : Path
        The image's folder in the project.
    """

    folder: Path
    _root: Path
    _journal: Journal
    _labels: LabelsFile

    def load_image(self) -> SourceImage:
        """The image itself: from the project, or from its file.

        The file is looked for relative to the project first, then at its absolute path.

        Raises
        ------
        ProjectError
            If it is missing, unreadable, or its pixels are no longer those recorded.
        """
        image = self._embedded() if self.is_embedded else self._from_file()
        if pixels_sha256(image.data) != self.pixels_sha256:
            raise ProjectError(
                f"The pixels of “{image.path}” are not those that “{self.name}” was segmented "
                "on: put the original file back, or add this one as a new image."
            )
        return image

    def save_proposals(
        self,
        proposals: Proposals,
        *,
        index: Sequence[int] = (),
        keep_probabilities: bool = False,
    ) -> str:
        """Keep what a model said; each call adds a numbered proposal, none is ever changed.

        Parameters
        ----------
        proposals : Proposals
        index : sequence of int
            Position of the plane on each leading axis of the image.
        keep_probabilities : bool
            Whether the probabilities are kept too, as float16.

        Returns
        -------
        str
            The proposal's number, "0001" the first.

        Raises
        ------
        ProjectError
            If the project can't be written.
        """
        folder = self.folder / stored.FOLDER_NAME
        return stored.save_proposals(
            folder, self, proposals, index, keep_probabilities, self._journal
        )

    def proposals(self) -> tuple[StoredProposal, ...]:
        """All proposals in the order of saving.

        Raises
        ------
        ProjectError
            If one is damaged.
        """
        paths = (self.folder / stored.FOLDER_NAME).glob("[0-9]*.json")
        return tuple(map(stored.read_proposals, sorted(paths, key=lambda path: int(path.stem))))

    @property
    def has_labels(self) -> bool:
        """Whether corrected labels were saved."""
        return self._labels.exists

    def save_labels(
        self, labels: np.ndarray, objects: pd.DataFrame, *, force: bool = False
    ) -> None:
        """Save corrected labels and the table of their objects, both or neither.

        Parameters
        ----------
        labels : numpy.ndarray, integer or bool
            Of the image's shape, without channels.
        objects : pandas.DataFrame
            One row per label, see `napari_vlseg.proposals.OBJECT_COLUMNS`; further columns
            of numbers or text are kept.
        force : bool
            Whether labels that another program or window saved in the meantime are put
            aside as ``labels.<n>.bak.tif``.

        Raises
        ------
        ProjectError
            If there are such labels and `force` is False, if the labels don't fit the
            image, or the project can't be written. The files stay as they were.
        """
        self._labels.save(self, np.asarray(labels), objects, force)

    def load_labels(self) -> tuple[np.ndarray, pd.DataFrame]:
        """The corrected labels and the table of their objects, exactly as they were saved.

        Raises
        ------
        ProjectError
            If none were saved, or the files are damaged or were changed from outside.
        """
        if not self.has_labels:
            raise ProjectError(
                f"“{self.name}” has no corrected labels yet: segment it and save first."
            )
        return self._labels.load()

    def _embedded(self) -> SourceImage:
        path = self.folder / records.PIXELS_NAME
        with reading(path), damage_told(path):
            stored_pixels = tifffile.imread(path)
            data = stored_pixels.reshape(self.shape).astype(self.dtype)
        view = ImageView(rgb=self.axes.endswith("S"), channel_axis=_channel_axis(self.axes))
        return SourceImage(data, self.name, view, self.pixel_size, self.unit, path)

    def _from_file(self) -> SourceImage:
        candidates = [
            *([self._root / self.relative_path] if self.relative_path else []),
            *([Path(self.absolute_path)] if self.absolute_path else []),
        ]
        for path in candidates:
            if path.exists():
                try:
                    return read_image(path)
                except ImageError as failure:
                    raise ProjectError(str(failure)) from failure
        places = " or ".join(f"“{path}”" for path in candidates) or "any file"
        raise ProjectError(
            f"The image “{self.name}” is not at {places}: put the file back, "
            "or move it with its project."
        )


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
        self._known_prompts: str | None = None

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
            contents = {path.name for path in folder.iterdir()} - _UNIMPORTANT
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
            "created": now(),
            "annotator": annotator,
        }
        with project._journal.locked(folder):
            write_document(folder / PROJECT_NAME, "project", body)
            project._journal.record("create_project", folder / PROJECT_NAME)
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
        data = read_document(folder / PROJECT_NAME, "project")
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
            If there is neither a file nor pixels, the pixels don't match the hash, or the
            project can't be written.
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
                pixel_size=pixel_size,
                unit=unit,
                scale=records.floats(scale),
                translate=records.floats(translate),
                relative_path=relative,
                absolute_path=absolute,
                is_embedded=embed is not None,
                added=now(),
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
        path = self.folder / PROMPTS_NAME
        with self._journal.locked(self.folder):
            if path.exists() and file_sha256(path) != self._known_prompts:
                self._journal.record("keep_backup", keep_copy(path))
            atomic_write_text(path, table.to_json())
            self._known_prompts = file_sha256(path)
            self._journal.record("save_prompts", path, self._known_prompts)

    def load_prompts(self) -> PromptTable:
        """The saved prompt table; one without rows if none was saved.

        Raises
        ------
        ProjectError
            If the file is damaged.
        """
        path = self.folder / PROMPTS_NAME
        if not path.exists():
            return PromptTable()
        with reading(path), damage_told(path):
            text = path.read_text("utf-8")
        try:
            table = PromptTable.from_json(text)
        except PromptError as failure:
            raise ProjectError(f"“{path}” can't be read: {failure}") from failure
        self._known_prompts = file_sha256(path)
        return table

    def _places(self, source: Path | None) -> tuple[str | None, str | None]:
        if source is None:
            return None, None
        source = Path(source)
        return records.seen_from(self.folder, source), str(source.resolve())

    def _write_record(self, record: ImageRecord, embed: np.ndarray | None) -> ImageEntry:
        if embed is not None and pixels_sha256(embed) != record.pixels_sha256:
            raise ProjectError(
                f"The pixels given for “{record.name}” are not those of its hash: "
                "take both from the same array."
            )
        folder = self.folder / IMAGES_NAME / record.id
        with atomic_folder(folder) as temporary:
            if embed is not None:
                _write_pixels(temporary / records.PIXELS_NAME, embed, record.axes)
            document = encode_document(records.KIND, record.to_dict())
            (temporary / records.FILE_NAME).write_bytes(document)
        for path in sorted(folder.iterdir()):
            self._journal.record("add_image", path, image=record.id)
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
            if known["id"] != folder.name or not known["id"][:4].isdecimal():
                raise ValueError("the folder was renamed")
        entry = ImageEntry(
            **known,
            folder=folder,
            _root=self.folder,
            _journal=self._journal,
            _labels=LabelsFile(folder, self._journal),
        )
        self._entries[entry.id] = entry
        return entry


def _number(image_id: str) -> int:
    return int(image_id.partition("-")[0])


def _guess_axes(shape: Sequence[int]) -> str:
    """RGB(A) is told by its last axis, as viewers do; other axes stay unknown."""
    looks_rgb = len(shape) == 3 and shape[-1] in (3, 4) and min(shape[:2]) > 4
    return "YXS" if looks_rgb else ""


def _channel_axis(axes: str) -> int | None:
    return axes.index("C") if "C" in axes else None


def _write_pixels(path: Path, pixels: np.ndarray, axes: str) -> None:
    # TIFF has no type for bool; the type is restored from the record.
    values = pixels.astype(np.uint8) if pixels.dtype == bool else np.asarray(pixels)
    is_rgb = axes.endswith("S") and values.dtype.kind == "u"
    tifffile.imwrite(
        path, values, compression="zlib", photometric="rgb" if is_rgb else "minisblack"
    )
