"""Label images and probability maps of `segment`, one OME-TIFF each.

A file carries the signature of its writer in the TIFF tag “Software”. A later run replaces
files with that signature only: labels that came from elsewhere, or that a person corrected
and saved with another program, are never overwritten.
"""

from __future__ import annotations

from pathlib import Path

import tifffile

from napari_vlseg._version import __version__
from napari_vlseg.errors import ExportError
from napari_vlseg.files import atomic_path
from napari_vlseg.images import SourceImage
from napari_vlseg.ome import label_dtype, write_ome
from napari_vlseg.proposals import Proposals

SIGNATURE = "napari-vlseg segment"


def write_labels(path: Path, proposals: Proposals, source: SourceImage) -> None:
    """Write labels (H, W) in the smallest unsigned integer type, with the image's pixel size.

    Raises
    ------
    ExportError
        If the file can't be written.
    """
    labels = proposals.labels
    with atomic_path(path, error=ExportError) as temporary:
        write_ome(
            temporary,
            labels.astype(label_dtype(labels)),
            "YX",
            name=source.name,
            pixel_size=source.pixel_size,
            unit=source.unit,
            software=f"{SIGNATURE} {__version__}",
        )


def write_probabilities(path: Path, proposals: Proposals, source: SourceImage) -> None:
    """Write probability maps, float32 (n_classes, H, W), named by their classes.

    Raises
    ------
    ExportError
        If the file can't be written.
    """
    with atomic_path(path, error=ExportError) as temporary:
        write_ome(
            temporary,
            proposals.probabilities,
            "CYX",
            name=source.name,
            pixel_size=source.pixel_size,
            unit=source.unit,
            software=f"{SIGNATURE} {__version__}",
            channels=proposals.classes,
        )


def check_replaceable(path: Path) -> None:
    """Refuse to replace a file that neither function above wrote.

    Raises
    ------
    ExportError
        If there is such a file.
    """
    if path.exists() and not _is_signed(path):
        raise ExportError(
            f"“{path}” exists and was not written by “{SIGNATURE}”, so it is not overwritten: "
            "move it away or choose another folder."
        )


def _is_signed(path: Path) -> bool:
    try:
        with tifffile.TiffFile(path) as tiff:
            return tiff.pages.first.software.startswith(SIGNATURE)
    except (OSError, ValueError, tifffile.TiffFileError):
        return False
