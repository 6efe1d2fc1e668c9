from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors import SafetensorError

from napari_vlseg.errors import ModelError
from napari_vlseg.events import Event, Notice, run
from napari_vlseg.models.base import Embedding, PackedEmbedding, PromptableEmbedding
from napari_vlseg.models.sam_weights import load_sam
from napari_vlseg.tiling import plan_tiles
from napari_vlseg.workflow.cache import EmbeddingCache, encode
from napari_vlseg.workflow.disk_cache import DiskCache
from tests.fakes import BrightnessSegmenter
from tests.models.tiny_sam import ZOOM, save_sam

PLANE = np.random.default_rng(0).random((40, 60, 3), np.float32)


@pytest.fixture(autouse=True)
def switched_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NAPARI_VLSEG_CACHE_GB")


def embedding(key: str, n_bytes: int) -> Embedding:
    half = np.zeros(n_bytes // 2, np.uint8)
    return Embedding(key, (4, 4), plan_tiles((4, 4), 4, 0), 1.0, ([half, half],))


class Growing:
    """What a model has encoded so far; `nbytes` as prompts are answered."""

    def __init__(self, nbytes: int) -> None:
        self.nbytes = nbytes


def test_the_least_recently_used_goes_first():
    cache = EmbeddingCache(max_bytes=250)
    cache.put(embedding("a", 100))
    cache.put(embedding("b", 100))
    assert cache.get("a") is not None
    cache.put(embedding("c", 100))
    assert cache.get("b") is None
    assert cache.get("a") is not None
    assert cache.n_bytes == 200


def test_the_same_key_is_counted_once():
    cache = EmbeddingCache(max_bytes=250)
    cache.put(embedding("a", 100))
    cache.put(embedding("a", 120))
    assert (len(cache), cache.n_bytes) == (1, 120)


def test_what_does_not_fit_is_not_kept():
    cache = EmbeddingCache(max_bytes=250)
    cache.put(embedding("a", 100))
    cache.put(embedding("big", 300))
    assert cache.get("big") is None
    assert cache.get("a") is not None
    cache.clear()
    assert (len(cache), cache.n_bytes) == (0, 0)


def test_an_embedding_that_grows_is_counted_as_it_is_now():
    cache, content = EmbeddingCache(max_bytes=250), Growing(50)
    cache.put(embedding("a", 100))
    cache.put(PromptableEmbedding("grows", (4, 4), content))
    assert cache.n_bytes == 150
    content.nbytes = 200
    assert cache.get("grows") is not None
    assert (len(cache), cache.n_bytes) == (1, 200)
    content.nbytes = 220
    cache.put(embedding("b", 100))
    assert cache.get("grows") is None
    assert cache.n_bytes == 100


@pytest.fixture(scope="module")
def sam_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_sam(tmp_path_factory.mktemp("sam"), ZOOM)


def test_windows_that_a_click_model_looks_at_are_counted(sam_folder):
    model, cache = load_sam(sam_folder, "tiny", device="cpu"), EmbeddingCache()
    found = run(encode(model, PLANE, cache=cache))
    before = cache.n_bytes
    assert before > PLANE.nbytes
    model.predict(found, points=[(20, 30)])
    assert cache.get(found.key) is found
    assert cache.n_bytes > before


def test_a_plane_is_encoded_once_for_all_sessions(tmp_path):
    model = BrightnessSegmenter()
    first = EmbeddingCache(disk=DiskCache(tmp_path))
    fresh = run(encode(model, PLANE, working_scale=2.0, cache=first))
    assert run(encode(model, PLANE, working_scale=2.0, cache=first)) is fresh
    later = EmbeddingCache(disk=DiskCache(tmp_path))
    again = run(encode(model, PLANE, working_scale=2.0, cache=later))
    assert model.n_encoded == 1
    assert (again.key, again.plan, again.working_scale) == (fresh.key, fresh.plan, 2.0)
    np.testing.assert_array_equal(again.activations[0], fresh.activations[0])
    assert later.get(again.key) is again
    run(encode(model, PLANE, cache=later))
    assert model.n_encoded == 2


def test_a_click_model_answers_the_same_from_the_disk(sam_folder, tmp_path):
    model = load_sam(sam_folder, "tiny", device="cpu", precision="bfloat16")
    fresh = run(encode(model, PLANE, cache=EmbeddingCache(disk=DiskCache(tmp_path))))
    later = EmbeddingCache(disk=DiskCache(tmp_path))
    events: list[Event] = []
    again = run(encode(model, PLANE, cache=later), events.append)
    assert events == []
    for one, other in zip(
        *(model.predict(e, points=[(9, 9)]) for e in (fresh, again)), strict=True
    ):
        np.testing.assert_array_equal(one.logits.values, other.logits.values)
        assert one.score == other.score


def test_what_was_looked_at_later_can_be_stored_too(sam_folder, tmp_path):
    model, cache = (
        load_sam(sam_folder, "tiny", device="cpu"),
        EmbeddingCache(0, DiskCache(tmp_path)),
    )
    fresh = run(encode(model, PLANE, cache=cache))
    model.predict(fresh, points=[(20, 30)])
    run(cache.store(model, fresh))
    again = run(encode(model, PLANE, cache=cache))
    events: list[Event] = []
    run(model.predict_steps(again, points=[(20, 30)]), events.append)
    assert "encoding" not in {event.stage for event in events}


class Misfitting(BrightnessSegmenter):
    """Can't use what it packed."""

    def unpack(self, packed: PackedEmbedding, plane: np.ndarray) -> Embedding:
        raise ModelError("no")


def test_what_does_not_fit_the_model_is_encoded_anew(tmp_path):
    model = Misfitting()
    for _ in range(2):
        run(encode(model, PLANE, cache=EmbeddingCache(0, DiskCache(tmp_path))))
    assert model.n_encoded == 2


def test_damage_is_repaired_by_encoding_anew(tmp_path):
    model = BrightnessSegmenter()
    run(encode(model, PLANE, cache=EmbeddingCache(0, DiskCache(tmp_path))))
    (file,) = tmp_path.iterdir()
    whole = file.read_bytes()
    altered = whole[:-1] + bytes([whole[-1] ^ 1])
    for n_before, damaged in enumerate((b"", whole[:5], whole[: len(whole) // 2], altered), 1):
        file.write_bytes(damaged)
        for _ in range(2):
            found = run(encode(model, PLANE, cache=EmbeddingCache(0, DiskCache(tmp_path))))
            np.testing.assert_array_equal(found.activations[0], PLANE.mean(axis=2))
            assert model.n_encoded == n_before + 1


def test_a_folder_that_cannot_be_written_is_told_once(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    model, cache = BrightnessSegmenter(), EmbeddingCache(disk=DiskCache(blocked / "cache"))
    events: list[Event] = []
    for shift in range(3):
        run(encode(model, np.roll(PLANE, shift, axis=0), cache=cache), events.append)
    (notice,) = (event for event in events if isinstance(event, Notice))
    assert "not kept for the next time" in notice.message
    assert "choose another folder" in notice.message
    assert (model.n_encoded, len(cache)) == (3, 3)


def test_a_full_disk_is_told_and_the_work_goes_on(tmp_path, monkeypatch):
    def no_room(tensors: object, path: Path, header: object) -> None:
        path.write_bytes(b"the beginning")
        raise SafetensorError("I/O error: No space left on device (os error 28)")

    monkeypatch.setattr("napari_vlseg.workflow.embedding_files.save_file", no_room)
    model, cache = BrightnessSegmenter(), EmbeddingCache(disk=DiskCache(tmp_path))
    events: list[Event] = []
    run(encode(model, PLANE, cache=cache), events.append)
    assert any("disk is full" in event.message for event in events if isinstance(event, Notice))
    assert list(tmp_path.iterdir()) == []
