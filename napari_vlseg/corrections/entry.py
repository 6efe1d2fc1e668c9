"""One image of a project, with what was proposed and what was made of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from napari_vlseg.corrections.journal import Journal
from napari_vlseg.corrections.labels import LabelsFile
from napari_vlseg.corrections.pixels import read_pixels, read_source
from napari_vlseg.corrections.records import PIXELS_NAME, ImageRecord
from napari_vlseg.corrections.stored import (
    FOLDER_NAME,
    StoredProposal,
    read_proposals,
    write_proposals,
)
from napari_vlseg.errors import ProjectError
from napari_vlseg.images import SourceImage, pixels_sha256
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
    _labels: LabelsFile

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
        ConflictError
            If there are such labels and `force` is False.
        ProjectError
            If the labels don't fit the image, or the project can't be written. The files
            stay as they were.
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
