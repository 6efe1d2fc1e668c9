"""Memory does not grow with the image: measured in processes of their own."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

_RUN = """
    import resource, sys
    from pathlib import Path
    import numpy as np
    import zarr
    from napari_vlseg.events import run
    from napari_vlseg.images import ImageView
    from napari_vlseg.prompts import PromptTable
    from napari_vlseg.workflow.blocks import BlockSource, segment_blocks
    from tests.fakes import BrightnessSegmenter

    folder, rows = Path(sys.argv[1]), int(sys.argv[2])
    shape = (rows, 4096)
    image = zarr.create_array(folder / "image", shape=shape, chunks=(512, 512), dtype="uint8")
    spots = np.full((512, 512), 8, np.uint8)
    spots[64:96, 64:96] = spots[490:, 300:330] = 230
    for row in range(0, rows, 512):
        for col in range(0, 4096, 512):
            image[row : row + 512, col : col + 512] = spots
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    source = BlockSource.of(image, ImageView())
    found = run(
        segment_blocks(
            source, BrightnessSegmenter(), PromptTable.build("nuclei=bright"), folder=folder
        )
    )
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(len(found.objects), (after - before) // 1024)
"""


def grown(folder, rows: int) -> tuple[int, int]:
    """Objects found, and MiB that the run took, for an image of some rows."""
    folder.mkdir()
    command = [sys.executable, "-c", textwrap.dedent(_RUN), str(folder), str(rows)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    objects, mib = map(int, done.stdout.split())
    return objects, mib


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs getrusage")
def test_twice_the_image_takes_as_much_memory(tmp_path):
    objects, small = grown(tmp_path / "small", 3072)
    more_objects, large = grown(tmp_path / "large", 6144)
    assert (objects, more_objects) == (2 * 48, 2 * 96)
    assert large < small + 100  # MiB; the image alone grew by 12, as float32 RGB by 150
    assert large < 600
