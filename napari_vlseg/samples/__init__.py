"""Sample images with their true labels: real nuclei of four kinds.

From the Broad Bioimage Benchmark Collection, BBBC038v1 (2018 Data Science Bowl), CC0 1.0.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from napari_vlseg.errors import SettingsError
from napari_vlseg.images import read_image, read_mask

_FOLDER = Path(__file__).parent
_LABELS = "_labels.png"


def sample_names() -> tuple[str, ...]:
    """Names of the samples, in alphabetical order."""
    return tuple(sorted(path.name.removesuffix(_LABELS) for path in _FOLDER.glob(f"*{_LABELS}")))


def load_sample(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Load a sample image and its true labels.

    Parameters
    ----------
    name : str
        One of `sample_names`.

    Returns
    -------
    image : numpy.ndarray, shape (H, W) or (H, W, 3), uint8
    labels : numpy.ndarray, shape (H, W), int32
        0 is background, 1…n are nuclei.

    Raises
    ------
    SettingsError
        If there is no such sample.
    """
    if name not in sample_names():
        raise SettingsError(
            f"There is no sample image “{name}”: choose one of {', '.join(sample_names())}."
        )
    image = read_image(_FOLDER / f"{name}.png").data
    return image, read_mask(_FOLDER / f"{name}{_LABELS}")
