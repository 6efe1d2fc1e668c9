"""Typical images of every kind first, then what the model is unsure of, class by class."""

from __future__ import annotations

import numpy as np
import pytest

from napari_vlseg.errors import SettingsError
from napari_vlseg.events import run
from napari_vlseg.models.registry import load
from napari_vlseg.prompts import ClassPrompt, PromptTable
from napari_vlseg.workflow.ordering import ORDERS, Look, look, order_images


def _look(feature: tuple[float, ...], foreground: float = 0.5, **uncertainty: float) -> Look:
    return Look(np.array(feature, np.float32), foreground, uncertainty)


def test_typical_images_of_every_kind_come_first() -> None:
    rng = np.random.default_rng(0)
    kinds = [(0.0, 0.0)] * 7 + [(9.0, 0.0)] * 5 + [(0.0, 9.0)] * 4
    looks = [_look(tuple(np.add(kind, rng.normal(0, 0.3, 2)))) for kind in kinds]
    looks[0] = _look((2.0, 2.0))
    order = order_images(looks, "typical")
    assert sorted(order) == list(range(16))
    first = {kinds[number] for number in order[:4]}
    assert len(first) == 3, "every kind is among the first"
    assert 0 not in order[:3], "the odd one of its kind waits"


def test_classes_take_turns_and_noise_fades() -> None:
    looks = [_look((0.0,), a=0.9 - 0.08 * n, b=0.02 * n) for n in range(10)]
    late = order_images(looks, "uncertain", round_=60)
    assert late[:4] == [0, 9, 1, 8]
    early = [tuple(order_images(looks, "uncertain", seed=seed)) for seed in range(5)]
    assert len(set(early)) > 1
    often_first = [
        order[0] for order in (order_images(looks, "uncertain", seed=s) for s in range(60))
    ]
    assert np.mean([number < 5 for number in often_first]) > 0.6


def test_images_without_foreground_come_last_by_chance() -> None:
    looks = [_look((0.0,), foreground=0.0 if n % 2 else 0.3) for n in range(8)]
    order = order_images(looks, "random", seed=1)
    assert {n % 2 for n in order[:4]} == {0}
    assert order != order_images(looks, "random", seed=2)


@pytest.mark.parametrize("order", ORDERS)
def test_all_orders_name_each_image_once(order: str) -> None:
    for n in (1, 2, 3, 7):
        looks = [_look((float(k), 1.0), a=0.1 * k) for k in range(n)]
        assert sorted(order_images(looks, order)) == list(range(n))  # type: ignore[arg-type]


def test_an_unknown_order_is_refused() -> None:
    with pytest.raises(SettingsError, match="typical, uncertain, random"):
        order_images([], "best")  # type: ignore[arg-type]


def test_a_model_looks_at_what_it_lights_up() -> None:
    model = load("vlseg-mini", device="cpu", precision="float32")
    plane = np.full((160, 160, 3), 0.05, np.float32)
    rows, cols = np.ogrid[:160, :160]
    plane[(rows - 60) ** 2 + (cols - 60) ** 2 < 300] = 0.8
    table = PromptTable((ClassPrompt("nuclei", phrases=("nuclei",)),))
    seen = run(look(model, plane, table))
    nothing = run(look(model, np.zeros_like(plane), table))
    assert seen.foreground > nothing.foreground
    assert 0 < seen.uncertainty["nuclei"] <= 2
    assert nothing.uncertainty["nuclei"] == 0
    assert seen.feature.shape == nothing.feature.shape
    assert not np.array_equal(seen.feature, nothing.feature)
