"""Pictures that the build draws for pages which ask for them by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from drawing import Panel, side_by_side


@dataclass(frozen=True)
class Figure:
    """A picture for a page; `width` is that of each of its panels."""

    says: str
    panels: Callable[[], Sequence[Panel]]
    width: int


@dataclass(frozen=True)
class Album:
    """Pictures by their names.

    Attributes
    ----------
    folder : str
        Of the pictures, in the docs.
    seen_from : str
        Folder of the pages that show them.
    figures : mapping of str to Figure
    """

    folder: str
    seen_from: str
    figures: Mapping[str, Figure]

    def markdown(self, name: str) -> str:
        """A picture as Markdown.

        Raises
        ------
        LookupError
            If there is no such picture.
        """
        if name not in self.figures:
            known = ", ".join(self.figures)
            raise LookupError(f"There is no picture “{name}”: choose {known}.")
        place = Path(self.folder).relative_to(self.seen_from).as_posix()
        return f"![{self.figures[name].says}]({place}/{name}.webp)"

    @cached_property
    def pictures(self) -> dict[str, bytes]:
        """All pictures as WebP files, by path in the docs; drawn once."""
        return {
            f"{self.folder}/{name}.webp": side_by_side(one.panels(), one.width)
            for name, one in self.figures.items()
        }

    def write(self, folder: Path) -> None:
        """Draw all pictures into a folder."""
        for path, picture in self.pictures.items():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(picture)
