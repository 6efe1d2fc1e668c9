"""Sessions without a window, and the promise that every test ends with."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Labels

from napari_vlseg.corrections.replay import replay
from napari_vlseg.ui.controller import Controller
from napari_vlseg.ui.runner import SyncRunner
from tests.gui.fakes import BrightnessModel, Loader, blobs
from tests.gui.painting import PaintingModel


def session(image: np.ndarray | None = None, phrase: str = "nuclei") -> Controller:
    """A controller with an image in view; segmented where there is a phrase."""
    controller = Controller(
        ViewerModel(), SyncRunner(), Loader(BrightnessModel()), Loader(PaintingModel())
    )
    controller.viewer.add_image(blobs() if image is None else image, name="a")
    if phrase:
        segment(controller, phrase)
    return controller


def segment(controller: Controller, phrase: str = "nuclei") -> None:
    controller.prompts.set_phrases(0, phrase)
    controller.segmenter.start()


def labels_of(controller: Controller) -> Labels:
    layer = controller.labels
    assert layer is not None
    return layer


def rows(controller: Controller) -> dict[int, dict[str, Any]]:
    """Rows of the objects that have pixels, by label."""
    table = controller.editing.table(labels_of(controller))
    every = [table.row(uid) for uid in table]
    return {row["label"]: row for row in every if row["status"] != "rejected"}


def uid(controller: Controller, label: int) -> str:
    found = controller.editing.table(labels_of(controller)).uid_of(label)
    assert found is not None
    return found


def check(controller: Controller, layer: Labels | None = None) -> None:
    """The journal gives the layer and its objects; memory and areas are right."""
    layer = labels_of(controller) if layer is None else layer
    ledger, table = controller.editing.ledger(layer), controller.editing.table(layer)
    labels, objects = replay(ledger.edits(), ledger.shape, ledger.dtype, ledger.edit)
    held = np.asarray(layer.data).reshape(ledger.shape)
    np.testing.assert_array_equal(labels, held)
    assert labels.dtype == held.dtype
    # As text, in which nan is nan.
    assert {u: str(objects.row(u)) for u in objects} == {u: str(table.row(u)) for u in table}
    values, counts = np.unique(held, return_counts=True)
    areas = dict(zip(values.tolist(), counts.tolist(), strict=True))
    for one in table:
        row = table.row(one)
        assert row["area"] == (0 if row["status"] == "rejected" else areas.get(row["label"], 0))
    known = {table.get(one, "label") for one in table if table.get(one, "area")}
    assert known == set(areas) - {0}
    for key, record in controller.results.records(layer).items():
        index = tuple(slice(None) if place is None else place for place in key)
        np.testing.assert_array_equal(record.current, np.asarray(layer.data[index]))
