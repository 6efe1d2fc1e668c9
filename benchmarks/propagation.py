"""Objects followed through 30 planes from one click each, beside two ways to do without.

``python benchmarks/propagation.py``: painted cells that move, slowly, quickly and into each
other, and solids that are cut into planes. On the first plane (on the middle one of solids) each
object is clicked once, and sam-mini outlines it; every method goes on from these outlines.

- *propagate*: `napari_vlseg.workflow.propagate`.
- *mask prompt*: the outline of the plane before is the prompt of the next, and nothing else.
- *text + linking*: vlseg-mini finds “nuclei” on every plane, and overlap links them.

The plane that was clicked is not compared. vlseg-mini was taught what nuclei look like, and these
scenes look like nuclei; propagation is told nothing but the clicks, and may fall behind a little.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from statistics import mean
from time import perf_counter, process_time

import numpy as np
from harness import Result, machine, options, report
from rich.console import Console
from rich.table import Table
from scipy import ndimage as ndi

import napari_vlseg
from napari_vlseg.events import Event, run
from napari_vlseg.models.base import DenseSegmenter, PromptableSegmenter
from napari_vlseg.models.registry import require_dense, require_promptable
from napari_vlseg.object_prompts import MaskLogits, ObjectPrompt
from napari_vlseg.planes import ImageView, extract_plane
from napari_vlseg.prompts import PromptTable
from napari_vlseg.training.evaluate_sequences import SequenceScore, score_sequence
from napari_vlseg.training.scenes.sequences import Sequence, generate_motion, generate_volume
from napari_vlseg.workflow.linking import LinkSettings, link_planes
from napari_vlseg.workflow.propagate.following import propagate
from napari_vlseg.workflow.propagate.pieces import Piece, painted
from napari_vlseg.workflow.propose import propose

N_PLANES = 30
SEEDS = (0, 1)
PROPAGATE, MASK_PROMPT, TEXT = "propagate", "mask prompt", "text + linking"
METHODS = (PROPAGATE, MASK_PROMPT, TEXT)

SCENES: Mapping[str, tuple[Callable[[int], Sequence], int]] = {
    "moving": (generate_motion, 0),
    "moving fast": (lambda seed: generate_motion(seed, speed=6), 0),
    "moving, touching": (lambda seed: generate_motion(seed, touching=True), 0),
    "solids": (generate_volume, N_PLANES // 2),
    "solids, touching": (lambda seed: generate_volume(seed, touching=True), N_PLANES // 2),
}
"""Name → generator by seed, and the plane that is clicked."""

Labels = Callable[[int], np.ndarray]


@dataclass(frozen=True)
class Row:
    """One method on one scene; `wait` is the longest work between two events, in seconds."""

    scene: str
    seed: int
    method: str
    score: SequenceScore
    stops: int
    ms: float
    wait: float = 0.0


class Course:
    """A scene with the outlines that clicks gave on one plane."""

    def __init__(self, sequence: Sequence, start: int, model: PromptableSegmenter) -> None:
        self.sequence, self.start, self.model = sequence, start, model
        low, high = np.percentile(sequence.image, (1, 99.8))
        self._view = ImageView(contrast=(float(low), float(high)))
        self.pieces = self._clicked()
        self.wait = 0.0
        self._last = process_time()

    def begin(self) -> None:
        """The next event is waited for from now."""
        self._last = process_time()

    def heard(self, event: Event) -> None:
        """Note how long an event took: a cancel takes effect at the next one.

        Processor time, so that whatever else the machine does is left out.
        """
        now = process_time()
        self.wait, self._last = max(self.wait, now - self._last), now

    def plane(self, number: int) -> np.ndarray:
        """A plane as models see it; the contrast is that of the whole scene."""
        return extract_plane(self.sequence.image, (number,), self._view)

    def _clicked(self) -> dict[int, Piece]:
        truth = self.sequence.labels[self.start]
        embedding = self.model.encode(self.plane(self.start))
        pieces = {}
        for number in np.unique(truth[truth > 0]).tolist():
            depth = ndi.distance_transform_edt(truth == number)
            click = np.unravel_index(int(depth.argmax()), depth.shape)
            best = self.model.predict(embedding, points=[click])[0]
            top, left, mask = best.crop()
            if mask.any():
                pieces[number] = Piece.of(top, left, mask)
        return pieces

    def score(self, labels: Labels) -> SequenceScore:
        """Agreement with the truth on all planes but the one that was clicked."""
        return score_sequence(self.sequence.labels, labels, self.pieces, without=[self.start])


def main() -> bool:
    """Measure, report, and say whether the goals were reached."""
    arguments = options(__doc__, repeats=1)
    clicking = require_promptable(napari_vlseg.load_model("sam-mini", device="cpu"))
    reading = require_dense(napari_vlseg.load_model("vlseg-mini", device="cpu"))
    rows = [
        row for name in SCENES for seed in SEEDS for row in measure(name, seed, clicking, reading)
    ]
    print_table(rows)
    arguments.out.mkdir(parents=True, exist_ok=True)
    document = {"machine": machine(), "rows": [asdict(row) for row in rows]}
    text = json.dumps(document, indent=1)
    (arguments.out / "propagation_scenes.json").write_text(text + "\n", "utf-8")
    return report("propagation", results(rows), {}, arguments.out)


def measure(
    name: str, seed: int, clicking: PromptableSegmenter, reading: DenseSegmenter
) -> list[Row]:
    """Every method on one scene."""
    generate, start = SCENES[name]
    course = Course(generate(seed), start, clicking)
    found = []
    for method, follow in (
        (PROPAGATE, with_propagation),
        (MASK_PROMPT, with_mask_prompts),
        (TEXT, lambda course: with_text(course, reading)),
    ):
        begun = perf_counter()
        labels, stops = follow(course)
        each = (perf_counter() - begun) / (N_PLANES - 1) / len(course.pieces)
        wait = course.wait if method == PROPAGATE else 0.0
        found.append(Row(name, seed, method, course.score(labels), stops, 1e3 * each, wait))
    return found


def with_propagation(course: Course) -> tuple[Labels, int]:
    """As the package does it."""
    anchors = {number: {course.start: piece} for number, piece in course.pieces.items()}
    course.begin()
    found = run(propagate(course.model, course.plane, N_PLANES, anchors), course.heard)
    return found.labels, len(found.log.stops)


def with_mask_prompts(course: Course) -> tuple[Labels, int]:
    """Each outline as the prompt of the next plane; an object stops where nothing comes back."""
    shape = course.sequence.labels.shape[1:]
    planes = {course.start: painted(course.pieces, shape)}
    stops = 0
    for order in (range(course.start + 1, N_PLANES), range(course.start - 1, -1, -1)):
        masks = {n: MaskLogits.of_mask(piece.on_plane(shape)) for n, piece in course.pieces.items()}
        for number in order:
            embedding = course.model.encode(course.plane(number))
            prompts = [ObjectPrompt(mask=mask) for mask in masks.values()]
            answers = course.model.predict_objects(embedding, prompts) if prompts else []
            outlines = {
                n: of[0] for n, of in zip(masks, answers, strict=True) if of[0].crop()[2].any()
            }
            stops += len(masks) - len(outlines)
            pieces = {n: Piece.of(*one.crop()) for n, one in outlines.items()}
            planes[number] = painted(pieces, shape)
            masks = {n: MaskLogits.of_mask(one.mask) for n, one in outlines.items()}
    return planes.__getitem__, stops


def with_text(course: Course, model: DenseSegmenter) -> tuple[Labels, int]:
    """Every plane by itself, then linked; objects are those that were clicked on."""
    table = PromptTable.build("nuclei")
    planes = [run(propose(model, course.plane(n), table)).labels for n in range(N_PLANES)]
    linked = run(link_planes(planes, settings=LinkSettings(gap=1)))
    shape = course.sequence.labels.shape[1:]
    clicked = painted(course.pieces, shape)
    start = linked.relabelled(course.start, planes[course.start])
    name_of: dict[int, int] = {}
    for number in course.pieces:
        values, counts = np.unique(start[(clicked == number) & (start > 0)], return_counts=True)
        if len(values):
            name_of[int(values[counts.argmax()])] = number

    def labels(plane: int) -> np.ndarray:
        names = np.zeros(linked.n_objects + 1, np.int32)
        for found, number in name_of.items():
            names[found] = number
        return names[linked.relabelled(plane, planes[plane])]

    ends = linked.objects().set_index("label")["last_plane"]
    return labels, sum(int(ends[found]) < N_PLANES - 1 for found in name_of)


def results(rows: list[Row]) -> list[Result]:
    """What has to be reached: overlap, identities, and more than the rivals."""
    found = []
    for scene in SCENES:
        ours, plain, text = (mean_iou(rows, scene, method) for method in METHODS)
        goal = 0.94 if "moving" in scene else 0.9
        found.append(Result(f"{scene}: mean IoU over {N_PLANES} planes", ours, goal, "", "more"))
        found.append(Result(f"{scene}: above mask prompt", ours - plain, 0, "IoU", "more"))
        found.append(Result(f"{scene}: above text + linking", ours - text, -0.03, "IoU", "more"))
        if "touching" not in scene:
            switches = sum(r.score.switches for r in of(rows, scene, PROPAGATE))
            found.append(Result(f"{scene}: identity switches", switches, 0, "", "less"))
    each = mean(row.ms for row in rows if row.method == PROPAGATE)
    found.append(Result("per plane and object", each, 60, "ms", "less"))
    found.append(
        Result("longest work between two events", max(r.wait for r in rows), 0.5, "s", "less")
    )
    return found


def of(rows: list[Row], scene: str, method: str) -> list[Row]:
    """Rows of one method on one kind of scene."""
    return [row for row in rows if row.scene == scene and row.method == method]


def mean_iou(rows: list[Row], scene: str, method: str) -> float:
    """Mean over the seeds."""
    return mean(row.score.iou for row in of(rows, scene, method))


def print_table(rows: list[Row]) -> None:
    """One line for each method and kind of scene."""
    columns = (
        "scene",
        "method",
        "mean IoU",
        "switches",
        "lost",
        "stops",
        "ms per plane and object",
    )
    table = Table(*columns)
    for scene in SCENES:
        for method in METHODS:
            some = of(rows, scene, method)
            table.add_row(
                scene,
                method,
                f"{mean_iou(rows, scene, method):.3f}",
                str(sum(row.score.switches for row in some)),
                f"{mean(row.score.lost for row in some):.1%}",
                str(sum(row.stops for row in some)),
                f"{mean(row.ms for row in some):.0f}",
            )
        table.add_section()
    Console().print(table)


if __name__ == "__main__":
    sys.exit(not main())
