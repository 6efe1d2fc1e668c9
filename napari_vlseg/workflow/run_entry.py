"""What became of one image of a run: a line of the journal of its folder."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from napari_vlseg.errors import ExportError
from napari_vlseg.files import reading

Status = Literal["done", "failed", "unreadable"]


@dataclass(frozen=True)
class RunEntry:
    """What became of one image; a line of the journal.

    Attributes
    ----------
    labels : str
        Path of the label file in the folder, with ``/``.
    image : str
        Path as it was given.
    status : {"done", "failed", "unreadable"}
        "unreadable" for a file in a folder that turned out to be no image.
    error : str
        Why nothing was written.
    fingerprint : str
        Of everything that decides the labels beside the image, see
        `napari_vlseg.workflow.fingerprints`.
    stamp : str
        Of the image file.
    sha256 : str
        Of the label file.
    probabilities : str or None
        Path of the file of maps in the folder.
    shape : tuple of int
        (H, W) of a plane, in pixels.
    planes : tuple of str
        Which planes of a stack were segmented: positions on the leading axes, with commas
        between. Empty for a single plane, or where labels are classes.
    n_planes : int
    pixel_size : tuple of float or None
        (row, col), in `unit`.
    unit : str
    classes : dict of str to float or None
        Threshold of each class that was asked for, as far as it is known.
    counts : dict of str to int
        Records of each class.
    n_labelled : int
        Pixels with a label.
    model : str
    records : tuple of dict
        See `napari_vlseg.workflow.records.object_records`.
    records_file : str
        Path of a file in the folder with further ones, one on each line: there may be millions.
    """

    labels: str
    image: str
    status: Status = "done"
    error: str = ""
    fingerprint: str = ""
    stamp: str = ""
    sha256: str = ""
    probabilities: str | None = None
    shape: tuple[int, ...] = ()
    planes: tuple[str, ...] = ()
    n_planes: int = 1
    pixel_size: tuple[float, float] | None = None
    unit: str = ""
    classes: Mapping[str, float | None] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    n_labelled: int = 0
    model: str = ""
    records: tuple[dict[str, Any], ...] = field(default=(), repr=False)
    records_file: str = ""

    @classmethod
    def from_line(cls, line: bytes) -> RunEntry:
        """Read what `to_line` made; errors are those of JSON and of the constructor."""
        facts = json.loads(line)
        for name in ("shape", "planes", "pixel_size", "records"):
            if facts[name] is not None:
                facts[name] = tuple(facts[name])
        return cls(**facts)

    def all_records(self, folder: Path) -> Iterator[dict[str, Any]]:
        """The records, read one after another where they are in a file of their own.

        Raises
        ------
        ExportError
            If the file is missing or damaged.
        """
        yield from self.records
        if not self.records_file:
            return
        path = folder / self.records_file
        with reading(path, ExportError), path.open("rb") as stream:
            for line in stream:
                try:
                    yield json.loads(line)
                except ValueError as failure:
                    raise ExportError(
                        f"“{path}” is damaged: run again with --redo, which makes it anew."
                    ) from failure

    def to_line(self) -> str:
        """The entry as one line of JSON."""
        return json.dumps(asdict(self), ensure_ascii=False)
