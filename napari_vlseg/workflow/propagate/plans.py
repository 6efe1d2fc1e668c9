"""Which objects are looked for on which planes, and from which side."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from napari_vlseg.errors import PromptError, SettingsError
from napari_vlseg.workflow.propagate.pieces import Piece

Direction = Literal["both", "forward", "backward"]
Anchors = Mapping[int, Mapping[int, Piece]]
"""Object → plane → what a person says that it is there."""


def steps_of(direction: Direction) -> tuple[int, ...]:
    """1 for upwards, -1 for downwards."""
    return {"both": (1, -1), "forward": (1,), "backward": (-1,)}[direction]


def plan_for(
    anchors: Anchors, first: int, last: int, todo: Mapping[int, Iterable[int]] | None, step: int
) -> dict[int, set[int]]:
    """Planes on which to look for each object when coming from one side.

    Between two anchors each looks after the planes that are nearer to it.
    """
    plan: dict[int, set[int]] = {}
    for number, of in anchors.items():
        asked = range(first, last + 1) if todo is None else todo.get(number, ())
        plan[number] = {p for p in asked if p not in of and _nearest(p, of) == step}
    return plan


def _nearest(plane: int, anchors: Iterable[int]) -> int:
    """1 where the anchor from which a plane is reached lies below it, else -1."""
    anchor = min(anchors, key=lambda anchor: (abs(anchor - plane), anchor > plane))
    return 1 if anchor < plane else -1


def check_anchors(anchors: Anchors, n_planes: int, first: int, last: int) -> None:
    """Refuse what can't be followed.

    Raises
    ------
    PromptError
        If there is no object, or one lies outside the planes.
    SettingsError
        If the range of planes is empty or outside the stack.
    """
    if not 0 <= first <= last < n_planes:
        raise SettingsError(
            f"The planes {first} to {last} are no part of a stack of {n_planes}: choose a range "
            f"from 0 to {n_planes - 1}."
        )
    if not any(anchors.values()):
        raise PromptError("There is no object to follow: outline one, or select one.")
    for number, of in anchors.items():
        for plane in of:
            if number < 1 or not first <= plane <= last:
                raise PromptError(
                    f"Object {number} on plane {plane} can't be followed: give objects from 1 on "
                    f"planes {first} to {last}."
                )
