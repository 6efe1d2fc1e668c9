"""Half precision in a step: nearly the same, and only where it pays."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from napari_vlseg.training.finetune.precision import MixedPrecision

CPU = torch.device("cpu")


def _trained(name: str, steps: int = 20) -> tuple[float, torch.Tensor]:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(8, 16), nn.GELU(), nn.Linear(16, 1))
    x = torch.randn(64, 8)
    wanted = x[:, :1] * 2
    optimiser = torch.optim.AdamW(network.parameters(), lr=0.02)
    precision = MixedPrecision(name, CPU)
    for _ in range(steps):
        optimiser.zero_grad()
        with precision.autocast():
            found = network(x)
        loss = (found.float() - wanted).square().mean()
        precision.backward(loss)
        precision.step(optimiser, list(network.parameters()), 1.0)
    return float(loss.detach()), network[0].weight.detach()


def test_auto_is_full_precision_on_a_processor() -> None:
    assert MixedPrecision("auto", CPU).dtype == torch.float32
    assert _trained("auto")[0] == _trained("float32")[0]


@pytest.mark.parametrize("name", ["bfloat16", "float16"])
def test_half_precision_learns_nearly_the_same(name: str) -> None:
    exact, weights = _trained("float32")
    rough, others = _trained(name)
    assert exact < 0.5 * _trained("float32", 1)[0]
    assert rough == pytest.approx(exact, rel=0.05)
    assert not torch.equal(weights, others)
    torch.testing.assert_close(weights, others, rtol=0, atol=0.03)


def test_a_gradient_beyond_float16_moves_nothing_and_lowers_the_scale() -> None:
    weight = nn.Parameter(torch.ones(1))
    optimiser = torch.optim.SGD([weight], lr=1.0)
    precision = MixedPrecision("float16", CPU)
    before = precision.state_dict()["scale"]
    precision.backward((weight * torch.inf).sum())
    precision.step(optimiser, [weight], 1.0)
    assert weight.item() == 1
    after = precision.state_dict()
    assert after["scale"] < before
    other = MixedPrecision("float16", CPU)
    other.load_state_dict(after)
    assert other.state_dict() == after
