"""What click models are shown of corrections, what they are asked, and what counts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_vlseg.errors import SettingsError
from napari_vlseg.events import run
from napari_vlseg.models.sam import SamSegmenter
from napari_vlseg.training.finetune.clicks.assessing import quick_scores
from napari_vlseg.training.finetune.clicks.questions import rehearse
from napari_vlseg.training.finetune.clicks.replay import KINDS as QUESTIONS
from napari_vlseg.training.finetune.clicks.replay import ClickBank, click_bank
from napari_vlseg.training.finetune.clicks.settings import ClickSettings
from napari_vlseg.training.finetune.clicks.sights import Learned, learned_objects
from napari_vlseg.training.finetune.clicks.tuner import ClickTuner
from napari_vlseg.training.finetune.corrected import CorrectedPlane
from napari_vlseg.training.sam.losses import candidate_loss

from .helpers import rimmed, tiny


@pytest.fixture(scope="module")
def zooming(tmp_path_factory: pytest.TempPathFactory) -> SamSegmenter:
    return tiny("zooming", tmp_path_factory.mktemp("zooming"))


def _learned(model: SamSegmenter, plane: CorrectedPlane) -> tuple[Learned, ...]:
    return run(learned_objects(model, model.encode(plane.plane), plane))


def test_objects_are_shown_in_the_windows_the_model_answers_in(zooming: SamSegmenter) -> None:
    plane = rimmed(0)
    objects = _learned(zooming, plane)
    assert len(objects) == 9
    assert {len(thing.near) for thing in objects} == {4}, "four mirrored views are averaged"
    thing = objects[4]
    as_it_is, sideways = thing.near[:2]
    assert torch.equal(sideways.mask, as_it_is.mask.flip(1))
    assert not torch.equal(sideways.features[0], as_it_is.features[0])
    share = float(as_it_is.mask.mean())
    assert 0.2 < share < 0.5, "an object covers about two thirds of the side"
    assert as_it_is.hidden == 0
    assert as_it_is.known.all()
    assert max(sight.hidden for sight in thing.far) > 0, "small windows cut the object off"
    found = torch.nonzero(as_it_is.mask > 0.5)
    zoom = zooming.input_size / zooming.network.mask_size
    edges = torch.cat([found.amin(0), found.amax(0) + 1]) * zoom
    assert (edges - as_it_is.box).abs().max() <= zoom


def test_an_object_the_model_can_not_draw_is_left_out(tmp_path: Path) -> None:
    model = tiny("sam", tmp_path)
    plane = rimmed(0)
    labels = np.where(plane.labels == 1, 1, 0)
    labels[50, 50] = 2
    whole = replace(plane, labels=labels, classes={1: "cell", 2: "dot"})
    (only,) = _learned(model, whole)
    assert only.class_name == "cell"
    assert len(only.near) == 1, "the model sees the whole plane"
    assert only.far == only.near


def test_what_nobody_reviewed_changes_no_gradient(zooming: SamSegmenter) -> None:
    plane = rimmed(0)
    seen = np.zeros(plane.labels.shape, bool)
    seen[:64, :64] = True
    rng = np.random.default_rng(0)
    noise = np.where(seen, plane.labels, rng.integers(0, 5, seen.shape))
    gradients = []
    for labels in (plane.labels, noise):
        objects = _learned(zooming, replace(plane, labels=labels, reviewed=seen))
        assert len(objects) == 4
        network = zooming.network.with_decoder({})
        network.model.mask_decoder.requires_grad_(True)
        rehearse(network, objects, np.random.default_rng(3)).total.backward()
        parameters = network.model.mask_decoder.parameters()
        gradients.append([p.grad for p in parameters if p.grad is not None])
    assert max(float(g.abs().max()) for g in gradients[0]) > 0
    assert all(torch.equal(a, b) for a, b in zip(*gradients, strict=True))


def test_pixels_that_do_not_count_have_no_weight_in_the_loss() -> None:
    torch.manual_seed(0)
    logits = torch.randn(2, 3, 8, 8, requires_grad=True)
    wanted, known = (torch.rand(2, 8, 8) > 0.5).float(), torch.rand(2, 8, 8) > 0.4
    hidden = torch.tensor([0.0, 9.0])

    def losses(wanted: torch.Tensor, logits: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return candidate_loss(logits, torch.rand(2, 3, generator=seeded()), wanted, hidden, known)

    def seeded() -> torch.Generator:
        return torch.Generator().manual_seed(1)

    found = losses(wanted, logits)
    found[0].backward()
    assert logits.grad is not None
    assert not (logits.grad * ~known[:, None]).any()
    assert (logits.grad * known[:, None]).any()
    others = losses(
        torch.where(known, wanted, 1 - wanted),
        torch.where(known[:, None], logits.detach(), torch.tensor(9.0)),
    )
    for mine, other in zip(found, others, strict=True):
        torch.testing.assert_close(mine.detach(), other)


def test_the_base_model_has_not_moved_from_its_own_answers(zooming: SamSegmenter) -> None:
    bank = run(click_bank(zooming, 5))
    assert len(bank) == 5
    rows = torch.arange(5)
    network = zooming.network.with_decoder({})
    for kind in QUESTIONS:
        assert float(bank.loss(network, kind, rows)) == pytest.approx(0, abs=1e-3)
    with torch.no_grad():
        for parameter in network.model.mask_decoder.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    assert all(float(bank.loss(network, kind, rows)) > 0.01 for kind in QUESTIONS)
    assert len(run(click_bank(zooming, 0))) == 0


def test_many_steps_lower_the_loss_and_leave_the_base_model_alone(zooming: SamSegmenter) -> None:
    before = {n: v.clone() for n, v in zooming.network.model.state_dict().items()}
    objects = _learned(zooming, rimmed(0))
    settings = ClickSettings(rate=1e-2, epochs=2, steps=10, batch=4, replay_weight=0)
    tuner = ClickTuner(zooming, objects, ClickBank(), settings)
    first, _ = quick_scores(tuner.network, objects, 0)
    for number in range(settings.total_steps):
        tuner.step(number)
    last, _ = quick_scores(tuner.network, objects, 0)
    assert last < 0.8 * first
    after = zooming.network.model.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_settings_out_of_range_are_refused() -> None:
    for wrong in (
        {"method": "film"},
        {"epochs": 0},
        {"held_out_share": 0.9},
        {"rate": 0},
        {"replay_weight": -1},
    ):
        with pytest.raises(SettingsError):
            ClickSettings(**wrong)  # type: ignore[arg-type]
