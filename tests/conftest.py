"""What all tests share: reproducible property tests and one small scene."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

# Small tensors: with several threads they wait for one another longer than they work. Commands
# that tests start inherit it.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Tests share nothing through the person's own cache of encoded images.
os.environ["NAPARI_VLSEG_CACHE_GB"] = "0"

# Nor do they leave anything in the person's folder of unsaved work.
os.environ["NAPARI_VLSEG_UNSAVED"] = "off"

settings.register_profile("reproducible", derandomize=True, deadline=None, max_examples=50)
settings.load_profile("reproducible")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With several workers, each begins with its share of the slow tests.

    Workers get equal parts of this list, and those that are done first take over from the ends
    of the others' parts: a slow test there would be waited for alone.
    """
    n_workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if n_workers == 1:
        return
    slow = [item for item in items if item.get_closest_marker("slow")]
    quick = [item for item in items if not item.get_closest_marker("slow")]
    borders = [len(quick) * number // n_workers for number in range(n_workers + 1)]
    items[:] = [
        item
        for number in range(n_workers)
        for item in slow[number::n_workers] + quick[borders[number] : borders[number + 1]]
    ]


@pytest.fixture
def scene() -> tuple[np.ndarray, np.ndarray]:
    """Three bright discs, two of them touching: uint8 image (96, 96) and its int32 labels."""
    rows, cols = np.mgrid[:96, :96]
    labels = np.zeros((96, 96), np.int32)
    for number, (row, col) in enumerate([(30, 25), (30, 48), (70, 60)], start=1):
        labels[(rows - row) ** 2 + (cols - col) ** 2 <= 12**2] = number
    noise = np.random.default_rng(0).normal(0, 6, labels.shape)
    image = np.where(labels > 0, 180, 40) + noise
    return np.clip(image, 0, 255).astype(np.uint8), labels


@pytest.fixture(scope="session")
def dsb2018() -> Path:
    """Folder of real nuclei; the test is skipped where it is absent."""
    beside = Path(__file__).parents[1] / "../shared/data/dsb2018"
    folder = Path(os.environ.get("VLSEG_DSB2018", beside))
    if not (folder / "index.csv").is_file():
        pytest.skip("the DSB 2018 nuclei are not here (set VLSEG_DSB2018)")
    return folder
