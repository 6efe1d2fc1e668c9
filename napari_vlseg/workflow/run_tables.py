"""Tables of a run: one row per image and class, and one per object, as CSV and Parquet."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from itertools import chain, islice
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from napari_vlseg.errors import ExportError
from napari_vlseg.files import atomic_path, writing
from napari_vlseg.ome import known_unit

if TYPE_CHECKING:
    from napari_vlseg.workflow.run_entry import RunEntry

SUMMARY_COLUMNS: Mapping[str, str] = MappingProxyType(
    dict.fromkeys(("image", "labels", "plane", "class"), "string")
    | {"count": "Int64"}
    | dict.fromkeys(("area_px_total", "area_px_mean", "area_px_median"), "float64")
    | dict.fromkeys(("area_total", "area_mean", "area_median"), "float64")
    | {"area_unit": "string", "coverage": "float64", "score_mean": "float64"}
    | {"model": "string", "threshold": "float64", "status": "string", "error": "string"}
)
"""Columns of ``summary`` and their types. ``labels``: label file in the folder; ``plane``: position
on the leading axes of a stack, of which each plane has rows of its own; ``count``: objects, or 1
where the class is there and labels are classes; ``area_px_…``: pixels; ``area_…``: in
``area_unit``, empty where the size of a pixel is not known; ``coverage``: share of the pixels, in
[0, 1]; ``score_mean``: of the objects; ``status``: done, failed or unreadable."""

OBJECTS_COLUMNS: Mapping[str, str] = MappingProxyType(
    dict.fromkeys(("image", "labels", "plane", "object_uid"), "string")
    | {"label": "Int64", "class": "string", "score": "float64", "uncertainty": "float64"}
    | {"area_px": "Int64", "area": "float64", "area_unit": "string"}
    | dict.fromkeys(("row0", "col0", "row1", "col1"), "Int64")
    | {"prompt": "string", "model": "string", "threshold": "float64"}
    | {"refine_score": "float64", "outline": "string"}
)
"""Columns of ``objects`` and their types: the keys of a record, see
`napari_vlseg.workflow.records.RECORD_KEYS`, with the area in ``area_unit`` too."""

TABLES: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {"summary": SUMMARY_COLUMNS, "objects": OBJECTS_COLUMNS}
)
TABLE_FILES = tuple(f"{name}{suffix}" for name in TABLES for suffix in (".csv", ".parquet"))
NO_PARQUET = (
    "The tables are written as CSV alone: run pip install 'napari-vlseg[tables]' to have them as "
    "Parquet too."
)

_ROWS_AT_ONCE = 20_000
_ARROW_TYPES = {"string": "string", "Int64": "int64", "float64": "float64"}
_MICROMETRES = {"Å": 1e-4, "nm": 1e-3, "µm": 1.0, "mm": 1e3, "cm": 1e4, "m": 1e6}


def table_files() -> tuple[str, ...]:
    """Names of the files that `write_tables` makes here."""
    return tuple(name for name in TABLE_FILES if has_parquet() or name.endswith(".csv"))


def has_parquet() -> bool:
    """Whether pyarrow is installed."""
    return importlib.util.find_spec("pyarrow") is not None


def write_tables(
    folder: Path,
    done: Callable[[], Iterable[RunEntry]],
    failed: Callable[[], Iterable[RunEntry]],
) -> None:
    """Write both tables, each all at once, with few rows in memory.

    Parameters
    ----------
    folder : pathlib.Path
    done, failed : callable
        Give the images that were segmented, and those that were not. They are called once for
        each table.

    Raises
    ------
    ExportError
        If a file can't be written.
    """
    rows = (row for entry in done() for row in summary_rows(entry, folder))
    failures = (_failure_row(entry) for entry in failed())
    _write(folder, "summary", chain(rows, failures))
    _write(folder, "objects", (row for entry in done() for row in object_rows(entry, folder)))


def pixel_area(
    pixel_size: Sequence[float] | None, unit: str
) -> tuple[float, str] | tuple[None, None]:
    """Area of a pixel and its unit: µm² for every unit of length that is known.

    Examples
    --------
    >>> pixel_area((0.002, 0.001), "mm")
    (2.0, 'µm²')
    >>> pixel_area(None, "µm")
    (None, None)
    """
    if pixel_size is None or not unit:
        return None, None
    rows, cols = pixel_size
    known = known_unit(unit)
    if known is None:
        return float(rows * cols), f"{unit}²"
    return float(rows * cols * _MICROMETRES[known] ** 2), "µm²"


def summary_rows(entry: RunEntry, folder: Path) -> list[dict[str, Any]]:
    """One row for each plane and each class that was asked for, also where nothing was found."""
    planes = entry.planes or ("",)
    found: dict[tuple[str, str], tuple[list[float], list[float]]] = {
        (plane, name): ([], []) for plane in planes for name in entry.classes
    }
    for record in entry.all_records(folder):
        plane = record.get("plane", "") if entry.planes else ""
        areas, scores = found.setdefault((plane, record["class"]), ([], []))
        areas.append(record["area"])
        scores.append(math.nan if record["score"] is None else record["score"])
    n_pixels = math.prod(entry.shape) * (1 if entry.planes else entry.n_planes)
    return [
        _summary_row(entry, key, np.array(areas, np.float64), np.array(scores), n_pixels)
        for key, (areas, scores) in found.items()
    ]


def _summary_row(
    entry: RunEntry,
    key: tuple[str, str],
    areas: np.ndarray,
    scores: np.ndarray,
    n_pixels: int,
) -> dict[str, Any]:
    size, unit = pixel_area(entry.pixel_size, entry.unit)
    plane, name = key
    in_pixels = {"total": float(areas.sum()), **_middle(areas)}
    row = {
        "image": entry.image,
        "labels": entry.labels,
        "plane": plane or None,
        "class": name,
        "count": len(areas),
        "area_unit": unit,
        "coverage": float(areas.sum()) / n_pixels if entry.shape else None,
        "score_mean": _middle(scores)["mean"],
        "model": entry.model,
        "threshold": entry.classes.get(name),
        "status": entry.status,
    }
    row |= {f"area_px_{key}": value for key, value in in_pixels.items()}
    if size is not None:
        row |= {f"area_{key}": _times(value, size) for key, value in in_pixels.items()}
    return row


def object_rows(entry: RunEntry, folder: Path) -> Iterator[dict[str, Any]]:
    """One row for each object."""
    size, unit = pixel_area(entry.pixel_size, entry.unit)
    for record in entry.all_records(folder):
        row = {key: record.get(key) for key in OBJECTS_COLUMNS if key != "area"}
        row |= dict(zip(("row0", "col0", "row1", "col1"), record["bbox"], strict=True))
        row |= {"area_px": record["area"], "area_unit": unit}
        yield row | {"area": None if size is None else record["area"] * size}


def _failure_row(entry: RunEntry) -> dict[str, Any]:
    return {"image": entry.image, "status": entry.status, "error": entry.error}


def _middle(values: np.ndarray) -> dict[str, float | None]:
    if not values.size:
        return {"mean": None, "median": None}
    return {"mean": float(values.mean()), "median": float(np.median(values))}


def _times(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor


def _write(folder: Path, name: str, rows: Iterable[dict[str, Any]]) -> None:
    types = dict(TABLES[name])
    parquet = folder / f"{name}.parquet"
    with ExitStack() as stack:
        csv = stack.enter_context(atomic_path(folder / f"{name}.csv", error=ExportError))
        writer = stack.enter_context(_parquet_writer(parquet, types))
        pd.DataFrame(columns=list(types)).to_csv(csv, index=False, lineterminator="\n")
        for part in _parts(iter(rows)):
            frame = pd.DataFrame(part, columns=list(types)).astype(types)
            frame.to_csv(csv, mode="a", header=False, index=False, lineterminator="\n")
            if writer is not None:
                writer(frame)


def _parquet_writer(
    path: Path, types: Mapping[str, str]
) -> AbstractContextManager[Callable[[pd.DataFrame], None] | None]:
    """What takes part after part of a table; None where there is no pyarrow.

    A Parquet file of an earlier run is then removed, because it would tell of other images.
    """
    if has_parquet():
        return _writing_parquet(path, types)
    with writing(path, ExportError):
        path.unlink(missing_ok=True)
    return nullcontext()


@contextmanager
def _writing_parquet(
    path: Path, types: Mapping[str, str]
) -> Iterator[Callable[[pd.DataFrame], None]]:
    import pyarrow as pa
    from pyarrow import parquet

    schema = pa.schema([(name, _ARROW_TYPES[kind]) for name, kind in types.items()])
    with (
        atomic_path(path, error=ExportError) as temporary,
        parquet.ParquetWriter(temporary, schema) as writer,
    ):
        yield lambda frame: writer.write_table(
            pa.Table.from_pandas(frame, schema, preserve_index=False)
        )


def _parts(rows: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Lists of at most `_ROWS_AT_ONCE` rows."""
    while part := list(islice(rows, _ROWS_AT_ONCE)):
        yield part
