"""Downloading from a hub on this machine: progress, offline reuse, damage, cancelling."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from napari_vlseg.errors import ModelError
from napari_vlseg.events import Event, Progress, run
from napari_vlseg.models.hub import HubRepository, cached_folder, fetch_steps, is_offline
from napari_vlseg.models.sam_weights import load_sam
from napari_vlseg.models.weights import load_clipseg
from tests.models.fake_hub import COMMIT, FakeHub, serve
from tests.models.tiny_sam import ZOOM, save_sam

CHUNK = 10 * 1024**2
"""Bytes that huggingface_hub reads at once."""


def hold_large_weights(hub: FakeHub) -> None:
    """Serve weights of three chunks, and keep the second half back until the gate opens."""
    (hub.folder / "pytorch_model.bin").write_bytes(bytes(3 * CHUNK))
    (hub.folder / "model.safetensors").unlink()
    hub.gate.clear()


def assert_served(hub: FakeHub, folder: Path) -> None:
    """The folder holds what the hub has, byte for byte."""
    names = {path.name for path in folder.iterdir()}
    assert {"config.json", "model.safetensors"} <= names
    for name in names:
        assert (folder / name).read_bytes() == (hub.folder / name).read_bytes()


@pytest.fixture(autouse=True)
def online(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def hub(checkpoint: Path, tmp_path: Path) -> Iterator[FakeHub]:
    folder = Path(shutil.copytree(checkpoint, tmp_path / "served"))
    (folder / "evil.py").write_text("raise SystemExit")
    with serve(folder) as running:
        yield running


@pytest.fixture
def repository(hub: FakeHub, tmp_path: Path) -> HubRepository:
    return HubRepository("owner/tiny", hub.endpoint, tmp_path / "cache")


def test_a_model_is_downloaded_once_and_works_offline(
    hub: FakeHub, repository: HubRepository
) -> None:
    assert cached_folder(repository) is None
    events: list[Event] = []
    folder = run(fetch_steps(repository), events.append)
    assert folder.name == COMMIT
    assert load_clipseg(folder, "tiny", revision=folder.name, device="cpu").info.revision == COMMIT
    assert not (folder / "evil.py").exists()
    assert all(isinstance(event, Progress) for event in events)
    n_requests = len(hub.requests)
    assert run(fetch_steps(repository, offline=True)) == folder == cached_folder(repository)
    assert len(hub.requests) == n_requests


def test_a_click_model_is_downloaded_too(tmp_path: Path) -> None:
    with serve(save_sam(tmp_path / "served", ZOOM)) as hub:
        folder = run(fetch_steps(HubRepository("owner/tiny", hub.endpoint, tmp_path / "cache")))
    model = load_sam(folder, "tiny", revision=folder.name, device="cpu")
    assert model.info.revision == COMMIT
    plane = np.zeros((20, 30, 3), np.float32)
    assert model.predict(model.encode(plane), points=[(9, 9)])[0].mask.shape == (20, 30)


def test_progress_counts_bytes(repository: HubRepository, hub: FakeHub) -> None:
    hold_large_weights(hub)
    progress: list[Progress] = []

    def follow(event: Event) -> None:
        assert isinstance(event, Progress)
        progress.append(event)
        if event.done >= CHUNK:
            hub.gate.set()

    run(fetch_steps(repository), follow)
    assert {event.stage for event in progress} == {"downloading tiny"}
    assert all(3 * CHUNK < event.total < 3 * CHUNK + 100_000 for event in progress)
    done = [event.done for event in progress]
    assert done == sorted(done)
    assert any(CHUNK <= number < 2 * CHUNK for number in done)
    assert done[-1] == progress[-1].total


def test_an_absent_model_offline_is_named_with_the_remedy(
    repository: HubRepository, hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ModelError, match=r"go online once .* or give the path"):
        run(fetch_steps(repository, offline=True))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ModelError, match="go online once"):
        run(fetch_steps(repository))
    assert hub.requests == []


def test_the_argument_outranks_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "yes")
    assert is_offline()
    assert not is_offline(False)
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    assert not is_offline()
    assert is_offline(True)


@pytest.mark.parametrize(
    ("damage", "value", "sound"),
    [("cut", 1, 0), ("altered", "model", "nothing"), ("altered", "config", "nothing")],
)
def test_a_damaged_file_is_refused_and_not_kept(
    hub: FakeHub, repository: HubRepository, damage: str, value: object, sound: object
) -> None:
    setattr(hub, damage, value)
    with pytest.raises(ModelError, match=r"could not be downloaded .* try again"):
        run(fetch_steps(repository))
    assert cached_folder(repository) is None
    setattr(hub, damage, sound)
    assert cached_folder(repository) is None
    folder = run(fetch_steps(repository))
    assert_served(hub, folder)


@pytest.mark.parametrize("resumes", [True, False])
def test_a_connection_that_breaks_is_taken_up_again(
    hub: FakeHub, repository: HubRepository, monkeypatch: pytest.MonkeyPatch, resumes: bool
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 1000)
    hub.drops, hub.resumes = 1, resumes
    folder = run(fetch_steps(repository))
    assert hub.drops == 0
    assert any(line.startswith("from ") for line in hub.requests) == resumes
    assert_served(hub, folder)


def test_a_download_that_was_stopped_goes_on_with_what_is_missing(
    hub: FakeHub, repository: HubRepository
) -> None:
    hub.altered = "model"
    with pytest.raises(ModelError, match="incomplete or altered"):
        run(fetch_steps(repository))
    hub.altered = "nothing"
    hub.requests.clear()
    assert_served(hub, run(fetch_steps(repository)))
    fetched = [line.rpartition("/")[2] for line in hub.requests if line.startswith("GET /owner")]
    assert fetched == ["model.safetensors"]


def test_all_files_are_of_the_revision_that_was_listed(
    hub: FakeHub, repository: HubRepository
) -> None:
    steps = fetch_steps(repository)
    next(steps)
    hub.commit = "f" * 40
    folder = run(steps)
    assert folder.name == COMMIT
    assert {line.split("/resolve/")[1][:40] for line in hub.requests if "/resolve/" in line} == {
        COMMIT
    }
    assert run(fetch_steps(repository)) == folder == cached_folder(repository)


def test_a_gated_model_explains_itself(
    hub: FakeHub, repository: HubRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", "/nowhere")
    monkeypatch.delenv("HF_TOKEN", raising=False)
    hub.gated = True
    page = f"{hub.endpoint}/owner/tiny"
    with pytest.raises(ModelError, match=f"accept it at {page} .*“hf auth login” .*HF_TOKEN"):
        run(fetch_steps(repository))
    assert cached_folder(repository) is None
    monkeypatch.setenv("HF_TOKEN", "hf_of_somebody_who_accepted")
    assert_served(hub, run(fetch_steps(repository)))


def test_an_unknown_repository_is_named(repository: HubRepository) -> None:
    other = HubRepository("owner/other", repository.endpoint, repository.cache_dir)
    page = f"{repository.endpoint}/owner/other"
    with pytest.raises(ModelError, match=f"no model {page}, .*check its name, .*a folder"):
        run(fetch_steps(other))


def test_a_repository_without_weights_is_named(hub: FakeHub, repository: HubRepository) -> None:
    (hub.folder / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="no weights"):
        run(fetch_steps(repository))


def test_no_connection_is_named(tmp_path: Path) -> None:
    nowhere = HubRepository("owner/tiny", "http://127.0.0.1:9", tmp_path)
    with pytest.raises(ModelError, match="check the connection"):
        run(fetch_steps(nowhere))


def test_a_cancelled_download_leaves_nothing_that_looks_complete(
    hub: FakeHub, repository: HubRepository
) -> None:
    hold_large_weights(hub)
    steps = fetch_steps(repository)
    assert any(isinstance(event, Progress) and event.done >= CHUNK for event in steps)
    steps.close()
    hub.gate.set()
    for thread in threading.enumerate():
        if thread.name.startswith("vlseg-download"):
            thread.join(timeout=30)
    assert cached_folder(repository) is None
