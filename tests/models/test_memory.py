"""Running out of memory: fewer tiles, smaller tiles, the CPU, and a word about each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from napari_vlseg.errors import ModelError
from napari_vlseg.events import Event, Notice, run
from napari_vlseg.models import weights
from napari_vlseg.models.base import Embedding
from napari_vlseg.models.clipseg import ClipSegSegmenter
from napari_vlseg.models.devices import (
    available_devices,
    choose_device,
    choose_dtype,
    is_out_of_memory,
)
from napari_vlseg.models.memory import MemoryBudget
from napari_vlseg.models.network import ClipSegNetwork
from napari_vlseg.prompts import ClassPrompt, ReferencePrompt

CUDA = torch.device("cuda", 0)
CUDA_ERROR = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
MPS_ERROR = RuntimeError("MPS backend out of memory (MPS allocated: 8.00 GB)")
CPU_ERROR = RuntimeError(
    "DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"
)

SeemingGpu = Callable[[], tuple[ClipSegSegmenter, ClipSegNetwork]]


class Crowded(nn.Module):
    """A module on a device with room for so many inputs of so many values."""

    def __init__(self, module: nn.Module, room: int, error: RuntimeError) -> None:
        super().__init__()
        self.module = module
        self.room = room
        self.error = error

    def forward(self, values: Any, *args: Any, **kwargs: Any) -> Any:
        size = values[0].numel() if isinstance(values, list) else values.numel()
        if size > self.room:
            raise self.error
        return self.module(values, *args, **kwargs)


@pytest.fixture
def seeming_gpu(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> SeemingGpu:
    """A segmenter that believes to run on a GPU, while its tensors stay on the CPU.

    Going to the CPU takes the wrappers off: there is room.
    """

    def move(network: ClipSegNetwork, device: torch.device, dtype: torch.dtype) -> None:
        if device.type == "cpu":
            clip = network.model.clip
            clip.vision_model = getattr(clip.vision_model, "module", clip.vision_model)
            network.decoder = getattr(network.decoder, "module", network.decoder)

    def build() -> tuple[ClipSegSegmenter, ClipSegNetwork]:
        monkeypatch.setattr(ClipSegNetwork, "move", move)
        monkeypatch.setattr(weights, "choose_device", lambda name: CUDA)
        segmenter = weights.load_clipseg(checkpoint, "tiny", precision="float32")
        return segmenter, segmenter._network

    return build


def crowd_vision(network: ClipSegNetwork, room: int, error: RuntimeError = CUDA_ERROR) -> None:
    network.model.clip.vision_model = Crowded(network.model.clip.vision_model, room, error)


def encode(segmenter: ClipSegSegmenter, plane: np.ndarray) -> tuple[Embedding, list[Event]]:
    events: list[Event] = []
    return run(segmenter.encode_steps(plane, working_scale=1), events.append), events


def notices(events: list[Event]) -> list[str]:
    return [event.message for event in events if isinstance(event, Notice)]


@pytest.mark.parametrize("error", [CUDA_ERROR, MPS_ERROR])
def test_the_batch_is_halved_until_it_fits(
    seeming_gpu: SeemingGpu,
    segmenter: ClipSegSegmenter,
    plane: np.ndarray,
    error: RuntimeError,
) -> None:
    crowded, network = seeming_gpu()
    crowd_vision(network, 3 * 32 * 32 * 2, error)
    embedding, events = encode(crowded, plane)
    assert notices(events) == [
        f"Memory on cuda:0 ran out: continuing with {number} tiles at a time." for number in (4, 2)
    ]
    assert [len(batch[0]) for batch in embedding.activations] == [2, 2, 2, 2, 1]
    assert crowded.info.device == "cuda:0"
    own, _ = crowded.condition(ClassPrompt("n", ("cells",)))
    expected = segmenter.predict(segmenter.encode(plane, working_scale=1), [own])
    np.testing.assert_allclose(crowded.predict(embedding, [own]), expected, atol=1e-5)


def test_then_the_tile_is_halved_and_the_key_follows(
    seeming_gpu: SeemingGpu, plane: np.ndarray
) -> None:
    crowded, network = seeming_gpu()
    key = crowded.embedding_key(plane, 1)
    crowd_vision(network, 3 * 16 * 16)
    embedding, events = encode(crowded, plane)
    assert notices(events)[-1].endswith("with tiles of 16 pixels.")
    assert embedding.plan.side == 16
    assert embedding.key == crowded.embedding_key(plane, 1) != key
    own, _ = crowded.condition(ClassPrompt("n", ("cells",)))
    assert crowded.predict(embedding, [own]).shape == (1, *plane.shape[:2])


def test_then_the_cpu_takes_over_and_stays(
    seeming_gpu: SeemingGpu, segmenter: ClipSegSegmenter, plane: np.ndarray
) -> None:
    crowded, network = seeming_gpu()
    crowd_vision(network, 1)
    embedding, events = encode(crowded, plane)
    assert notices(events)[-1] == "Memory on cuda:0 ran out: continuing on the CPU, more slowly."
    assert crowded.info.device == "cpu"
    assert embedding.plan == segmenter.encode(plane, working_scale=1).plan
    assert notices(encode(crowded, plane)[1]) == []


def test_the_decoder_takes_fewer_prompts_then_the_cpu(
    seeming_gpu: SeemingGpu, segmenter: ClipSegSegmenter, plane: np.ndarray
) -> None:
    crowded, network = seeming_gpu()
    embedding, _ = encode(crowded, plane)
    prompts = [crowded.condition(ClassPrompt("n", (word,)))[0] for word in "abc"]
    values_per_pair = embedding.activations[0][0][0].numel()
    expected = segmenter.predict(segmenter.encode(plane, working_scale=1), prompts)
    for room, last in ((4 * values_per_pair, "4 masks at a time."), (1, "more slowly.")):
        decoder = getattr(network.decoder, "module", network.decoder)
        network.decoder = Crowded(decoder, room, CUDA_ERROR)
        events: list[Event] = []
        found = run(crowded.predict_steps(embedding, prompts), events.append)
        assert notices(events)[-1].endswith(last)
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_reference_that_does_not_fit_is_embedded_on_the_cpu(
    seeming_gpu: SeemingGpu, segmenter: ClipSegSegmenter, plane: np.ndarray
) -> None:
    crowded, network = seeming_gpu()
    crowd_vision(network, 1, MPS_ERROR)
    mask = np.zeros(plane.shape[:2], bool)
    mask[4:20, 4:20] = True
    prompt = ClassPrompt("n", references=(ReferencePrompt.from_region(plane, mask),))
    own, _ = crowded.condition(prompt)
    np.testing.assert_allclose(own.vector, segmenter.condition(prompt)[0].vector, atol=1e-5)
    assert "CPU" in notices(encode(crowded, plane)[1])[0]


def test_a_model_that_does_not_fit_at_all_is_loaded_on_the_cpu(
    checkpoint: Path, plane: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    move = ClipSegNetwork.move

    def move_if_there_is_room(
        network: ClipSegNetwork, device: torch.device, dtype: torch.dtype
    ) -> None:
        if device.type == "cuda":
            raise CUDA_ERROR
        move(network, device, dtype)

    monkeypatch.setattr(ClipSegNetwork, "move", move_if_there_is_room)
    monkeypatch.setattr(weights, "choose_device", lambda name: CUDA)
    model = weights.load_clipseg(checkpoint, "tiny", precision="bfloat16")
    assert (model.info.device, model.info.precision) == ("cpu", "float32")
    assert "CPU" in notices(encode(model, plane)[1])[0]


def test_weights_that_were_rounded_have_another_key(
    segmenter: ClipSegSegmenter, plane: np.ndarray
) -> None:
    key = segmenter.embedding_key(plane)
    cpu = torch.device("cpu")
    segmenter._network.move(cpu, torch.bfloat16)
    segmenter._network.move(cpu, torch.float32)
    assert segmenter.embedding_key(plane) != key


def test_when_the_cpu_is_full_too_the_person_is_told(
    segmenter: ClipSegSegmenter, plane: np.ndarray
) -> None:
    crowd_vision(segmenter._network, 1, CPU_ERROR)
    with pytest.raises(ModelError, match="too little memory"):
        segmenter.encode(plane, working_scale=1)


def test_other_errors_are_not_taken_for_a_shortage(
    segmenter: ClipSegSegmenter, plane: np.ndarray
) -> None:
    crowd_vision(segmenter._network, 1, RuntimeError("shapes cannot be multiplied"))
    with pytest.raises(RuntimeError, match="multiplied"):
        segmenter.encode(plane, working_scale=1)


@pytest.mark.parametrize("error", [CUDA_ERROR, MPS_ERROR, CPU_ERROR, MemoryError()])
def test_shortages_are_recognised(error: Exception) -> None:
    assert is_out_of_memory(error)


@pytest.mark.parametrize("error", [RuntimeError("bad shape"), ValueError("out of memory")])
def test_other_errors_are_recognised(error: Exception) -> None:
    assert not is_out_of_memory(error)


def test_passes_shrink_with_the_tile_and_never_vanish() -> None:
    cpu = MemoryBudget(torch.device("cpu"), torch.float32)
    assert cpu.tiles_per_pass(128) == 4
    assert cpu.tiles_per_pass(352) == 1
    assert cpu.pairs_per_pass(352) == 2
    assert cpu.pairs_per_pass(10_000) == 1
    assert MemoryBudget(CUDA, torch.bfloat16).tiles_per_pass(352) == 16


def test_the_automatic_device_is_the_first_of_this_machine() -> None:
    assert choose_device("auto").type == available_devices()[0]
    assert choose_device("cpu") == torch.device("cpu")


@pytest.mark.parametrize("name", ["gpu", "", "xpu", "cuda:99"])
def test_an_unusable_device_is_named(name: str) -> None:
    with pytest.raises(ModelError, match=r"choose auto, cpu"):
        choose_device(name)


def test_precision_follows_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: False)
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict)
    assert choose_dtype("auto", torch.device("cpu")) == torch.float32
    assert choose_dtype("auto", torch.device("mps")) == torch.float16
    assert choose_dtype("auto", CUDA) == torch.float16
    assert choose_dtype("bfloat16", torch.device("cpu")) == torch.bfloat16
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)
    assert choose_dtype("auto", CUDA) == torch.bfloat16
    for name in ("avx512_bf16", "amx_bf16"):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda name=name: {name: True})
        assert choose_dtype("auto", torch.device("cpu")) == torch.bfloat16


def test_an_unknown_precision_is_named() -> None:
    with pytest.raises(ModelError, match="choose auto, float32"):
        choose_dtype("int8", torch.device("cpu"))
