"""How far propagation goes, and when it stops."""

from __future__ import annotations

from dataclasses import dataclass

from napari_vlseg.errors import SettingsError


@dataclass(frozen=True)
class PropagateSettings:
    """When an object counts as found again.

    Attributes
    ----------
    least_score : float
        Bound of the score, in [0, 1], below which an object is lost. The score is the product
        of the IoU that the model predicts, the overlap with the place that was expected, and
        how much appearance and area are like before.
    least_area, most_area : float
        Area relative to that on the plane before, outside which an object has not only
        changed: below 1 and above 1.
    least_contrast : float
        How far an object has to stand out from its surroundings, relative to before, in [0, 1].
        What falls below has ended, as a solid does above its top.
    most_overlap : float
        Share of the smaller of two outlines from which both claim one object, in [0, 1].
    reach : float
        How far an object is looked for around where its motion takes it, in its own sizes.
    least_pixels : int
        Objects of fewer pixels have ended.

    Raises
    ------
    SettingsError
        If a value lies outside its range.
    """

    least_score: float = 0.15
    least_area: float = 0.35
    most_area: float = 2.5
    least_contrast: float = 0.35
    most_overlap: float = 0.6
    reach: float = 0.5
    least_pixels: int = 6

    def __post_init__(self) -> None:
        for name in ("least_score", "least_area", "least_contrast", "most_overlap"):
            _check(name, getattr(self, name), 0, 1)
        _check("most_area", self.most_area, 1, 1000)
        _check("reach", self.reach, 0, 100)
        _check("least_pixels", self.least_pixels, 1, 10**9)


def _check(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise SettingsError(f"{name} is {value:g}: choose a number from {low:g} to {high:g}.")
