"""``napari-vlseg cache``, and the cache that other commands share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_vlseg.cli.options import AsJson, CacheFolder, Debug
from napari_vlseg.cli.reporter import reporting

if TYPE_CHECKING:
    from napari_vlseg.workflow.cache import EmbeddingCache
    from napari_vlseg.workflow.disk_cache import CacheContents

_MB = 1e6


def cache(
    folder: CacheFolder = None,
    clear: Annotated[
        bool, typer.Option("--clear", help="Delete the encoded images, and nothing else.")
    ] = False,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Show where encoded images are kept and how much room they take.

    They are made by the window, `segment` and `encode`. Those that have not been
    used for longest are dropped beyond the limit; NAPARI_VLSEG_CACHE_GB sets it,
    and NAPARI_VLSEG_CACHE the folder.
    """
    with reporting(as_json, debug) as reporter:
        from rich.table import Table

        from napari_vlseg.workflow.disk_cache import DiskCache

        disk = DiskCache(folder)
        deleted = disk.clear() if clear else 0
        contents = disk.contents()
        table = Table("model", "encoded planes", "size")
        for model, (count, n_bytes) in sorted(contents.by_model.items()):
            table.add_row(model or "(damaged)", str(count), _size(n_bytes))
        lines = [f"deleted   {deleted} encoded planes"] if clear else []
        lines += [
            f"folder    {disk.folder}",
            f"limit     {_size(disk.max_bytes) if disk.is_on else '0: switched off'}",
            f"in use    {_size(contents.n_bytes)}",
        ]
        shown = [table] if table.row_count else []
        reporter.result(
            {**_document(disk.folder, disk.max_bytes, contents), "deleted": deleted},
            "\n".join(lines),
            *shown,
        )


def open_cache(folder: Path | None) -> EmbeddingCache:
    """A cache on disk alone: a command comes to each image once."""
    from napari_vlseg.workflow.cache import EmbeddingCache
    from napari_vlseg.workflow.disk_cache import DiskCache

    return EmbeddingCache(max_bytes=0, disk=DiskCache(folder))


def _document(folder: Path, limit: int, contents: CacheContents) -> dict[str, Any]:
    return {
        "folder": str(folder),
        "limit_bytes": limit,
        "bytes": contents.n_bytes,
        "planes": contents.n_files,
        "models": {
            model: {"planes": count, "bytes": n_bytes}
            for model, (count, n_bytes) in sorted(contents.by_model.items())
        },
    }


def _size(n_bytes: int) -> str:
    return f"{n_bytes / _MB:.1f} MB"
