"""Compressing the closed segments of a journal of edits; nothing is dropped."""

from __future__ import annotations

import gzip
from pathlib import Path

from napari_vlseg.corrections.journal import Journal
from napari_vlseg.corrections.segments import closed_numbers, closed_path, compressed_path
from napari_vlseg.errors import ProjectError
from napari_vlseg.events import Progress, Work
from napari_vlseg.files import atomic_path, file_sha256, reading, writing


def compress_closed(folder: Path, image_id: str, journal: Journal) -> Work[None]:
    """Compress the closed segments that are not yet; may be broken off at any instant.

    Parameters
    ----------
    folder : Path
        Of the image, in the project.
    image_id : str
    journal : Journal
        Of the project; must not be locked by the caller.

    Yields
    ------
    Progress
        Stage “compressing edits”, one for each segment.

    Raises
    ------
    ProjectError
        If a segment can't be read, or its compressed form can't be written.
    """
    plain = [n for n in closed_numbers(folder) if closed_path(folder, n).exists()]
    for done, number in enumerate(plain, start=1):
        with journal.locked(folder):
            _compress(folder, number, image_id, journal)
        yield Progress("compressing edits", done, len(plain))


def _compress(folder: Path, number: int, image_id: str, journal: Journal) -> None:
    source, target = closed_path(folder, number), compressed_path(folder, number)
    with reading(source):
        data = source.read_bytes()
    with atomic_path(target) as temporary:
        temporary.write_bytes(gzip.compress(data, mtime=0))
        with reading(temporary):
            if gzip.decompress(temporary.read_bytes()) != data:
                raise ProjectError(f"“{target}” was not written as it should be: check the disk.")
        journal.announce("close_edits", target, file_sha256(temporary), image=image_id)
    with writing(source):
        source.unlink()
