"""A dense segmenter that needs no weights: a pixel is as probable as it is bright."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Sequence

import numpy as np
import torch

from napari_vlseg.events import Progress, Work, run
from napari_vlseg.models.base import Conditional, Embedding, PackedEmbedding
from napari_vlseg.prompts import ClassPrompt
from napari_vlseg.proposals import ModelInfo
from napari_vlseg.tiling import plan_tiles
from napari_vlseg.ui.jobs import ModelSettings
from napari_vlseg.ui.runner import Done, Handlers, guard
from napari_vlseg.visual_prompts import VisualPromptSettings

N_TILES = 20


class BrightnessModel:
    """Bright pixels suit every phrase, dark ones the phrase "dark"; "red triangle" is unknown.

    Parameters
    ----------
    seconds_per_tile : float
        How long each of the 20 tiles takes.
    gate : threading.Event, optional
        Encoding waits for it after the first tile.
    """

    default_threshold = 0.5
    default_edges = False
    input_size = 64

    def __init__(self, seconds_per_tile: float = 0.0, gate: threading.Event | None = None) -> None:
        self.info = ModelInfo("brightness", "1", device="cpu")
        self.tiles_encoded = 0
        self.edges_asked: list[bool | None] = []
        self._seconds = seconds_per_tile
        self._gate = gate

    def embedding_key(self, plane: np.ndarray, working_scale: float | None = None) -> str:
        return hashlib.sha256(plane.tobytes()).hexdigest()

    def encode_steps(
        self, plane: np.ndarray, *, working_scale: float | None = None
    ) -> Work[Embedding]:
        for done in range(N_TILES):
            time.sleep(self._seconds)
            self.tiles_encoded += 1
            yield Progress("encoding", done + 1, N_TILES)
            while self._gate is not None and not self._gate.wait(0.01):
                yield Progress("encoding", done + 1, N_TILES)
        plan = plan_tiles(plane.shape[:2], 64, 16)
        key = self.embedding_key(plane)
        return Embedding(key, plane.shape[:2], plan, 1.0, (plane.mean(-1),))

    def encode(self, plane: np.ndarray, *, working_scale: float | None = None) -> Embedding:
        raise NotImplementedError("the window encodes in steps")

    def pack(self, embedding: Embedding) -> PackedEmbedding:
        (brightness,) = embedding.activations
        tensors = {"brightness": torch.from_numpy(brightness)}
        return PackedEmbedding(embedding.key, tensors, {"scale": embedding.working_scale})

    def unpack(self, packed: PackedEmbedding, plane: np.ndarray) -> Embedding:
        plan = plan_tiles(plane.shape[:2], 64, 16)
        scale, brightness = packed.meta["scale"], packed.tensors["brightness"].numpy()
        return Embedding(packed.key, plane.shape[:2], plan, scale, (brightness,))

    def condition(
        self,
        prompt: ClassPrompt,
        templates: Sequence[str] = ("{}",),
        visual: VisualPromptSettings | None = None,
    ) -> tuple[Conditional, list[Conditional]]:
        def vector(phrase: str) -> Conditional:
            return Conditional(np.array([1.0 if phrase == "dark" else 0.0], np.float32), phrase)

        return vector(prompt.phrases[0] if prompt.phrases else ""), [
            vector(phrase) for phrase in prompt.negatives
        ]

    def predict_steps(
        self, embedding: Embedding, prompts: Sequence[Conditional], *, edges: bool | None = None
    ) -> Work[np.ndarray]:
        self.edges_asked.append(edges)
        yield Progress("segmenting", 1, 1)
        (brightness,) = embedding.activations
        return np.stack(
            [1 - brightness if prompt.vector[0] else brightness for prompt in prompts]
        ).astype(np.float32)

    def predict(
        self, embedding: Embedding, prompts: Sequence[Conditional], *, edges: bool | None = None
    ) -> np.ndarray:
        raise NotImplementedError("the window predicts in steps")

    def unknown_words(self, phrase: str) -> list[str]:
        return ["triangle"] if "triangle" in phrase else []


class Loader:
    """Gives one model, and counts how often it is asked for it."""

    def __init__(self, model: BrightnessModel) -> None:
        self.model = model
        self.loads = 0

    def __call__(self, settings: ModelSettings) -> Work[BrightnessModel]:
        self.loads += 1
        yield Progress("loading the model", 0, 0)
        return self.model


def blobs(shape: tuple[int, int] = (96, 128), level: float = 0.8) -> np.ndarray:
    """Four bright squares on black with soft rims, uint8 (H, W)."""
    image = np.zeros(shape, np.float32)
    for row in (16, 60):
        for col in (16, 80):
            image[row : row + 20, col : col + 20] = level * 0.5
            image[row + 4 : row + 16, col + 4 : col + 16] = 1
    return np.round(image * 255).astype(np.uint8)


class ManualRunner:
    """Runs jobs only when told: whatever a person may do in mid-run happens in between."""

    def __init__(self) -> None:
        self.jobs: dict[str, tuple[Work, Handlers]] = {}
        self.cancelled: list[str] = []

    def start(self, lane: str, work: Work, handlers: Handlers) -> None:
        self.jobs[lane] = (guard(work), handlers)

    def cancel(self, lane: str) -> None:
        self.cancelled.append(lane)

    def busy(self, lane: str) -> bool:
        return lane in self.jobs

    def close(self) -> None:
        self.jobs.clear()

    def finish(self, lane: str = "model") -> None:
        """Run the job of a lane to its end, although it may have been cancelled."""
        work, handlers = self.jobs[lane]
        outcome = run(work, handlers.event)
        del self.jobs[lane]
        if isinstance(outcome, Done):
            handlers.done(outcome.value)
        else:
            handlers.failed(outcome.message)
