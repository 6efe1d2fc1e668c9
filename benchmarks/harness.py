"""Interleaved timing, a table and a JSON file: what every benchmark here shares."""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from napari_vlseg.corrections.store import ImageEntry, Project
from napari_vlseg.images import pixels_sha256
from napari_vlseg.training.evaluate_labels import Row, mean_of

# No benchmark finds what an earlier one has encoded, or leaves work to be restored.
os.environ["NAPARI_VLSEG_CACHE_GB"] = "0"
os.environ["NAPARI_VLSEG_UNSAVED"] = "off"

SHORTEST_ROUND = 0.5
"""Seconds that a candidate is given in each round, at least."""


@dataclass(frozen=True)
class Result:
    """One measured number and the goal it has to reach.

    Attributes
    ----------
    name : str
        What was measured.
    value, goal : float
        In `unit`.
    unit : str
    better : {"more", "less"}
        Which way is good.
    """

    name: str
    value: float
    goal: float
    unit: str
    better: Literal["more", "less"]

    @property
    def reached(self) -> bool:
        """Whether the goal was reached."""
        return self.value >= self.goal if self.better == "more" else self.value <= self.goal


def interleaved(
    candidates: Mapping[str, Callable[[], object]], repeats: int
) -> dict[str, list[float]]:
    """Time each candidate in turn, round after round, after one call to warm up.

    A busy machine slows all candidates of a round alike, so that their ratios hold. Short
    jobs are called several times per round, so that one interruption does not decide.

    Returns
    -------
    dict of str to list of float
        Mean seconds per call, of each round.
    """
    for candidate in candidates.values():
        candidate()
    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    for number in range(repeats):
        # To and fro, so that a load that grows or fades weighs on all alike.
        for name in list(candidates)[:: -1 if number % 2 else 1]:
            seconds[name].append(_mean_seconds(candidates[name]))
    return seconds


def _mean_seconds(job: Callable[[], object]) -> float:
    n_calls, start = 0, time.perf_counter()
    while n_calls == 0 or time.perf_counter() - start < SHORTEST_ROUND:
        job()
        n_calls += 1
    return (time.perf_counter() - start) / n_calls


def median_ratio(slow: Sequence[float], fast: Sequence[float]) -> float:
    """Median over the rounds of how many times longer the first took."""
    return statistics.median(a / b for a, b in zip(slow, fast, strict=True))


def report(
    subject: str, results: Sequence[Result], seconds: Mapping[str, Sequence[float]], out: Path
) -> bool:
    """Print the table, write ``<subject>.json``, and say whether every goal was reached."""
    here = machine()
    table = Table(
        title=f"{subject} ({here['processor']}, {here['threads']} of {here['cores']} cores)"
    )
    for heading in ("measured", "value", "goal", ""):
        table.add_column(heading, justify="left" if heading == "measured" else "right")
    for result in results:
        sign = "≥" if result.better == "more" else "≤"
        table.add_row(
            result.name,
            f"{result.value:.3g} {result.unit}",
            f"{sign} {result.goal:g} {result.unit}",
            "reached" if result.reached else "MISSED",
        )
    for name, times in seconds.items():
        table.add_row(f"  {name}", f"{statistics.median(times) * 1e3:.1f} ms", "", "")
    Console().print(table)
    document = {
        "subject": subject,
        "machine": here,
        "results": [asdict(result) | {"reached": result.reached} for result in results],
        "seconds": {name: list(times) for name, times in seconds.items()},
    }
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{subject}.json").write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return all(result.reached for result in results)


def machine() -> dict[str, object]:
    """Where the numbers come from."""
    return {
        "processor": platform.processor() or platform.machine(),
        "system": platform.system(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
    }


def options(description: str | None, repeats: int) -> argparse.Namespace:
    """Command line of a benchmark; sets the number of torch's threads.

    One thread is the default: with several, whatever else the machine does stalls the
    threads at every barrier, and short jobs suffer more than long ones.
    """
    parser = options_parser(description)
    parser.add_argument("--repeats", type=int, default=repeats, help="timed rounds")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    return arguments


def options_parser(description: str | None) -> argparse.ArgumentParser:
    """The options that every benchmark has; more may be added."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument(
        "--out", type=Path, default=Path("benchmark-results"), help="folder for the JSON files"
    )
    parser.add_argument("--threads", type=int, default=1, help="threads of torch")
    return parser


def nuclei_parser(description: str | None) -> argparse.ArgumentParser:
    """Command line of a benchmark on the DSB 2018 images; more options may be added."""
    beside = Path(__file__).parents[1] / "../shared/data/dsb2018"
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument(
        "--dsb2018",
        type=Path,
        default=Path(os.environ.get("VLSEG_DSB2018", beside)),
        help="folder with index.csv, images and labels [default: $VLSEG_DSB2018]",
    )
    parser.add_argument("--out", type=Path, default=Path("benchmark-results"), help="JSON files")
    return parser


def pipeline_arguments(description: str | None) -> argparse.Namespace:
    """What a benchmark of text, then clicks, on the DSB 2018 images is called with."""
    parser = nuclei_parser(description)
    parser.add_argument("--model", default="vlseg-mini", help="text model, name or folder")
    parser.add_argument("--refine", default="sam-mini", help="click model, name or folder")
    parser.add_argument("--every", type=int, default=1, help="take every n-th image alone")
    return parser.parse_args()


def empty_plane_in(folder: Path, side: int) -> ImageEntry:
    """A new project with one image of zeros, uint8 (side, side), as its entry."""
    pixels = np.zeros((side, side), np.uint8)
    return Project.create(folder).add_image(
        "plane",
        source_path=None,
        pixels_sha256=pixels_sha256(pixels),
        shape=pixels.shape,
        dtype=pixels.dtype,
        axes="YX",
        embed=pixels,
    )


def print_by_kind(rows: Sequence[Row], methods: Sequence[str], metrics: Mapping[str, str]) -> None:
    """A table of means by kind of image for each metric.

    Parameters
    ----------
    rows : sequence of dict
        One per image: ``kind``, and ``<method> <metric>`` for every pair.
    methods : sequence of str
    metrics : mapping of str to str
        Metric → title of its table.
    """
    kinds: Mapping[str, list[Row]] = defaultdict(list)
    for row in rows:
        kinds[str(row["kind"])].append(row)
    for metric, title in metrics.items():
        table = Table("kind", "images", *methods, title=title)
        for kind, members in (*sorted(kinds.items()), ("mean of images", list(rows))):
            means = (f"{mean_of(members, f'{method} {metric}'):.3f}" for method in methods)
            table.add_row(kind, str(len(members)), *means)
        Console().print(table)
