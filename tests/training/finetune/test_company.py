"""Several processes whose shares add up; `tests.cli.test_finetune_together` starts real ones."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from napari_vlseg.errors import ModelError
from napari_vlseg.events import run
from napari_vlseg.models.clipseg import ClipSegSegmenter
from napari_vlseg.models.registry import load
from napari_vlseg.training.finetune.company import Company, company_of, is_silent_process
from napari_vlseg.training.finetune.preparing import prepare
from napari_vlseg.training.finetune.replay import replay_bank
from napari_vlseg.training.finetune.settings import FinetuneSettings
from napari_vlseg.training.finetune.tuner import Tuner

from .helpers import TABLE, corrected


class _Member(Company):
    """One of several, whose gradients are noted instead of shared."""

    def __init__(self, rank: int, size: int) -> None:
        self.rank, self.size = rank, size
        self.noted: list[torch.Tensor] = []

    def together(self, parameters: Sequence[nn.Parameter], backward: Callable[[], float]) -> float:
        loss = backward()
        grads = [p.grad if p.grad is not None else torch.zeros_like(p) for p in parameters]
        self.noted = [grad.clone() for grad in grads]
        return loss


@pytest.fixture(scope="module")
def model() -> ClipSegSegmenter:
    return load("vlseg-mini", device="cpu", precision="float32")


@pytest.mark.parametrize("size", [2, 3, 16])
def test_the_shares_of_a_step_add_up_to_the_whole(model: ClipSegSegmenter, size: int) -> None:
    settings = FinetuneSettings(batch=6)
    course = run(prepare(model, TABLE, [corrected(0)], settings, bank=run(replay_bank(model, 1))))

    def step(company: _Member) -> float:
        parts = (course.voices, course.training, course.absent, course.bank)
        return Tuner(model, *parts, settings, company).step(3)

    alone = _Member(0, 1)
    whole = step(alone)
    members = [_Member(rank, size) for rank in range(size)]
    assert sum(map(step, members)) == pytest.approx(whole, rel=1e-5)
    for number, wanted in enumerate(alone.noted):
        found = torch.stack([member.noted[number] for member in members]).sum(0)
        torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-6)


def test_without_a_launcher_a_process_is_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "accelerate", None)
    with company_of("auto") as company:
        assert (company.size, company.is_main, company.device) == (1, True, None)
        assert company.agreed((1.0, 2.0)) == (1.0, 2.0)
    assert not is_silent_process()


def test_processes_that_do_not_find_each_other_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each would train alone, and the first to end would clear away what the others write."""
    lonely = SimpleNamespace(process_index=0, num_processes=1, device=torch.device("cpu"))
    library = SimpleNamespace(PartialState=lambda cpu: lonely)
    monkeypatch.setitem(sys.modules, "accelerate", library)
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ModelError, match="did not find each other"), company_of("cpu"):
        pass


def test_a_launcher_without_the_library_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "accelerate", None)
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    assert is_silent_process()
    with pytest.raises(ModelError, match="napari-vlseg\\[distributed\\]"), company_of("cpu"):
        pass
