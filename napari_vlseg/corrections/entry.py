"""One image of a project, with what was proposed and what was made of it."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from napari_vlseg.corrections.image_edits import ImageEdits
from napari_vlseg.corrections.journal import Journal
from napari_vlseg.corrections.ledger import Ledger
from napari_vlseg.corrections.pixels import read_pixels, read_source
from napari_vlseg.corrections.records import PIXELS_NAME, ImageRecord
from napari_vlseg.corrections.stored import (
    FOLDER_NAME,
    StoredProposal,
    read_proposals,
    write_proposals,
)
from napari_vlseg.errors import ProjectError, VlsegWarning
from napari_vlseg.events import Work
from napari_vlseg.images import SourceImage, has_hash
from napari_vlseg.label_planes import LabelPlanes
from napari_vlseg.proposals import Proposals


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
    _edits: ImageEdits

    def load_image(self) -> SourceImage:
        """The image itself: from the project, or from its file.

        The file is looked for relative to the project first, then at its absolute path.

        Raises
        ------
        ProjectError
            If it is missing, unreadable, or its pixels are no longer those recorded.
        """
        image = (
            read_pixels(self.folder / PIXELS_NAME, self)
            if self.is_embedded
            else read_source(self, self._root)
        )
        if not has_hash(image.data, self.pixels_sha256):
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
        folder = self.folder / FOLDER_NAME
        return write_proposals(folder, self, proposals, index, keep_probabilities, self._journal)

    def proposals(self) -> tuple[StoredProposal, ...]:
        """All proposals in the order of saving.

        Raises
        ------
        ProjectError
            If one is damaged.
        """
        paths = (self.folder / FOLDER_NAME).glob("[0-9]*.json")
        return tuple(map(read_proposals, sorted(paths, key=lambda path: int(path.stem))))

    @property
    def has_labels(self) -> bool:
        """Whether there are labels: saved ones, or edits."""
        return self._edits.exists

    def open_ledger(self, shape: Sequence[int] | None = None, dtype: Any = np.int32) -> Ledger:
        """Open the journal of edits for writing; nobody else can until the ledger is closed.

        A journal of an earlier program begins with an “import” of the labels there were.
        `Ledger.notices` tells what was damaged and set aside.

        Parameters
        ----------
        shape : sequence of int, optional
            Of the labels, where there are none yet; that of the image without channels if
            not given.
        dtype : data type
            Of the labels, where there are none yet.

        Raises
        ------
        ProjectError
            If it is open in another window or program, or can't be written or read.
        """
        return self._edits.open(self, shape, dtype)

    def bind_ledger(self, ledger: Ledger, *, force: bool = False) -> None:
        """Write a ledger, from memory or from another project, into this image's journal.

        The ledger goes on here; files and lock of the place where it was are let go of.
        Edits may be appended meanwhile by other threads.

        Parameters
        ----------
        ledger : Ledger
            Of labels of this image; it begins without labels.
        force : bool
            Whether labels that are here already are taken away, by an edit of their own.

        Raises
        ------
        ConflictError
            If there are such labels and `force` is False.
        ProjectError
            If the journal is open in another window or program, the labels don't fit, or
            the project can't be written. The ledger stays where it was.
        """
        self._edits.bind(self, ledger, force)

    def checkpoint(
        self, labels: np.ndarray | LabelPlanes, objects: pd.DataFrame, number: int
    ) -> None:
        """Save labels and objects as they are after an edit, both or neither.

        Opening is quick from there. A journal that has become large is compacted. Edits may
        be appended meanwhile by other threads.

        Parameters
        ----------
        labels : numpy.ndarray or LabelPlanes, integer or bool
            Not to be changed meanwhile. Planes are read one at a time.
        objects : pandas.DataFrame
        number : int
            Number of that edit, `Ledger.last` when the labels were copied.

        Raises
        ------
        ProjectError
            If the labels don't fit the image, or the project can't be written. The files
            stay as they were.
        """
        self._edits.checkpoint(self, labels, objects, number)

    def compact(self) -> Work[None]:
        """Close the part of the journal there is and compress it; nothing is dropped.

        May be broken off at any instant. Edits may be appended meanwhile by other threads.

        Yields
        ------
        Progress
            Stage “compressing edits”.

        Raises
        ------
        ProjectError
            If the image is open for editing elsewhere, or the project can't be written.
        """
        return self._edits.compact(self)

    def kept_from_editing(self) -> AbstractContextManager[None]:
        """Keep others from editing the image, without opening its journal.

        Raises
        ------
        ProjectError
            If it is open in another window or program.
        """
        return self._edits.kept(self)

    def save_labels(
        self, labels: np.ndarray, objects: pd.DataFrame, *, force: bool = False
    ) -> None:
        """Journal what is another than before as one edit, and save; all or nothing.

        Parameters
        ----------
        labels : numpy.ndarray, integer or bool
            Of the image's shape, without channels.
        objects : pandas.DataFrame
            One row per label, see `napari_vlseg.proposals.OBJECT_COLUMNS`; further columns
            of numbers or text are kept. Rows without an id get one.
        force : bool
            Whether labels that another program or window saved in the meantime are replaced;
            they stay in the journal.

        Raises
        ------
        ConflictError
            If there are such labels and `force` is False.
        ProjectError
            If the image is open for editing elsewhere, the labels don't fit it, or the
            project can't be written. The labels stay as they were.
        """
        self._edits.save(self, np.asarray(labels), objects, force)

    def load_labels(self) -> tuple[np.ndarray, pd.DataFrame]:
        """The current labels and the table of their objects: as saved, and every edit since.

        Raises
        ------
        ProjectError
            If there are none, or neither the saved files nor the journal can be read.

        Warns
        -----
        VlsegWarning
            If a file is damaged or was changed from outside, and something was left out.
        """
        state = self._edits.load()
        if state is None:
            raise ProjectError(
                f"“{self.name}” has no corrected labels yet: segment it and save first."
            )
        for notice in state.notices:
            warnings.warn(notice, VlsegWarning, stacklevel=2)
        return state.labels, state.objects
