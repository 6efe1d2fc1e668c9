"""What a second worker is worth: one image segmented block by block by one worker, then by two.

Workers are processes of this machine with one thread each, and so is the client, which labels the
blocks meanwhile; on two cores it has no core of its own. The same job in one process, without a
cluster, stands beside them. All three have to give identical labels. The times are those of
2.4 megapixels.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np
from distributed import LocalCluster
from harness import Result, median_ratio, options, report

from napari_vlseg.events import run
from napari_vlseg.images import ImageView, SourceImage
from napari_vlseg.models.base import DenseSegmenter
from napari_vlseg.models.registry import load
from napari_vlseg.prompts import PromptTable
from napari_vlseg.samples import load_sample
from napari_vlseg.workflow.blocks import BlockRunner, grid, segment_blocks
from napari_vlseg.workflow.distributed.blocks import DaskRunner
from napari_vlseg.workflow.distributed.connecting import Cluster, connect
from napari_vlseg.workflow.distributed.models import prepare_steps
from napari_vlseg.workflow.distributed.recipes import ModelRecipe
from napari_vlseg.workflow.distributed.remote import remote_segmenter

SIDE = 1536
BLOCK_SIDE = 384
GOAL = 1.5
MODEL = "vlseg-mini"
PROMPTS = PromptTable.build("nuclei")


def main() -> bool:
    """Measure, report, and say whether every goal was reached."""
    arguments = options(__doc__, repeats=2)
    grid.BLOCK_SIDE = BLOCK_SIDE  # a small image of many blocks, as a large one has
    image = _mosaic(SIDE)
    seconds: dict[str, list[float]] = {"one process": [], "one worker": [], "two workers": []}
    labels: list[np.ndarray] = []
    local = load(MODEL)
    for _ in range(arguments.repeats):
        labels.append(_timed(seconds["one process"], image, local, None))
        for n_workers, name in ((1, "one worker"), (2, "two workers")):
            with _workers(n_workers) as workers, connect(workers.scheduler_address) as cluster:
                labels.append(_on(cluster, n_workers, image, seconds[name]))
    is_same = all((found == labels[0]).all() for found in labels)
    results = [
        Result(
            "two workers beside one",
            median_ratio(seconds["one worker"], seconds["two workers"]),
            GOAL,
            "×",
            "more",
        ),
        Result("identical labels", float(is_same), 1, "", "more"),
    ]
    return report("cluster", results, seconds, arguments.out)


def _workers(number: int) -> LocalCluster:
    return LocalCluster(
        n_workers=number, threads_per_worker=1, dashboard_address=None, host="127.0.0.1"
    )


def _on(cluster: Cluster, n_workers: int, image: SourceImage, times: list[float]) -> np.ndarray:
    """Labels by a cluster whose workers have the model."""
    cluster.client.wait_for_workers(n_workers, timeout=60)
    ready = run(prepare_steps(cluster, ModelRecipe.of(MODEL)))
    for worker in cluster.client.nthreads():
        run(cluster.ask(_warm, ready, near=worker))
    return _timed(times, image, remote_segmenter(cluster, ready), DaskRunner(cluster, ready))


def _warm(ready: object) -> None:
    """On a worker: load the model and compute something with it."""
    from napari_vlseg.images import extract_plane
    from napari_vlseg.workflow.distributed.worker import at_work, loaded

    with at_work(ready.threads):
        loaded(ready.recipe).encode(extract_plane(load_sample("fluorescence")[0]))


def _timed(
    times: list[float], image: SourceImage, model: DenseSegmenter, runner: BlockRunner | None
) -> np.ndarray:
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        work = segment_blocks(
            image, model, PROMPTS, folder=Path(folder), runner=runner, skip_empty=False
        )
        found = np.asarray(run(work).labels[:])
        times.append(time.perf_counter() - start)
    return found


def _mosaic(side: int) -> SourceImage:
    """Real nuclei, side by side."""
    sample, _ = load_sample("fluorescence")
    times = -(-side // min(sample.shape))
    return SourceImage(np.tile(sample, (times, times))[:side, :side], "mosaic", ImageView())


if __name__ == "__main__":
    raise SystemExit(not main())
