"""The bundled model learns a word that it never saw, goes on after a crash, and stops in time."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from napari_vlseg.errors import ModelError, PromptError
from napari_vlseg.events import Notice, run
from napari_vlseg.metrics import iou
from napari_vlseg.models.adapters import Adapter
from napari_vlseg.models.clipseg import ClipSegSegmenter
from napari_vlseg.models.registry import load
from napari_vlseg.training.evaluate_nuclei import as_plane
from napari_vlseg.training.finetune import card, training
from napari_vlseg.training.finetune.blending import shorten
from napari_vlseg.training.finetune.preparing import prepare
from napari_vlseg.training.finetune.replay import ReplayBank, replay_bank
from napari_vlseg.training.finetune.settings import FinetuneSettings
from napari_vlseg.training.finetune.training import Epoch, finetune
from napari_vlseg.training.finetune.tuner import Tuner
from napari_vlseg.workflow.cache import EmbeddingCache

from .helpers import TABLE, WORD, corrected, scene

QUICK = FinetuneSettings(epochs=2, steps=4, batch=4)
PLANES = [corrected(seed) for seed in (0, 2, 4, 7)]


@pytest.fixture(scope="module")
def model() -> ClipSegSegmenter:
    return load("vlseg-mini", device="cpu", precision="float32")


@pytest.fixture(scope="module")
def bank(model: ClipSegSegmenter) -> ReplayBank:
    return run(replay_bank(model, n_scenes=3))


@pytest.fixture(scope="module")
def cache() -> EmbeddingCache:
    return EmbeddingCache()


@pytest.fixture
def learn(model: ClipSegSegmenter, bank: ReplayBank, cache: EmbeddingCache) -> Any:
    def learn(settings: FinetuneSettings = QUICK, **options: Any) -> tuple[Adapter, list[Any]]:
        events: list[Any] = []
        planes = options.pop("planes", PLANES)
        work = finetune(model, TABLE, planes, settings, cache=cache, bank=bank, **options)
        return run(work, events.append), events

    return learn


@pytest.mark.parametrize("method", ["decoder", "film"])
def test_a_new_word_is_learned_from_a_few_objects(
    model: ClipSegSegmenter, learn: Any, method: Any
) -> None:
    settings = FinetuneSettings(method=method, epochs=3, steps=8)
    adapter, events = learn(settings)
    found = model.with_adapter(adapter)
    painted, own = scene(7)
    embedding = model.encode(as_plane(painted.image))
    truth = np.isin(painted.labels, own)
    (before,) = model.predict(embedding, [model.condition(TABLE.rows[0])[0]])
    (after,) = found.predict(embedding, [found.condition(TABLE.rows[0])[0]])
    assert iou(before > 0.45, truth) < 0.1
    assert iou(after > 0.45, truth) > 0.5
    epochs = [event for event in events if isinstance(event, Epoch)]
    assert [event.done for event in epochs] == list(range(1, len(epochs) + 1))
    assert epochs[-1].loss < epochs[0].loss
    changed = {name.split(".")[0] for name in adapter.decoder}
    assert changed >= {"film_mul", "film_add"}
    assert (changed == {"film_mul", "film_add"}) == (method == "film")


def test_images_of_any_sizes_are_learned_together(learn: Any) -> None:
    planes = [corrected(0, size=136), corrected(2, size=160), corrected(4, size=200)]
    adapter, _ = learn(FinetuneSettings(epochs=1, steps=3, batch=8), planes=planes)
    assert adapter.card["before"]["dice"][WORD] < adapter.card["after"]["dice"][WORD]


def test_the_card_tells_how_it_was_made(learn: Any) -> None:
    adapter, _ = learn()
    facts = adapter.card
    assert facts["settings"]["epochs"] == 2
    n_objects = sum(len(plane.objects) for plane in PLANES)
    sides = facts["corrections"]
    assert sides["trained_on"][WORD] + sides["held_out"][WORD] == n_objects
    assert facts["before"]["dice"][WORD] < facts["after"]["dice"][WORD]
    assert len(facts["epochs"]) == 2
    assert adapter.thresholds == {}, "a few held-out objects choose no threshold"


def test_enough_held_out_objects_choose_a_threshold(
    learn: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(card, "FEWEST_FOR_THRESHOLD", 1)
    adapter, _ = learn()
    assert adapter.thresholds.keys() == {WORD}


@pytest.mark.parametrize(
    ("scores", "share"),
    [
        ([(0.5, 0.8), (0.5, 0.796)], 0.6),
        ([(0.5, 0.8), (0.4, 0.7), (0.4, 0.8)], 0.8),
        ([(0.5, 0.8), (0.6, 0.8), (0.6, 0.9)], 1),
    ],
)
def test_weights_go_back_as_far_as_costs_nothing(
    learn: Any, monkeypatch: pytest.MonkeyPatch, scores: list[tuple[float, float]], share: float
) -> None:
    whole = learn(FinetuneSettings(epochs=1, steps=2, batch=4, held_out_share=0))[0]
    given = iter(scores)
    monkeypatch.setattr(
        training, "shorten", lambda tuner, examined: shorten(tuner, lambda: next(given))
    )
    adapter, _ = learn(FinetuneSettings(epochs=1, steps=2, batch=4))
    assert adapter.card["share_of_the_way"] == share
    assert whole.card["share_of_the_way"] == 1


def test_half_of_the_way_lies_in_the_middle(model: ClipSegSegmenter, learn: Any) -> None:
    course = run(prepare(model, TABLE, PLANES, QUICK, bank=run(replay_bank(model, n_scenes=1))))
    tuner = Tuner(model, course.voices, course.training, course.absent, course.bank, QUICK)
    tuner.step(0)
    moved = {name: value.detach().clone() for name, value in tuner.trained.items()}
    tuner.go_back_to(0.5)
    base = dict(model.network.decoder.named_parameters())
    assert any(not torch.equal(moved[name], base[name]) for name in moved)
    for name, value in tuner.trained.items():
        torch.testing.assert_close(value.detach(), (moved[name] + base[name].detach()) / 2)


def test_without_held_out_objects_the_last_epoch_is_kept(learn: Any) -> None:
    settings = FinetuneSettings(epochs=3, steps=2, batch=4, held_out_share=0, rate=0.5)
    adapter, events = learn(settings)
    assert adapter.card["best_epoch"] == 3, "a loss on what was trained on chooses nothing"
    assert adapter.card["measured_on"] == "the training objects"
    assert [epoch["held_out_loss"] for epoch in adapter.card["epochs"]] == [None] * 3
    epochs = [event for event in events if isinstance(event, Epoch)]
    assert all(math.isnan(epoch.held_out_loss) for epoch in epochs)


def test_equal_seeds_give_equal_adapters(learn: Any) -> None:
    first, second = learn()[0], learn()[0]
    assert all(torch.equal(first.decoder[n], second.decoder[n]) for n in first.decoder)
    np.testing.assert_array_equal(first.phrases[WORD], second.phrases[WORD])


def test_an_interrupted_training_goes_on_after_its_last_epoch(
    learn: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, _ = learn()
    step, steps_taken = Tuner.step, []

    def killed(tuner: Tuner, number: int) -> float:
        if number == 5:
            raise KeyboardInterrupt
        return step(tuner, number)

    monkeypatch.setattr(Tuner, "step", killed)
    with pytest.raises(KeyboardInterrupt):
        learn(folder=tmp_path)

    def counted(tuner: Tuner, number: int) -> float:
        steps_taken.append(number)
        return step(tuner, number)

    monkeypatch.setattr(Tuner, "step", counted)
    resumed, _ = learn(folder=tmp_path)
    assert steps_taken == [4, 5, 6, 7]
    assert all(torch.equal(resumed.decoder[n], whole.decoder[n]) for n in whole.decoder)
    assert resumed.card["epochs"] == whole.card["epochs"]


def test_other_settings_begin_anew_and_damage_is_told(learn: Any, tmp_path: Path) -> None:
    learn(folder=tmp_path)
    _, events = learn(FinetuneSettings(epochs=1, steps=2, batch=4), folder=tmp_path)
    assert sum(isinstance(event, Epoch) for event in events) == 1
    (tmp_path / "training.pt").write_bytes(b"no")
    with pytest.raises(ModelError, match="damaged"):
        learn(folder=tmp_path)


def test_a_loss_that_is_no_number_stops_and_keeps_the_best(
    learn: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = Tuner.step
    monkeypatch.setattr(Tuner, "step", lambda tuner, n: step(tuner, n) if n < 4 else math.nan)
    adapter, events = learn()
    assert any("no longer a number" in e.message for e in events if isinstance(e, Notice))
    assert adapter.card["best_epoch"] == 1
    monkeypatch.setattr(Tuner, "step", lambda tuner, n: math.nan)
    with pytest.raises(ModelError, match="lower learning rate"):
        learn()


def test_too_little_memory_makes_smaller_steps(learn: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    step, failures = Tuner.step, iter(range(2))

    def short(tuner: Tuner, number: int) -> float:
        if next(failures, None) is not None:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return step(tuner, number)

    monkeypatch.setattr(Tuner, "step", short)
    _, events = learn()
    told = [event.message for event in events if isinstance(event, Notice)]
    assert [text for text in told if "2 tiles at a time" in text]
    assert [text for text in told if "1 tile at a time" in text]


def test_nothing_to_learn_from_is_said(learn: Any) -> None:
    nobody = corrected(0)
    with pytest.raises(PromptError, match="accept, correct or draw"):
        learn(planes=[type(nobody)(nobody.plane, nobody.labels, {}, nobody.reviewed)])


def test_a_stop_keeps_the_best_epoch_so_far(learn: Any) -> None:
    epochs: list[Epoch] = []
    settings = FinetuneSettings(epochs=4, steps=4, batch=4)

    def stops() -> bool:
        asked.append(len(asked))
        return len(asked) > 3

    asked: list[int] = []
    adapter, events = learn(settings, should_stop=stops)
    epochs = [event for event in events if isinstance(event, Epoch)]
    assert len(epochs) == 1
    assert len(adapter.card["epochs"]) == adapter.card["best_epoch"] == 1


def test_a_stop_before_the_first_epoch_waits_for_it(learn: Any) -> None:
    adapter, events = learn(should_stop=lambda: True)
    assert sum(isinstance(event, Epoch) for event in events) == 1
    assert adapter.decoder


def test_the_card_tells_of_the_model_in_use_too(learn: Any, model: ClipSegSegmenter) -> None:
    first, _ = learn()
    again, _ = learn(in_use=model.with_adapter(first))
    assert again.card["in_use"] == pytest.approx(again.card["after"]["dice"])
    assert "in_use" not in first.card
