"""The effort of a simulated person, where it can be counted by hand.

The click model paints the clicked pixel alone, so that an object of n pixels needs as many clicks
as pixels are missing, and one less for each that may be missing.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_vlseg.errors import ModelError, SettingsError
from napari_vlseg.events import run
from napari_vlseg.models.registry import load
from napari_vlseg.prompts import ClassPrompt, PromptTable
from napari_vlseg.training.finetune.settings import FinetuneSettings
from napari_vlseg.training.simulation.actions import SECONDS_PER_PRESS, SECONDS_PER_TRACE
from napari_vlseg.training.simulation.clicking import Clicking, Task, click_objects
from napari_vlseg.training.simulation.effort import (
    CLICKS,
    EffortPoint,
    EffortSettings,
    simulate_effort,
)
from napari_vlseg.training.simulation.effort_summary import effort_means, plot_effort
from napari_vlseg.training.simulation.pools import Pool, TrueImage, painted_pool
from tests.fakes import BrightnessSegmenter
from tests.gui.painting import PaintingModel

SHAPE = (40, 60)
EXACT = EffortSettings(jitter=0)


def _pixels() -> PaintingModel:
    return PaintingModel(radii=(0, 0, 0))


def _rectangle(top: int, left: int, height: int, width: int) -> np.ndarray:
    mask = np.zeros(SHAPE, bool)
    mask[top : top + height, left : left + width] = True
    return mask


def _image(name: str, truths: list[np.ndarray], proposed: list[np.ndarray]) -> TrueImage:
    labels = np.zeros(SHAPE, np.int32)
    for number, truth in enumerate(truths, 1):
        labels[truth] = number
    bright = np.any(proposed, axis=0) if proposed else np.zeros(SHAPE, bool)
    plane = np.where(bright, 0.9, 0.1).astype(np.float32)[..., None].repeat(3, axis=2)
    return TrueImage(name, name, plane, labels)


def _pool(*test: TrueImage) -> Pool:
    prompts = PromptTable((ClassPrompt("cell", phrases=("bright",)),))
    return Pool("by hand", prompts, (), test)


@pytest.fixture
def pool() -> Pool:
    """One object proposed exactly, one a little too wide, two missed; one proposal too many."""
    exact, wide = _rectangle(2, 2, 4, 5), _rectangle(10, 2, 4, 5)
    small, large = _rectangle(2, 20, 2, 5), _rectangle(10, 20, 5, 6)
    too_wide, surplus = _rectangle(10, 2, 4, 6), _rectangle(25, 40, 5, 5)
    return _pool(_image("one", [exact, wide, small, large], [exact, too_wide, surplus]))


def _points(pool: Pool, settings: EffortSettings = EXACT, seed: int = 0) -> list[EffortPoint]:
    work = simulate_effort(
        BrightnessSegmenter(), _pixels(), pool, budgets=(), seeds=(seed,), settings=settings
    )
    return list(run(work))


def _click(task: Task, clicking: Clicking | None = None) -> tuple[int, ...]:
    """IoUs in pixels of 20, click by click."""
    model = _pixels()
    embedding = run(model.encode_steps(np.zeros((*SHAPE, 3), np.float32)))
    (done,) = run(click_objects(model, embedding, [task], clicking or Clicking()))
    assert len({click.place for click in done.clicks}) == len(done.clicks), "no place twice"
    assert len(done.ious) == len(done.clicks) + 1
    return tuple(round(20 * value) for value in done.ious)


def test_clicks_end_when_the_object_is_right() -> None:
    truth = _rectangle(5, 5, 4, 5)
    assert _click(Task(truth)) == tuple(range(19)), "18 of 20 pixels are 0.9"
    assert _click(Task(truth), Clicking(enough=0.5)) == tuple(range(11))
    assert _click(Task(truth, start=truth)) == (20,)
    assert _click(Task(truth, start=_rectangle(5, 5, 4, 4))) == (16, 17, 18)
    assert _click(Task(truth), Clicking(jitter=2)) == tuple(range(19))


def test_what_is_too_much_is_clicked_away() -> None:
    truth = _rectangle(5, 5, 4, 5)
    model = _pixels()
    embedding = run(model.encode_steps(np.zeros((*SHAPE, 3), np.float32)))
    task = Task(truth, start=_rectangle(5, 5, 4, 6))
    (done,) = run(click_objects(model, embedding, [task], Clicking()))
    assert [click.includes for click in done.clicks] == [False, False]
    assert done.ious == pytest.approx([20 / 24, 20 / 23, 20 / 22])
    assert (done.needed(0.85), done.needed(0.9), done.needed(0.95)) == (1, 2, None)
    (prompt, _) = model.asked
    assert prompt.mask is not None, "it goes on from the mask"
    assert prompt.labels.tolist() == [1, 0], "with a click in its middle, as in the window"


def test_objects_are_clicked_side_by_side() -> None:
    model = _pixels()
    embedding = run(model.encode_steps(np.zeros((*SHAPE, 3), np.float32)))
    tasks = [
        Task(_rectangle(2, 2, 1, 5)),
        Task(_rectangle(8, 2, 1, 3)),
        Task(_rectangle(9, 9, 9, 9)),
    ]
    done = run(click_objects(model, embedding, tasks, Clicking(enough=1, most_clicks=6)))
    assert [len(one.clicks) for one in done] == [5, 3, 6]
    alone = [run(click_objects(model, embedding, [t], Clicking(1, 6)))[0] for t in tasks]
    assert list(done) == alone


def test_every_action_is_counted(pool: Pool) -> None:
    points = {(point.arm, point.wanted): point for point in _points(pool)}
    alone, proposed = points[CLICKS, 0.9], points["none", 0.9]
    assert alone.actions == {
        "n_images": 1,
        "n_objects": 4,
        "accepted": 0,
        "corrected": 0,
        "drawn": 3,
        "traced": 1,
        "deleted": 0,
        "taken_up": 0,
        "clicks": 18 + 18 + 9 + 20,
        "total": 65 + 3 + 1,
        "seconds": pytest.approx(68 * SECONDS_PER_PRESS + SECONDS_PER_TRACE),
    }
    assert proposed.actions == {
        "n_images": 1,
        "n_objects": 4,
        "accepted": 1,
        "corrected": 1,
        "drawn": 1,
        "traced": 1,
        "deleted": 1,
        "taken_up": 1,
        "clicks": 0 + 2 + 9 + 20,
        "total": 1 + (1 + 2 + 1) + (9 + 1) + (20 + 1) + 1,
        "seconds": pytest.approx(36 * SECONDS_PER_PRESS + SECONDS_PER_TRACE),
    }
    assert (alone.noc, proposed.noc) == (65 / 4, 31 / 4)
    assert points[CLICKS, 0.85].actions["clicks"] == 17 + 17 + 9 + 20
    assert points["none", 0.85].actions["total"] == 1 + (1 + 1 + 1) + (9 + 1) + (20 + 1) + 1


def test_a_share_of_objects_is_right_after_each_click(pool: Pool) -> None:
    points = {(point.arm, point.wanted): point.reached for point in _points(pool)}
    alone, proposed = points[CLICKS, 0.9], points["none", 0.9]
    assert alone == (0,) * 9 + (0.25,) * 9 + (0.75,) * 3
    assert proposed == (0.25,) * 2 + (0.5,) * 7 + (0.75,) * 12


def test_a_proposal_that_clicks_can_not_mend_is_traced() -> None:
    truth = _rectangle(5, 5, 10, 20)
    image = _image("one", [truth], [_rectangle(5, 5, 10, 12)])
    alone, proposed = _points(_pool(image), EffortSettings((0.9,), most_clicks=7, jitter=0))
    assert alone.actions["total"] == 7 + 1
    assert proposed.actions["taken_up"] == proposed.actions["traced"] == 1
    assert proposed.actions["total"] == 1 + 7 + 1
    assert (alone.noc, proposed.noc) == (7, 7)


def test_two_proposals_for_one_object_cost_a_deletion() -> None:
    truth = _rectangle(5, 5, 6, 20)
    parts = [_rectangle(5, 5, 6, 14), _rectangle(5, 20, 6, 5)]
    (point,) = [p for p in _points(_pool(_image("one", [truth], parts))) if p.wanted == 0.9][1:]
    assert point.actions["deleted"] == 1
    assert point.actions["taken_up"] == 1


def test_an_image_without_objects_costs_its_false_proposals() -> None:
    image = _image("empty", [], [_rectangle(5, 5, 6, 6), _rectangle(20, 20, 6, 6)])
    alone, proposed = (p for p in _points(_pool(image)) if p.wanted == 0.9)
    assert alone.actions["total"] == 0
    assert proposed.actions["total"] == proposed.actions["deleted"] == 2
    assert proposed.noc == 0
    assert [mean.values["ratio"][0] for mean in effort_means([alone, proposed])] == [1, 1]


def test_equal_seeds_give_equal_results(pool: Pool) -> None:
    shaken = EffortSettings(jitter=1.5)
    assert _points(pool, shaken, seed=1) == _points(pool, shaken, seed=1)


def test_each_seed_draws_its_images() -> None:
    images = [_image(str(n), [_rectangle(2, 2, 1, n + 1)], []) for n in range(6)]
    settings = EffortSettings(wanted=(1.0,), jitter=0, most_images=2)
    clicks = [_points(_pool(*images), settings, seed)[0].actions for seed in range(6)]
    assert all(one["n_images"] == 2 for one in clicks)
    assert len({one["clicks"] for one in clicks}) > 1
    everything = EffortSettings(wanted=(1.0,), jitter=0, most_images=99)
    assert _points(_pool(*images), everything)[0].actions["clicks"] == 1 + 2 + 3 + 4 + 5 + 6


def test_proposals_can_be_outlined_by_the_click_model(pool: Pool) -> None:
    model = PaintingModel()
    work = simulate_effort(
        BrightnessSegmenter(),
        model,
        pool,
        budgets=(),
        seeds=(0,),
        settings=EffortSettings(outlined=True, most_clicks=1),
    )
    run(work)
    assert any(prompt.box is not None for prompt in model.asked)


def test_a_model_that_learned_saves_effort() -> None:
    pool = painted_pool(0, n_work=3, n_test=1)
    model = load("vlseg-mini", device="cpu", precision="float32")
    work = simulate_effort(
        model,
        PaintingModel(),
        pool,
        budgets=(12,),
        seeds=(0,),
        settings=EffortSettings(wanted=(0.7,), jitter=0),
        finetuning=FinetuneSettings(epochs=2, steps=8, batch=6, replay_scenes=2),
    )
    alone, base, taught = run(work)
    assert [(p.arm, p.budget) for p in (alone, base, taught)] == [
        (CLICKS, 0),
        ("none", 0),
        ("random", 12),
    ]
    assert base.actions["accepted"] == 0, "the base model has never heard the word"
    assert taught.actions["accepted"] > 0
    assert taught.actions["total"] < alone.actions["total"]


def test_only_what_can_be_fine_tuned_learns(pool: Pool) -> None:
    with pytest.raises(ModelError, match="fine-tuned"):
        run(simulate_effort(BrightnessSegmenter(), _pixels(), pool))


@pytest.mark.parametrize(
    "wrong", [{"jitter": -1.0}, {"most_clicks": 0}, {"wanted": (1.2,)}, {"most_images": 0}]
)
def test_settings_out_of_range_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(SettingsError):
        EffortSettings(**wrong)  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match="no IoU"):
        EffortSettings(wanted=())


def test_seeds_become_means_with_their_intervals(pool: Pool, tmp_path: Path) -> None:
    first = _points(pool)
    points = [*first, *(EffortPoint(**{**p.to_dict(), "seed": 1}) for p in first)]
    means = {(mean.arm, mean.wanted): mean for mean in effort_means(points)}
    proposed = means["none", 0.9]
    assert proposed.n_seeds == 2
    assert proposed.values["actions"] == (37 / 4, 0)
    assert proposed.values["ratio"] == (pytest.approx(37 / 69), 0)
    assert proposed.values["traced"] == (0.25, 0)
    assert proposed.to_dict()["deleted"] == [1.0, 0.0]
    (single, *_) = effort_means(first)
    assert single.to_dict()["noc"][1] is None
    pytest.importorskip("matplotlib")
    plot_effort(points, "a title", tmp_path / "effort.png")
    assert (tmp_path / "effort.png").read_bytes().startswith(b"\x89PNG")
