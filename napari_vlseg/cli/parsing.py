"""What options say, as the objects that the work takes. Imported when a command runs."""

from __future__ import annotations

import math
from collections.abc import Sequence

from napari_vlseg.cli.references import ReferenceSpec, read_references
from napari_vlseg.errors import SettingsError
from napari_vlseg.images import Channel
from napari_vlseg.prompts import TEMPLATES, PromptTable, parse_class
from napari_vlseg.visual_prompts import VisualPromptSettings


def build_table(
    text: Sequence[str],
    specs: Sequence[ReferenceSpec],
    mix: float,
    threshold: float | None,
    template: str,
    visual: VisualPromptSettings,
) -> PromptTable:
    """The prompt table that the options describe.

    Raises
    ------
    PromptError, ImageError, SettingsError
    """
    if template not in TEMPLATES:
        raise SettingsError(
            f"There is no template set “{template}”: choose one of {', '.join(TEMPLATES)}."
        )
    classes = list(dict.fromkeys(parse_class(spec)[0] for spec in text))
    return PromptTable.build(
        list(text),
        read_references(specs, classes),
        mix=mix,
        threshold=threshold,
        templates=TEMPLATES[template],
        visual=visual,
    )


def parse_plane(plane: str | None) -> tuple[int, ...]:
    """``"3,0"`` as positions on the leading axes.

    Raises
    ------
    SettingsError
        If a part is no whole number from 0.
    """
    parts = plane.split(",") if plane else []
    if not all(part.strip().isdecimal() for part in parts):
        raise SettingsError(f"The plane “{plane}” is not a list of numbers from 0, such as 3,0.")
    return tuple(int(part) for part in parts)


def parse_planes(planes: str | None) -> tuple[tuple[int, ...] | None, ...]:
    """``"all;0,5-7"`` as positions on each leading axis, None for all of them.

    Raises
    ------
    SettingsError
        If a part is no position and no range.
    """
    return () if planes is None else tuple(_positions(axis, planes) for axis in planes.split(";"))


def _positions(axis: str, planes: str) -> tuple[int, ...] | None:
    if axis.strip() == "all":
        return None
    chosen: list[int] = []
    for part in axis.split(","):
        first, _, last = (text.strip() for text in part.partition("-"))
        last = last if "-" in part else first
        if not (first.isdecimal() and last.isdecimal() and int(first) <= int(last)):
            raise SettingsError(
                f"“{planes}” does not say which planes: give all, a list such as 0,3, a range "
                "such as 5-20, or one of these for each leading axis with semicolons between."
            )
        chosen += range(int(first), int(last) + 1)
    return tuple(dict.fromkeys(chosen))


def parse_pixel_size(scale: str | None) -> tuple[float, float] | None:
    """``"0.25"`` or ``"0.5,0.25"`` as (row, col) in micrometres.

    Raises
    ------
    SettingsError
        If it is not one positive number, or two.
    """
    if scale is None:
        return None
    try:
        sizes = [float(part) for part in scale.split(",")]
    except ValueError:
        sizes = []
    if len(sizes) not in (1, 2) or not all(0 < size < math.inf for size in sizes):
        raise SettingsError(
            f"The scale “{scale}” is no size of a pixel: give micrometres, such as 0.25, or "
            "0.5,0.25 for rows and columns."
        )
    return sizes[0], sizes[-1]


def parse_numbers(text: str) -> tuple[int, ...]:
    """``"5,10"`` as numbers.

    Raises
    ------
    SettingsError
        If a part is no whole number from 1.
    """
    parts = text.split(",")
    if not all(part.strip().isdecimal() and int(part) for part in parts):
        raise SettingsError(f"“{text}” is not a list of whole numbers from 1, such as 5,10,20.")
    return tuple(int(part) for part in parts)


def parse_channels(specs: Sequence[str]) -> tuple[Channel, ...]:
    """``["0=#00ff00", "2=#ff00ff"]`` as channels; a colour that is left out is white.

    Raises
    ------
    SettingsError
        If a part is no whole number from 0, or a colour has another form.
    """
    channels = []
    for spec in specs:
        number, _, color = spec.partition("=")
        if not number.strip().isdecimal():
            raise SettingsError(f"The channel “{spec}” is not of the form 0 or 0=#00ff00.")
        channels.append(Channel(int(number), color.strip() or "#ffffff"))
    return tuple(channels)


def parse_range(text: str | None) -> tuple[int, int | None]:
    """``"5-20"`` as the first and the last plane; the last is None where nothing is said.

    Raises
    ------
    SettingsError
        If it has another form.
    """
    if not text:
        return 0, None
    first, _, last = text.partition("-")
    if not first.strip().isdecimal() or not last.strip().isdecimal():
        raise SettingsError(f"The planes “{text}” are not of the form 5-20.")
    return int(first), int(last)


def parse_scale(text: str | None) -> tuple[float, float, float] | None:
    """``"2,0.5,0.5"`` as sizes of a step along planes, rows and columns; None where not given.

    Raises
    ------
    SettingsError
        If these are not three numbers above 0.
    """
    if not text:
        return None
    try:
        steps = tuple(float(part) for part in text.split(","))
    except ValueError:
        steps = ()
    if len(steps) != 3 or min(steps) <= 0:
        raise SettingsError(f"The scale “{text}” is not three numbers above 0, such as 2,0.5,0.5.")
    return steps[0], steps[1], steps[2]
