"""Click models learn from corrections, go on after a crash, and stop in time."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import napari_vlseg
from napari_vlseg.errors import ModelError, PromptError, SettingsError
from napari_vlseg.events import Notice, run
from napari_vlseg.models.adapters import Adapter, write_adapter
from napari_vlseg.models.sam import SamSegmenter
from napari_vlseg.training.finetune.clicks.assessing import measure, to_measure
from napari_vlseg.training.finetune.clicks.replay import click_bank
from napari_vlseg.training.finetune.clicks.settings import ClickSettings
from napari_vlseg.training.finetune.clicks.training import finetune_clicks
from napari_vlseg.training.finetune.clicks.tuner import ClickTuner
from napari_vlseg.training.finetune.epochs import Epoch
from napari_vlseg.training.finetune.project_run import settings_for
from napari_vlseg.training.finetune.settings import FinetuneSettings

from .helpers import KINDS, rimmed, tiny

QUICK = ClickSettings(epochs=2, steps=2, batch=2, replay_objects=2)
PLANES = [rimmed(seed) for seed in (0, 1)]
FEW = [replace(plane, classes={1: "cell", 5: "cell", 9: "cell"}) for plane in PLANES]


@pytest.fixture(scope="module")
def zooming(tmp_path_factory: pytest.TempPathFactory) -> SamSegmenter:
    return tiny("zooming", tmp_path_factory.mktemp("zooming"))


@pytest.fixture
def learn(zooming: SamSegmenter) -> Any:
    def learn(settings: ClickSettings = QUICK, **options: Any) -> tuple[Adapter, list[Any]]:
        events: list[Any] = []
        planes = options.pop("planes", FEW)
        work = finetune_clicks(zooming, planes, settings, **options)
        return run(work, events.append), events

    return learn


def test_a_rim_that_the_model_leaves_out_is_learned() -> None:
    model: SamSegmenter = napari_vlseg.load_model("sam-mini", device="cpu", precision="float32")
    settings = ClickSettings(epochs=3, steps=6, batch=4, rate=1e-3, replay_objects=4)
    events: list[Any] = []
    planes = [FEW[0], PLANES[1]]
    adapter = run(finetune_clicks(model, planes, settings), events.append)
    unseen = rimmed(7)
    objects = to_measure([(unseen, model.encode(unseen.plane))], 0)[:3]
    before = run(measure(model, objects))
    after = run(measure(model.with_adapter(adapter), objects))
    assert before["1 click"] < 0.7
    assert all(after[prompt] > before[prompt] + 0.05 for prompt in before)
    assert run(measure(model, objects)) == before, "the base model is not changed"
    epochs = [event for event in events if isinstance(event, Epoch)]
    assert [event.done for event in epochs] == [1, 2, 3]
    assert epochs[-1].loss < epochs[0].loss
    assert epochs[-1].held_out_loss < epochs[0].held_out_loss
    card = adapter.card
    assert card["measured_on"] == "held-out objects"
    assert card["corrections"]["trained_on"] == {"cell": 9}
    assert card["after"]["iou"]["box"] > card["before"]["iou"]["box"]
    assert card["settings"]["replay_objects"] == 4


@pytest.mark.parametrize("kind", KINDS)
def test_every_architecture_learns_and_its_adapter_is_a_file(kind: str, tmp_path: Path) -> None:
    model = tiny(kind, tmp_path)
    settings = replace(QUICK, epochs=1, rate=1e-2)
    adapter = run(finetune_clicks(model, PLANES[:1], settings))
    assert {name.split(".")[0] for name in adapter.decoder} == {"mask_decoder", "prompt_encoder"}
    assert not [n for n in adapter.decoder if "shared_embedding" in n or "conv_s" in n]
    path = tmp_path / "mine.safetensors"
    write_adapter(path, adapter)
    loaded: SamSegmenter = napari_vlseg.load_model(str(path), device="cpu", precision="float32")
    assert loaded.info.adapter_sha256 == adapter.sha256
    plane = rimmed(5).plane
    embedding = model.encode(plane)
    assert loaded.embedding_key(plane) == embedding.key, "what was encoded stays good"
    (own,) = model.predict(embedding, points=[(40, 40)], multimask=False)
    (found,) = loaded.predict(loaded.encode(plane), points=[(40, 40)], multimask=False)
    (shared,) = model.with_adapter(adapter).predict(embedding, points=[(40, 40)], multimask=False)
    np.testing.assert_allclose(found.logits.values, shared.logits.values, atol=1e-4)
    assert not np.allclose(found.logits.values, own.logits.values, atol=1e-2)
    strange = {"vision_encoder.pos_embed": torch.zeros(1)}
    with pytest.raises(ModelError, match="does not fit"):
        model.with_adapter(replace(adapter, decoder=strange))


@pytest.mark.parametrize("kind", ["zooming", "sam_hq", "sam2", "segment_anything"])
def test_the_image_encoder_learns_too(kind: str, tmp_path: Path) -> None:
    pytest.importorskip("peft")
    model = tiny(kind, tmp_path)
    before = {n: v.clone() for n, v in model.network.tower.state_dict().items()}
    settings = replace(QUICK, epochs=1, rate=1e-2, method="lora", rank=2)
    adapter = run(finetune_clicks(model, FEW[:1], settings))
    assert adapter.card["trained"] == ["mask_decoder", "prompt_encoder", "image_encoder"]
    assert {name[-2:] for name in adapter.encoder} == {".A", ".B"}
    assert all(len(v) == 2 for n, v in adapter.encoder.items() if n.endswith(".A"))
    after = model.network.tower.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    path = tmp_path / "mine.safetensors"
    write_adapter(path, adapter)
    loaded: SamSegmenter = napari_vlseg.load_model(str(path), device="cpu", precision="float32")
    plane = rimmed(5).plane
    assert loaded.embedding_key(plane) != model.embedding_key(plane), "it encodes for itself"
    decoder_alone = model.with_adapter(replace(adapter, encoder={}))
    assert decoder_alone.embedding_key(plane) == model.embedding_key(plane)
    (whole,) = loaded.predict(loaded.encode(plane), points=[(40, 40)], multimask=False)
    (part,) = decoder_alone.predict(model.encode(plane), points=[(40, 40)], multimask=False)
    assert not np.allclose(whole.logits.values, part.logits.values, atol=1e-5)


def test_an_encoder_without_attention_can_not_learn(tmp_path: Path) -> None:
    pytest.importorskip("peft")
    with pytest.raises(ModelError, match="decoder alone"):
        run(finetune_clicks(tiny("edgetam", tmp_path), FEW, replace(QUICK, method="lora")))


def test_an_adapter_of_other_weights_is_refused(learn: Any, tmp_path: Path) -> None:
    other = tiny("zooming", tmp_path, seed=1)
    with pytest.raises(ModelError, match="other weights"):
        other.with_adapter(learn()[0])


def test_equal_seeds_give_equal_adapters(learn: Any) -> None:
    first, second = learn()[0], learn()[0]
    assert all(torch.equal(first.decoder[n], second.decoder[n]) for n in first.decoder)
    other, _ = learn(replace(QUICK, seed=1))
    assert not all(torch.equal(first.decoder[n], other.decoder[n]) for n in first.decoder)


def test_an_interrupted_training_goes_on_after_its_last_epoch(
    learn: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, _ = learn()
    step, steps_taken = ClickTuner.step, []

    def killed(tuner: ClickTuner, number: int) -> float:
        if number == 3:
            raise KeyboardInterrupt
        return step(tuner, number)

    monkeypatch.setattr(ClickTuner, "step", killed)
    with pytest.raises(KeyboardInterrupt):
        learn(folder=tmp_path)

    def counted(tuner: ClickTuner, number: int) -> float:
        steps_taken.append(number)
        return step(tuner, number)

    monkeypatch.setattr(ClickTuner, "step", counted)
    resumed, _ = learn(folder=tmp_path)
    assert steps_taken == [2, 3]
    assert all(torch.equal(resumed.decoder[n], whole.decoder[n]) for n in whole.decoder)
    assert resumed.card["epochs"] == whole.card["epochs"]


def test_a_loss_that_is_no_number_stops_and_keeps_the_best(
    learn: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = ClickTuner.step
    monkeypatch.setattr(ClickTuner, "step", lambda tuner, n: step(tuner, n) if n < 2 else math.nan)
    adapter, events = learn()
    assert any("no longer a number" in e.message for e in events if isinstance(e, Notice))
    assert adapter.card["best_epoch"] == 1
    monkeypatch.setattr(ClickTuner, "step", lambda tuner, n: math.nan)
    with pytest.raises(ModelError, match="lower learning rate"):
        learn()


def test_too_little_memory_makes_smaller_steps(learn: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    step, failures = ClickTuner.step, iter(range(2))

    def short(tuner: ClickTuner, number: int) -> float:
        if next(failures, None) is not None:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return step(tuner, number)

    monkeypatch.setattr(ClickTuner, "step", short)
    _, events = learn(replace(QUICK, batch=4))
    told = [event.message for event in events if isinstance(event, Notice)]
    assert [text for text in told if "2 objects at a time" in text]
    assert [text for text in told if "1 object at a time" in text]


def test_of_few_objects_the_last_epoch_is_kept(learn: Any) -> None:
    few = replace(PLANES[0], classes={1: "cell", 5: "cell", 9: "mite"})
    adapter, events = learn(replace(QUICK, epochs=3), planes=[few])
    assert adapter.card["measured_on"] == "the training objects"
    assert adapter.card["best_epoch"] == 3
    assert adapter.card["corrections"]["trained_on"] == {"cell": 2, "mite": 1}
    epochs = [event for event in events if isinstance(event, Epoch)]
    assert all(math.isnan(epoch.held_out_loss) for epoch in epochs)
    assert all(epoch.dice > 0 for epoch in epochs)


def test_a_bank_that_is_at_hand_is_used(learn: Any, zooming: SamSegmenter) -> None:
    bank = run(click_bank(zooming, QUICK.replay_objects, QUICK.seed))
    given, made = learn(bank=bank)[0], learn()[0]
    assert all(torch.equal(given.decoder[n], made.decoder[n]) for n in made.decoder)


def test_objects_too_small_for_the_model_are_told(tmp_path: Path) -> None:
    labels = np.where(PLANES[0].labels == 1, 1, 0)
    labels[50, 50] = 2
    plane = replace(PLANES[0], labels=labels, classes={1: "cell", 2: "dot"})
    events: list[Any] = []
    adapter = run(finetune_clicks(tiny("sam", tmp_path), [plane], QUICK), events.append)
    told = [event.message for event in events if isinstance(event, Notice)]
    assert any("too small" in text for text in told)
    assert adapter.card["corrections"]["trained_on"] == {"cell": 1, "dot": 0}


def test_nothing_to_learn_from_is_said(learn: Any) -> None:
    nobody = replace(PLANES[0], classes={})
    with pytest.raises(PromptError, match="accept, correct or draw"):
        learn(planes=[nobody])


def test_settings_follow_the_kind_of_model(zooming: SamSegmenter) -> None:
    assert settings_for(zooming, epochs=3, rate=None) == ClickSettings(epochs=3)
    assert settings_for(object(), epochs=None, method="film") == FinetuneSettings(method="film")
    with pytest.raises(SettingsError, match="does not suit click models"):
        settings_for(zooming, method="film")
