"""Video models: the same as transformers says, in bounded memory, and safe to load."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from napari_vlseg.errors import ImageError, ModelError, PromptError
from napari_vlseg.events import run
from napari_vlseg.models.preprocessing import resize_plane
from napari_vlseg.models.registry import has_video_memory, load_video_steps
from napari_vlseg.models.sam_video import SamVideoSegmenter, load_sam_video
from napari_vlseg.models.video import VideoSegmenter
from tests.models.tiny_family import SIDE, save_family
from tests.models.tiny_video import RECIPES, save_video

SHAPE = (60, 80)
N_PLANES = 8


@pytest.fixture(scope="module", params=RECIPES)
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = save_video(request.param, tmp_path_factory.mktemp("video"))
    return load_sam_video(folder, "tiny", device="cpu", precision="float32")


def planes() -> np.ndarray:
    """Whole grey levels, (n, H, W, 3) in [0, 1], so that 8 bits hold them too."""
    noise = np.random.default_rng(0).integers(0, 256, (*SHAPE, 3), np.uint8)
    moved = np.stack([np.roll(noise, 2 * n, axis=1) for n in range(N_PLANES)])
    return moved.astype(np.float32) / 255


def mask() -> np.ndarray:
    drawn = np.zeros(SHAPE, bool)
    drawn[20:40, 20:50] = True
    return drawn


def followed(model: SamVideoSegmenter, order: list[int]) -> list[Any]:
    memory, pictures = model.begin(), planes()
    reverse = order[-1] < order[0]
    run(memory.look(pictures[order[0]], order[0], reverse=reverse))
    memory.learn(5, mask())
    found = []
    for number in order[1:]:
        run(memory.look(pictures[number], number, reverse=reverse))
        found.append(memory.find(5))
    return found


def test_it_is_a_video_segmenter(model: SamVideoSegmenter) -> None:
    assert isinstance(model, VideoSegmenter)
    assert model.info.name == "tiny"
    assert model.info.device == "cpu"


@pytest.mark.parametrize("order", [list(range(N_PLANES)), list(range(N_PLANES - 1, -1, -1))])
def test_planes_one_by_one_give_what_transformers_gives_for_the_video(
    model: SamVideoSegmenter, order: list[int]
) -> None:
    session = model.begin()._new_session()
    pixels = [model.preprocessing.normalize(_stretched(plane)[None])[0] for plane in planes()]
    session.processed_frames = dict(enumerate(pixels))
    session.cache.clear_all()
    index = session.obj_id_to_idx(5)
    session.add_mask_inputs(index, order[0], model.begin()._as_input(mask()))
    session.obj_with_new_inputs = [5]
    with torch.inference_mode():
        model.model(inference_session=session, frame_idx=order[0])
        theirs = [
            model.model(inference_session=session, frame_idx=n, reverse=order[-1] < order[0])
            for n in order[1:]
        ]
    for mine, their in zip(followed(model, order), theirs, strict=True):
        np.testing.assert_allclose(
            mine.logits.values, their.pred_masks[0, 0].numpy(), rtol=1e-4, atol=1e-3
        )
        there = torch.sigmoid(their.object_score_logits.reshape(-1)[0])
        assert mine.score == pytest.approx(float(there), abs=1e-5)


def _stretched(plane: np.ndarray) -> np.ndarray:
    return resize_plane(plane, (SIDE, SIDE))


def test_memory_does_not_grow_with_the_planes(model: SamVideoSegmenter) -> None:
    memory, pictures = model.begin(), planes()
    run(memory.look(pictures[0], 0))
    memory.learn(1, mask())
    sizes = []
    for number in range(1, 14):
        run(memory.look(pictures[number % N_PLANES], number))
        memory.find(1)
        (session,) = memory._sessions.values()
        sizes.append(_tensors_in(vars(session)))
    assert sizes[-1] == sizes[-4], "after as many planes as the model looks back to"
    assert not session.processed_frames


def _tensors_in(content: Any) -> int:
    """Elements of all tensors in nested containers and plain objects."""
    if isinstance(content, torch.Tensor):
        return content.numel()
    if isinstance(content, dict):
        return sum(_tensors_in(part) for part in content.values())
    if isinstance(content, list | tuple):
        return sum(map(_tensors_in, content))
    return _tensors_in(vars(content)) if type(content).__name__.endswith("Cache") else 0


def test_objects_are_independent_and_can_be_forgotten(model: SamVideoSegmenter) -> None:
    alone = followed(model, [0, 1, 2])
    memory, pictures = model.begin(), planes()
    other = np.roll(mask(), 15, axis=0)
    run(memory.look(pictures[0], 0))
    memory.learn(5, mask())
    memory.learn(6, other)
    for number in (1, 2):
        run(memory.look(pictures[number], number))
        found = memory.find(5)
        memory.find(6)
    np.testing.assert_allclose(found.logits.values, alone[-1].logits.values, rtol=1e-4, atol=1e-3)
    memory.forget(6)
    with pytest.raises(PromptError, match="Object 6 is not known"):
        memory.find(6)


def test_wrong_planes_and_masks_are_refused(model: SamVideoSegmenter) -> None:
    memory = model.begin()
    run(memory.look(planes()[0], 0))
    with pytest.raises(PromptError, match="marks no pixel"):
        memory.learn(1, np.zeros(SHAPE, bool))
    memory.learn(1, mask())
    with pytest.raises(ImageError, match="planes of one shape"):
        run(memory.look(planes()[0][:, :50], 1))


def test_the_registry_knows_which_models_have_a_memory(tmp_path: Path) -> None:
    assert has_video_memory("sam2.1-hiera-tiny")
    assert has_video_memory("edgetam")
    assert not has_video_memory("sam-mini")
    assert not has_video_memory("sam-vit-base")
    video = save_video("sam2_video", tmp_path / "video")
    assert has_video_memory(str(video))
    loaded = run(load_video_steps(str(video), device="cpu"))
    assert isinstance(loaded, VideoSegmenter)
    image = save_family("sam", tmp_path / "image")
    assert not has_video_memory(str(image))
    with pytest.raises(ModelError, match="no memory of planes"):
        run(load_video_steps(str(image), device="cpu"))
