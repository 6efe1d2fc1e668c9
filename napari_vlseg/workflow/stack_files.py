"""Labels of a stack in files: written plane by plane, with tables and the record beside them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import tifffile

from napari_vlseg._version import __version__
from napari_vlseg.errors import ExportError
from napari_vlseg.files import atomic_path, atomic_write_text
from napari_vlseg.workflow.linked import Linked, track_lines

SIGNATURE = "napari-vlseg stack"


def write_stack(
    path: Path,
    plane: Callable[[int], npt.NDArray[np.integer]],
    shape: Sequence[int],
    most: int,
    *,
    axis: str = "Z",
) -> None:
    """Write labels (n, H, W) as a compressed OME-TIFF; one plane is in memory at a time.

    Parameters
    ----------
    path : Path
    plane : callable
        ``plane(number)``: labels (H, W).
    shape : sequence of int
        (n, H, W).
    most : int
        The largest label, which decides about the type.
    axis : {"Z", "T"}
        What the planes are.

    Raises
    ------
    ExportError
        If the file can't be written, or one is there that the package did not write.
    """
    check_own(path)
    dtype = np.min_scalar_type(most)
    if dtype.itemsize > 4:
        raise ExportError(f"The labels reach {most}, which 32 bits don't hold: number them anew.")
    with atomic_path(path, error=ExportError) as temporary:
        tifffile.imwrite(
            temporary,
            (plane(number).astype(dtype) for number in range(shape[0])),
            shape=tuple(shape),
            dtype=dtype,
            ome=True,
            compression="zlib",
            photometric="minisblack",
            metadata={"axes": f"{axis}YX", "Name": path.stem},
            software=f"{SIGNATURE} {__version__}",
        )


def write_tracks(path: Path, linked: Linked) -> None:
    """Write tracks as CSV, see `track_lines`.

    Raises
    ------
    ExportError
        If the file can't be written.
    """
    atomic_write_text(path, "\n".join(track_lines(linked)) + "\n", error=ExportError)


def write_table(path: Path, linked: Linked, scale: Sequence[float] | None) -> None:
    """Write the table of objects as CSV, see `Linked.objects`.

    Raises
    ------
    ExportError
        If the file can't be written.
    """
    atomic_write_text(path, linked.objects(scale).to_csv(index=False), error=ExportError)


def write_document(path: Path, document: object) -> None:
    """Write JSON.

    Raises
    ------
    ExportError
        If the file can't be written.
    """
    atomic_write_text(path, json.dumps(document, indent=1) + "\n", error=ExportError)


def check_own(path: Path) -> None:
    """Refuse to replace labels that were not written here.

    Raises
    ------
    ExportError
        If there is such a file.
    """
    if not path.exists():
        return
    try:
        with tifffile.TiffFile(path) as tiff:
            own = tiff.pages.first.software.startswith(SIGNATURE)
    except (OSError, ValueError, tifffile.TiffFileError):
        own = False
    if not own:
        raise ExportError(
            f"“{path}” exists and was not written by “{SIGNATURE}”, so it is not overwritten: "
            "move it away or choose another folder."
        )
