"""The kinds of object a scene can hold, and how each is drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from napari_vlseg.training.scenes.canvas import Canvas

Draw: TypeAlias = Callable[[Canvas, np.random.Generator, str, str], None]


@dataclass(frozen=True)
class ObjectKind:
    """One kind of object.

    Attributes
    ----------
    name : str
        The word that stands for it in object records.
    draw : callable
        ``draw(canvas, rng, colour, size)`` paints and records one object.
    family : str
        "shape", "thin", "speck" or "biology"; styles of scenes pick by it.
    sized : bool
        Whether "small" and "large" mean something for it.
    coloured : bool
        Whether its colour has a name.
    """

    name: str
    draw: Draw
    family: str
    sized: bool = False
    coloured: bool = True


class KindRegistry:
    """Name → kind; an unknown name answers with the known ones."""

    def __init__(self, kinds: Iterable[ObjectKind]) -> None:
        self._kinds: dict[str, ObjectKind] = {}
        for kind in kinds:
            if kind.name in self._kinds:
                raise ValueError(f"The object kind {kind.name!r} is registered twice.")
            self._kinds[kind.name] = kind

    def __getitem__(self, name: str) -> ObjectKind:
        try:
            return self._kinds[name]
        except KeyError:
            raise KeyError(
                f"No object kind is called {name!r}; choose from {', '.join(self._kinds)}."
            ) from None

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all kinds, in the order of registration."""
        return tuple(self._kinds)

    def family(self, name: str) -> tuple[str, ...]:
        """Names of the kinds of one family."""
        return tuple(kind.name for kind in self._kinds.values() if kind.family == name)
