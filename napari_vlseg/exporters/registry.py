"""Formats by name, and the way an export is put in its place: whole, over nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

from napari_vlseg._version import __version__
from napari_vlseg.errors import ExportError
from napari_vlseg.events import Progress, Work, run
from napari_vlseg.exporters.base import ExportItem, WriterFactory
from napari_vlseg.exporters.coco import CocoWriter
from napari_vlseg.exporters.tiff import TiffWriter
from napari_vlseg.files import atomic_folder, writing

MANIFEST_NAME = "export.json"
MANIFEST_FORMAT = "napari-vlseg-export"

_WRITERS: Mapping[str, WriterFactory] = MappingProxyType({"tiff": TiffWriter, "coco": CocoWriter})


def formats() -> tuple[str, ...]:
    """Names of the formats.

    Examples
    --------
    >>> formats()
    ('tiff', 'coco')
    """
    return tuple(_WRITERS)


def export(
    items: Iterable[ExportItem], format: str, out: Path | str, *, overwrite: bool = False
) -> tuple[Path, ...]:
    """Export labelled planes; `export_steps` without the events."""
    return run(export_steps(items, format, out, overwrite=overwrite))


def export_steps(
    items: Iterable[ExportItem],
    format: str,
    out: Path | str,
    *,
    overwrite: bool = False,
    total: int | None = None,
) -> Work[tuple[Path, ...]]:
    """Export labelled planes, one event for each.

    The files appear in `out` when all are written; until then, and if the work is
    cancelled or fails, `out` stays as it was.

    Parameters
    ----------
    items : iterable of ExportItem
        Taken one at a time.
    format : str
        One of `formats`.
    out : Path or str
        A new or empty folder.
    overwrite : bool
        Whether an earlier export in `out` is replaced. A folder that holds anything else
        never is.
    total : int, optional
        How many items there will be, for the events.

    Yields
    ------
    Progress

    Returns
    -------
    tuple of Path
        The files written, in `out`.

    Raises
    ------
    ExportError
        If the format is unknown, there is nothing to export, or `out` can't be used.
    """
    check_format(format)
    out = Path(out).absolute()
    replace = _may_replace(out, overwrite)
    with atomic_folder(out, replace=replace, error=ExportError) as folder:
        writer = _WRITERS[format](folder)
        done = 0
        for done, item in enumerate(items, start=1):
            writer.add(item)
            yield Progress("exporting", done, max(done, total or 0))
        if not done:
            raise ExportError("There are no corrected labels to export: save some first.")
        writer.finish()
        names = _write_manifest(folder, format)
    return tuple(out / name for name in names)


def check_format(format: str) -> None:
    """Raise an `ExportError` that lists the formats if there is no such one."""
    if format not in _WRITERS:
        raise ExportError(
            f"The export format “{format}” is unknown: choose one of {', '.join(_WRITERS)}."
        )


def _write_manifest(folder: Path, format: str) -> list[str]:
    names = sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
    )
    document = {
        "format": MANIFEST_FORMAT,
        "version": 1,
        "program": f"napari-vlseg {__version__}",
        "kind": format,
        "files": names,
    }
    text = json.dumps(document, indent=2, ensure_ascii=False)
    (folder / MANIFEST_NAME).write_text(text, encoding="utf-8")
    return [*names, MANIFEST_NAME]


def _may_replace(out: Path, overwrite: bool) -> bool:
    """Whether `out` holds an earlier export to replace; refuses any other contents."""
    with writing(out, ExportError):
        if not out.exists() or (out.is_dir() and not any(out.iterdir())):
            return False
        if not out.is_dir():
            raise ExportError(f"“{out}” is a file: choose a folder for the export.")
        strangers = _strangers(out)
    if strangers:
        raise ExportError(
            f"“{out}” holds files that no export wrote, such as “{strangers[0]}”: choose a new "
            "folder."
        )
    if not overwrite:
        raise ExportError(
            f"“{out}” already holds an export: choose a new folder, or ask to overwrite it."
        )
    return True


def _strangers(out: Path) -> list[str]:
    found = {path.relative_to(out).as_posix() for path in out.rglob("*") if not path.is_dir()}
    try:
        manifest = json.loads((out / MANIFEST_NAME).read_bytes())
        if manifest["format"] == MANIFEST_FORMAT:
            found -= {MANIFEST_NAME, *manifest["files"]}
    except (OSError, ValueError, KeyError, TypeError):
        return sorted(found)
    return sorted(found)
