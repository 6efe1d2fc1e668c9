"""Models that remember objects from plane to plane: what propagation programs against."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

# For annotations alone, so that nothing heavy is imported.
if TYPE_CHECKING:
    import numpy as np

    from napari_vlseg.events import Work
    from napari_vlseg.models.base import MaskProposal
    from napari_vlseg.proposals import ModelInfo


@runtime_checkable
class VideoSegmenter(Protocol):
    """A model that follows objects by its memory of the planes before."""

    @property
    def info(self) -> ModelInfo:
        """Name, revision, hash, device and precision."""
        ...

    def begin(self) -> VideoMemory:
        """A memory that holds nothing yet."""
        ...


class VideoMemory(Protocol):
    """What a model remembers of objects, in a bounded number of planes.

    Planes come one after another in one direction. Of each only what the model made of it is
    kept, and of that as many as the model looks back to.
    """

    def look(self, plane: np.ndarray, number: int, *, reverse: bool = False) -> Work[None]:
        """Encode the next plane.

        Parameters
        ----------
        plane : numpy.ndarray, shape (H, W, 3), float32 in [0, 1]
            Of one shape always.
        number : int
            Its place in the sequence.
        reverse : bool
            Whether planes come from the last to the first.
        """
        ...

    def learn(self, key: int, mask: np.ndarray) -> None:
        """Take note of an object on the plane that was looked at last.

        Parameters
        ----------
        key : int
            The object; what is known of it from other planes stays known.
        mask : numpy.ndarray, shape (H, W), bool
        """
        ...

    def find(self, key: int) -> MaskProposal:
        """Find an object on the plane that was looked at last, and remember it as found.

        Returns
        -------
        MaskProposal
            Its score is the probability that the object is there at all.
        """
        ...

    def forget(self, key: int) -> None:
        """Drop everything about an object."""
        ...
