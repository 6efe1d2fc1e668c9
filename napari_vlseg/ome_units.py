"""Units of OME-Zarr, which spells them out, and the signs that are shown."""

from __future__ import annotations

_SIGNS = {
    "angstrom": "Å",
    "nanometer": "nm",
    "micrometer": "µm",
    "millimeter": "mm",
    "centimeter": "cm",
    "meter": "m",
    "nanosecond": "ns",
    "microsecond": "µs",
    "millisecond": "ms",
    "second": "s",
    "minute": "min",
    "hour": "h",
    "day": "d",
}
_NAMES = {sign: name for name, sign in _SIGNS.items()}
_SPELLINGS = {"μm": "µm", "um": "µm", "micron": "µm", "microns": "µm", "μs": "µs", "sec": "s"}


def short_unit(name: str) -> str:
    """The sign of a unit of OME-Zarr; other texts as they are.

    Examples
    --------
    >>> short_unit("micrometer"), short_unit("parsec")
    ('µm', 'parsec')
    """
    return _SIGNS.get(name, "" if name in ("pixel", "pixels") else name)


def long_unit(sign: str) -> str | None:
    """The name that OME-Zarr has for a unit; None where it has none.

    Examples
    --------
    >>> long_unit("µm"), long_unit("furlong")
    ('micrometer', None)
    """
    sign = _SPELLINGS.get(sign, sign)
    return _NAMES.get(sign, sign if sign in _SIGNS else None)
