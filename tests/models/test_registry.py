"""Models by name, by folder and from other packages."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import pytest

from napari_vlseg.errors import ModelError
from napari_vlseg.events import Event, Progress, Work
from napari_vlseg.models import registry, spec
from napari_vlseg.models.base import DenseSegmenter
from napari_vlseg.models.hub import HubRepository, fetch_steps
from napari_vlseg.models.registry import LoadRequest, ModelSpec
from napari_vlseg.prompts import ClassPrompt
from tests.fakes import BrightnessSegmenter
from tests.models.fake_hub import COMMIT, FakeHub, serve


def load_brightness(model: ModelSpec, request: LoadRequest) -> Work[DenseSegmenter]:
    yield Progress(f"loading {model.name} on {request.device}", 1, 1)
    return BrightnessSegmenter()


Install = Callable[..., None]

GUEST = ModelSpec("guest", "Brightness", ("text",), "MIT", 0.1, loader=load_brightness)
NAMESAKE = ModelSpec("vlseg-mini", "Impostor", ("text",), "MIT", 0.1, loader=load_brightness)
WITHOUT_LOADER = ModelSpec("bare", "Bare", ("text",), "MIT", 0.1)


def guest() -> ModelSpec:
    return GUEST


def failing() -> ModelSpec:
    raise OSError("a library is missing")


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Install:
    """Pretend that other packages registered these names of this module."""

    def pretend(*names: str) -> None:
        entries = [EntryPoint(n, f"{__name__}:{n}", registry.ENTRY_POINT_GROUP) for n in names]
        monkeypatch.setattr(registry, "entry_points", lambda group: EntryPoints(entries))

    return pretend


def test_the_models_of_the_package() -> None:
    by_name = {model.name: model for model in registry.specs()}
    assert {"vlseg-mini", "clipseg-rd64-refined", "clipseg-rd64", "clipseg-rd16"} <= set(by_name)
    assert registry.DEFAULT_MODEL == "vlseg-mini"
    hub = by_name["clipseg-rd64-refined"]
    assert (hub.repo_id, hub.licence) == ("CIDAS/clipseg-rd64-refined", "Apache-2.0")


def test_the_click_models_of_the_package() -> None:
    by_name = {model.name: model for model in registry.specs("clicks")}
    assert {"sam-mini", "sam-vit-base", "sam-hq-vit-base", "sam2.1-hiera-tiny", "edgetam"} <= set(
        by_name
    )
    for model in by_name.values():
        assert "click" in model.prompts
        assert (model.repo_id.count("/") == 1) == (model.source == "hub")
    assert by_name["sam2.1-hiera-base-plus"].repo_id == "facebook/sam2.1-hiera-base-plus"


@pytest.mark.parametrize(
    ("device", "wanted"),
    [("cpu", "sam-mini"), ("mps", "sam2.1-hiera-small"), ("cuda", "sam2.1-hiera-base-plus")],
)
def test_the_suggested_click_model_fits_the_device(
    device: str, wanted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    from napari_vlseg.models import devices

    monkeypatch.setattr(devices, "choose_device", torch.device)
    assert registry.suggested_click_model(device) == wanted
    assert wanted in {model.name for model in registry.specs("clicks")}


def test_listing_models_loads_neither_torch_nor_transformers() -> None:
    code = (
        "import sys; from napari_vlseg.models import registry, spec;"
        "[s.is_present() for s in registry.specs()];"
        "sys.exit(any(m in sys.modules for m in ('torch', 'transformers', 'qtpy')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_an_unknown_name_lists_the_valid_ones() -> None:
    with pytest.raises(ModelError, match=r"no model “nope”.*vlseg-mini.*clipseg-rd16.*folder"):
        registry.load("nope")


def test_the_bundled_threshold_is_known_before_the_model_is_loaded() -> None:
    (spec,) = (spec for spec in registry.specs() if spec.name == registry.DEFAULT_MODEL)
    assert registry.load(device="cpu").default_threshold == spec.default_threshold != 0.5


def test_a_folder_is_a_model(checkpoint: Path) -> None:
    model = registry.load(str(checkpoint), device="cpu")
    assert model.info.name == str(checkpoint)
    assert model.default_threshold == 0.5


@pytest.mark.parametrize("name", ["GUEST", "guest"])
def test_another_package_adds_a_model(install: Install, name: str) -> None:
    install(name)
    events: list[Event] = []
    model = registry.load("guest", device="cpu", on_event=events.append)
    assert isinstance(model, BrightnessSegmenter)
    assert events == [Progress("loading guest on cpu", 1, 1)]
    assert registry.specs()[-1].is_present()


@pytest.mark.parametrize("name", ["failing", "WITHOUT_LOADER", "absent", "COMMIT"])
def test_a_broken_package_is_a_notice(install: Install, checkpoint: Path, name: str) -> None:
    install(name, "GUEST")
    specs, notices = registry.discover()
    assert specs[-1] is GUEST
    assert len(notices) == 1
    assert f"“{name}”" in notices[0].message
    events: list[Event] = []
    registry.load(str(checkpoint), device="cpu", on_event=events.append)
    assert events[0] == notices[0]
    assert events[1:] == [Progress(f"loading {checkpoint.name}", done, 1) for done in (0, 1)]


def test_two_models_of_one_name_are_an_error(install: Install) -> None:
    install("NAMESAKE")
    with pytest.raises(ModelError, match="Two models are named “vlseg-mini”"):
        registry.specs()


@pytest.fixture
def hub(checkpoint: Path) -> Iterator[FakeHub]:
    with serve(checkpoint) as running:
        yield running


def test_a_model_of_the_hub_has_its_commit_and_threshold(
    hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fetch_here(repository: HubRepository, offline: bool | None) -> Work[Path]:
        assert repository.repo_id == "CIDAS/clipseg-rd16"
        return fetch_steps(HubRepository("owner/tiny", hub.endpoint, tmp_path), offline)

    monkeypatch.setattr("napari_vlseg.models.hub.fetch_steps", fetch_here)
    model = registry.load("clipseg-rd16", device="cpu", offline=False)
    assert (model.info.name, model.info.revision) == ("clipseg-rd16", COMMIT)
    assert model.default_threshold == 0.4


def test_a_missing_bundled_model_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spec, "bundled_folder", lambda name: tmp_path / name)
    with pytest.raises(ModelError, match="install napari-vlseg again"):
        registry.load()


def test_the_bundled_model_answers() -> None:
    mini = {model.name: model for model in registry.specs()}[registry.DEFAULT_MODEL]
    if not mini.is_present():
        pytest.skip("the bundled weights are not in this checkout")
    import numpy as np

    model = registry.load(device="cpu")
    plane = np.random.default_rng(0).random((40, 50, 3), np.float32)
    own, _ = model.condition(ClassPrompt("nuclei", ("nuclei",)))
    assert model.predict(model.encode(plane), [own]).shape == (1, 40, 50)
    assert model.unknown_words("nuclei") == []
    assert model.unknown_words("qwertz") == ["qwertz"]
