"""The Review tab with 50,000 objects in a real window: opening, scrolling, sorting, deciding.

A timer of 5 ms beats in the window's event loop; the time between two beats is how long nothing
could be clicked or drawn. Starts a virtual screen where there is none.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from harness import Result, options, report
from window import Heartbeat, pump, pump_until, with_a_screen

from napari_vlseg.proposals import completed

if TYPE_CHECKING:
    from napari_vlseg.ui.dock_widget import VlsegWidget

LIMIT_MS = 100.0
OPEN_LIMIT_MS = 1000.0
"""Of opening, which napari needs for one more layer, and of the first edit, which writes files."""
DRAWING_LIMIT_MS = 500.0
"""Where the canvas moves: a virtual screen draws it in software, on the same cores."""
ONCE = ("opening", "accepting the first, which begins to keep the work")
DRAWN = ("going to the next", "accepting")
N_OBJECTS = 50_000
_CELL = 18  # pixels from one object to the next
_SCROLLS = 120
_DECISIONS = 12


def main() -> bool:
    """Measure, report, and say whether every goal was reached."""
    arguments = options(__doc__, repeats=1)
    import napari

    from napari_vlseg.ui.dock_widget import VlsegWidget

    viewer = napari.Viewer()
    widget = VlsegWidget(viewer)
    viewer.window.add_dock_widget(widget, name="VLSeg", add_vertical_stretch=False)
    _show_objects(widget)
    pump(2.0)
    beat = Heartbeat()
    gaps: dict[str, list[float]] = {}
    work: dict[str, list[float]] = {}
    with beat.listening() as gaps["window at rest"]:
        pump(2.0)
    with beat.listening() as gaps[ONCE[0]]:
        opened = _open(widget)
        _wait_for_pictures(widget)
    steps: tuple[tuple[str, Callable[[VlsegWidget], list[float]]], ...] = (
        ("scrolling", _scroll),
        ("sorting", _sort),
        ("searching", _search),
        (DRAWN[0], _visit),
        (ONCE[1], _accept_first),
        (DRAWN[1], _accept),
        ("accepting all above a score", _accept_many),
    )
    for name, step in steps:
        with beat.listening() as gaps[name]:
            work[name] = step(widget)
    viewer.close()
    results = [Result("time to open", 1e3 * opened, OPEN_LIMIT_MS, "ms", "less")]
    for name, found in gaps.items():
        limit = OPEN_LIMIT_MS if name in ONCE else DRAWING_LIMIT_MS if name in DRAWN else LIMIT_MS
        results.append(Result(f"worst stall, {name}", 1e3 * max(found), limit, "ms", "less"))
    for name in DRAWN:
        worst = 1e3 * max(work[name])
        results.append(Result(f"{name}, without drawing", worst, LIMIT_MS, "ms", "less"))
    return report("review_table", results, gaps, arguments.out)


def _show_objects(widget: VlsegWidget) -> None:
    """An image with its objects, as a project brings them."""
    from napari_vlseg.ui.layers import add_labels

    across = int(np.ceil(np.sqrt(N_OBJECTS)))
    labels = _grid(across)
    controller = widget.controller
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 60, labels.shape, np.uint8)
    image = controller.viewer.add_image(noise + 150 * (labels > 0).astype(np.uint8), name="cells")
    layer = add_labels(controller.viewer, image, controller.images.view(image), labels)
    controller.results.adopt(image, layer, _objects(labels, rng))
    controller.watch(layer)


def _grid(across: int) -> np.ndarray:
    rows, cols = np.mgrid[: across * _CELL, : across * _CELL].astype(np.int32)
    middle = _CELL / 2 - 0.5
    inside = np.hypot(rows % _CELL - middle, cols % _CELL - middle) < _CELL / 3
    numbers = (rows // _CELL) * across + cols // _CELL + 1
    return np.where(inside & (numbers <= N_OBJECTS), numbers, 0).astype(np.int32)


def _objects(labels: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
    areas = np.bincount(labels.ravel(), minlength=N_OBJECTS + 1)[1:]
    cells = {
        "object_uid": [f"{number:032x}" for number in range(N_OBJECTS)],
        "label": np.arange(1, N_OBJECTS + 1),
        "class": rng.choice(["nuclei", "debris"], N_OBJECTS),
        "score": rng.random(N_OBJECTS),
        "uncertainty": rng.random(N_OBJECTS),
        "area": areas,
        "status": "proposed",
        "source": "auto",
    }
    return completed(pd.DataFrame(cells))


def _open(widget: VlsegWidget) -> float:
    """Seconds until the list is there and painted."""
    start = time.perf_counter()
    widget.tabs.setCurrentWidget(widget.review)
    widget.review.table.repaint()
    return time.perf_counter() - start


def _wait_for_pictures(widget: VlsegWidget) -> None:
    gallery = widget.controller.review.gallery
    pump_until(lambda: not widget.runner.busy("places"))
    pump(0.5)
    pump_until(lambda: not widget.runner.busy("thumbnails"))
    if not len(gallery.album):
        raise RuntimeError("No thumbnail was drawn: nothing was measured.")


def _timed(jobs: Iterable[Callable[[], object]], rest: float) -> list[float]:
    """Seconds that each job takes by itself; the window rests after each."""
    seconds = []
    for job in jobs:
        start = time.perf_counter()
        job()
        seconds.append(time.perf_counter() - start)
        pump(rest)
    return seconds


def _scroll(widget: VlsegWidget) -> list[float]:
    """All the way down in large steps, and a little up in small ones, as thumbnails are drawn."""
    bar = widget.review.table.verticalScrollBar()
    places = np.linspace(0, bar.maximum(), _SCROLLS).astype(int).tolist()
    places += [bar.maximum() - 40 * number for number in range(_SCROLLS)]
    return _timed([partial(bar.setValue, place) for place in places], 1 / 30)


def _sort(widget: VlsegWidget) -> list[float]:
    from napari_vlseg.ui.review.listing import SORTS

    ask = widget.controller.review.ask
    return _timed([partial(ask, sort=name, descending=down) for name, down in SORTS], 0.3)


def _search(widget: VlsegWidget) -> list[float]:
    words = ("nuclei", "#4242", "nuclei 77", "")
    return _timed([partial(widget.controller.review.ask, text=text) for text in words], 0.3)


def _visit(widget: VlsegWidget) -> list[float]:
    return _timed([widget.actions_of_keys["review_next"]] * _DECISIONS, 0.3)


def _accept_first(widget: VlsegWidget) -> list[float]:
    return _timed([widget.actions_of_keys["review_accept"]], 8.0)


def _accept(widget: VlsegWidget) -> list[float]:
    return _timed([widget.actions_of_keys["review_accept"]] * _DECISIONS, 0.3)


def _accept_many(widget: VlsegWidget) -> list[float]:
    """Some hundred objects, as on a usual image."""
    review, box = widget.controller.review, widget.review.bulk
    review.ask(text="#424")
    box.good.setValue(0.2)
    return _timed([box.accept.click], 1.0)


if __name__ == "__main__":
    status = with_a_screen()
    sys.exit(not main() if status is None else status)
