"""An image that was encoded before answers at once, whoever encoded it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tifffile
from napari.components import ViewerModel

from napari_vlseg.events import run
from napari_vlseg.images import ImageView, read_image
from napari_vlseg.models.sam_weights import load_sam
from napari_vlseg.ui.clicks.jobs import prepare_job
from napari_vlseg.ui.controller import Controller
from napari_vlseg.ui.image_choice import Snapshot
from napari_vlseg.ui.jobs import LoadedModel, ModelSettings
from napari_vlseg.ui.runner import SyncRunner
from napari_vlseg.workflow.cache import EmbeddingCache
from napari_vlseg.workflow.disk_cache import DiskCache
from napari_vlseg.workflow.encoding import encode_files
from tests.gui.fakes import BrightnessModel, Loader, blobs
from tests.models.tiny_sam import ZOOM, save_sam


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The person's cache of encoded images, empty."""
    monkeypatch.delenv("NAPARI_VLSEG_CACHE_GB")
    monkeypatch.setenv("NAPARI_VLSEG_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def tiles_encoded(image: Any) -> int:
    """How much of the model's slow half a new session runs for one question."""
    viewer, model = ViewerModel(), BrightnessModel()
    viewer.add_image(image, name="a")
    controller = Controller(viewer, SyncRunner(), Loader(model))
    controller.prompts.set_phrases(0, "nuclei")
    controller.segmenter.start()
    assert controller.labels is not None
    return model.tiles_encoded


def test_a_later_session_starts_from_the_embedding(folder: Path) -> None:
    assert tiles_encoded(blobs()) == 20
    assert len(list(folder.iterdir())) == 1
    assert tiles_encoded(blobs()) == 0
    assert tiles_encoded(blobs(level=0.7)) == 20


def test_the_window_finds_what_the_command_line_encoded(tmp_path: Path) -> None:
    path = tmp_path / "blobs.tif"
    tifffile.imwrite(path, blobs())
    (encoded,) = run(encode_files([path], BrightnessModel(), DiskCache()))
    assert (encoded.computed, encoded.error) == (1, None)
    assert tiles_encoded(read_image(path).data) == 0


def test_clicks_start_from_the_embedding_too(tmp_path: Path) -> None:
    model = load_sam(save_sam(tmp_path / "sam", ZOOM), "tiny", device="cpu")

    def stages() -> list[str]:
        events: list[Any] = []
        snapshot = Snapshot(blobs(), (), ImageView())
        models = LoadedModel(Loader(model))  # type: ignore[arg-type]
        cache = EmbeddingCache(disk=DiskCache())
        run(prepare_job(models, ModelSettings(), snapshot, cache), events.append)
        return [event.stage for event in events]

    assert "encoding" in stages()
    assert "encoding" not in stages()
