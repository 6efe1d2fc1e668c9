"""Inference in a worker thread against the main thread, at full CLIPSeg rd64 size."""

from __future__ import annotations

import sys
from threading import Thread

from full_size import build_network, build_segmenter, random_plane
from harness import Result, interleaved, median_ratio, options, report

from napari_vlseg.prompts import ClassPrompt


def main() -> bool:
    """Measure, report, and say whether the goal was reached."""
    arguments = options(__doc__, repeats=10)
    segmenter, plane = build_segmenter(build_network()), random_plane()
    own, _ = segmenter.condition(ClassPrompt("nucleus", ("nucleus",)))

    def segment() -> None:
        segmenter.predict(segmenter.encode(plane), [own])

    def segment_in_thread() -> None:
        thread = Thread(target=segment)
        thread.start()
        thread.join()

    seconds = interleaved(
        {"main thread": segment, "worker thread": segment_in_thread}, arguments.repeats
    )
    ratio = median_ratio(seconds["worker thread"], seconds["main thread"])
    result = Result("worker thread vs main thread", ratio, 1.05, "×", "less")
    return report("worker_thread", [result], seconds, arguments.out)


if __name__ == "__main__":
    sys.exit(not main())
