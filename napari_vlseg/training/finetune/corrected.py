"""What a person corrected, as arrays: which objects there are, and where that is certain."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy import ndimage as ndi

from napari_vlseg.errors import ImageError

RIM = 6
"""Pixels around an object that was looked at in which the background was looked at too."""


@dataclass(frozen=True, eq=False)
class CorrectedPlane:
    """A plane with objects that a person has decided about.

    Attributes
    ----------
    plane : numpy.ndarray, shape (H, W, 3), float32 in [0, 1]
        As a model sees it.
    labels : numpy.ndarray, shape (H, W), integer
        0 is background.
    classes : dict of int to str
        Class name of each label that counts.
    reviewed : numpy.ndarray, shape (H, W), bool
        Where the labels are the person's word; the rest teaches nothing.
    group : str
        Planes of one group stay together when some are held out: one image, one slide.
    name : str
        For people.

    Raises
    ------
    ImageError
        If the shapes differ.
    """

    plane: np.ndarray = field(repr=False)
    labels: np.ndarray = field(repr=False)
    classes: Mapping[int, str]
    reviewed: npt.NDArray[np.bool_] = field(repr=False)
    group: str = ""
    name: str = ""

    def __post_init__(self) -> None:
        shapes = {self.plane.shape[:2], self.labels.shape, self.reviewed.shape}
        if len(shapes) > 1:
            raise ImageError(
                f"The plane has shape {self.plane.shape}, its labels {self.labels.shape} and "
                f"what was reviewed {self.reviewed.shape}: take all from one plane."
            )

    @property
    def objects(self) -> dict[int, str]:
        """Class name of each label that counts and has a reviewed pixel."""
        present = np.unique(self.labels[self.reviewed])
        return {int(v): self.classes[int(v)] for v in present if int(v) in self.classes}

    def mask_of(self, class_name: str) -> npt.NDArray[np.bool_]:
        """Pixels (H, W) of a class."""
        wanted = [label for label, name in self.classes.items() if name == class_name]
        return np.isin(self.labels, wanted)


def reviewed_pixels(
    labels: np.ndarray,
    decided: Collection[int],
    rejected: Iterable[npt.NDArray[np.bool_]] = (),
    *,
    everything: bool = False,
    rim: int = RIM,
) -> npt.NDArray[np.bool_]:
    """Where labels are the person's word.

    Parameters
    ----------
    labels : numpy.ndarray, shape (H, W), integer
    decided : collection of int
        Labels that were accepted, drawn or corrected.
    rejected : iterable of numpy.ndarray, shape (H, W), bool
        What was proposed and rejected: background for certain.
    everything : bool
        Whether the person called the whole plane done.
    rim : int
        Pixels around decided objects that count as background where nothing else is.

    Returns
    -------
    numpy.ndarray, shape (H, W), bool
    """
    if everything:
        return np.ones(labels.shape, bool)
    own = np.isin(labels, list(decided))
    near = ndi.binary_dilation(own, iterations=rim) if rim and own.any() else own
    reviewed = own | (near & (labels == 0))
    for mask in rejected:
        reviewed |= mask & (labels == 0)
    return np.asarray(reviewed, bool)
