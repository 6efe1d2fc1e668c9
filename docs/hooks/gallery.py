"""The gallery: bundled models on pictures of scikit-image's wheel, drawn while the docs are built.

``python docs/hooks/gallery.py FOLDER`` draws it into a folder, for a look without a build.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from drawing import Panel, Pen, side_by_side
from entries import ENTRIES, Entry
from facts import bundled
from marks import Verdict

from napari_vlseg.images import extract_plane
from napari_vlseg.workflow.api import default_view

FOLDER = "gallery"
_SECTIONS = {"good": "What works", "mixed": "What works in part", "poor": "What fails"}
_PANEL = 400


@dataclass(frozen=True)
class Exhibit:
    """An entry with what the model found; `picture` is a WebP file."""

    entry: Entry
    verdict: Verdict
    n_objects: int
    covered: float
    picture: bytes

    @property
    def path(self) -> str:
        """Where the picture lies in the docs."""
        return f"{FOLDER}/{self.entry.name}.webp"


@lru_cache(maxsize=1)
def exhibits() -> tuple[Exhibit, ...]:
    """Those of bundled models; drawn once, since the docs server builds again and again."""
    there = bundled()
    return tuple(exhibit(entry) for entry in ENTRIES if entry.prompt.model in there)


def exhibit(entry: Entry) -> Exhibit:
    """Ask the model, compare with the marks, and draw.

    Parameters
    ----------
    entry : Entry

    Returns
    -------
    Exhibit
    """
    image = entry.picture.load()
    labels = entry.prompt.find(image)
    return Exhibit(
        entry,
        entry.marks.judge(labels),
        len(np.unique(labels[labels > 0])),
        float(np.mean(labels > 0)),
        _draw(entry, image, labels),
    )


def as_markdown(shown: Sequence[Exhibit]) -> str:
    """The gallery as Markdown, sorted by how well it went."""
    parts = []
    for grade, heading in _SECTIONS.items():
        chosen = [one for one in shown if one.verdict.grade == grade]
        if chosen:
            parts += [f"## {heading}", *map(_section, chosen)]
    return "\n\n".join(parts)


def _section(one: Exhibit) -> str:
    entry, picture = one.entry, one.entry.picture
    objects = "1 object" if one.n_objects == 1 else f"{one.n_objects} objects"
    found = f"{objects} on {one.covered:.1%} of the area; {one.verdict.sentence}."
    return "\n\n".join(
        (
            f"### {entry.title}",
            f"![{entry.title}: the picture with marks, and what was found]({one.path})",
            f"- **Prompt**: {entry.prompt.describe()}.\n- **Found**: {found}",
            entry.caption,
            f"*Picture: {picture.credit} Licence: {picture.licence}*",
        )
    )


def _draw(entry: Entry, image: np.ndarray, labels: np.ndarray) -> bytes:
    """The picture with prompt and marks, beside it what was found."""
    plane = extract_plane(image, (), default_view(image))

    def draw(pen: Pen) -> None:
        entry.marks.draw(pen)
        entry.prompt.draw(pen)

    return side_by_side([Panel(plane, draw=draw), Panel(plane, labels)], _PANEL)


def main(folder: str) -> None:
    """Draw the gallery into a folder, with its Markdown."""
    target = Path(folder)
    (target / FOLDER).mkdir(parents=True, exist_ok=True)
    for one in exhibits():
        (target / one.path).write_bytes(one.picture)
        print(f"{one.entry.name}: {one.verdict.grade}, {one.verdict.sentence}")
    (target / "gallery.md").write_text(as_markdown(exhibits()), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
