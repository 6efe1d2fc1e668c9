"""What the base model says about scenes it knows, repeated while it learns something new."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

from napari_vlseg.events import Progress, Work
from napari_vlseg.models.base import Conditional
from napari_vlseg.models.clipseg import ClipSegSegmenter
from napari_vlseg.models.network import Activations
from napari_vlseg.prompts import ClassPrompt, ReferencePrompt
from napari_vlseg.training.evaluate_nuclei import as_plane
from napari_vlseg.training.finetune.encoder import pixels_of
from napari_vlseg.training.scenes import Scene, SceneObject, generate_scene
from napari_vlseg.training.vocabulary import COLOUR_WORDS, KIND_NOUNS

REPLAY_SEEDS = range(2_000_000, 2_001_000)
"""Scenes of neither the training nor the validation of the bundled models."""


@dataclass(frozen=True, eq=False)
class ReplayBank:
    """Pairs of tile and prompt with the base model's own answer.

    Attributes
    ----------
    activations : tuple of torch.Tensor, each of shape (n, 1 + patches, channels)
        What the decoder reads, or the pixels as in `TileSet`.
    vectors : torch.Tensor, shape (n, projection_dim)
    answers : torch.Tensor, shape (n, side, side), float16 in [0, 1]
    pixels : torch.Tensor, shape (scenes, 3, side, side), float16
        From `pixels_of`.
    scenes : torch.Tensor, shape (n,), int64
        Which of them each pair is about.
    """

    activations: Activations
    vectors: torch.Tensor
    answers: torch.Tensor
    pixels: torch.Tensor
    scenes: torch.Tensor

    def __len__(self) -> int:
        return len(self.vectors)

    @classmethod
    def empty(cls) -> ReplayBank:
        """A bank that recalls nothing."""
        nothing = torch.zeros(0)
        return cls((), nothing[:, None], nothing[:, None, None], nothing, nothing.long())

    def as_pixels(self) -> ReplayBank:
        """The same pairs for a vision tower that learns."""
        return replace(self, activations=(self.pixels[self.scenes],)) if len(self) else self


def replay_bank(model: ClipSegSegmenter, n_scenes: int, seed: int = 0) -> Work[ReplayBank]:
    """Ask the base model about procedural scenes: by phrase, by colour, and by reference.

    Parameters
    ----------
    model : ClipSegSegmenter
        The base model.
    n_scenes : int
    seed : int

    Yields
    ------
    Progress
    """
    rng = np.random.default_rng(seed)
    layers: list[Activations] = []
    vectors, answers, pixels, scenes = [], [], [], []
    for number in range(n_scenes):
        scene = generate_scene(REPLAY_SEEDS[number], size=model.input_size)
        plane = as_plane(scene.image)
        embedding = yield from model.encode_steps(plane, working_scale=1.0)
        pixels.append(pixels_of(plane, embedding.plan, model.network.preprocessing)[:1])
        for conditional in _questions(model, plane, scene, rng):
            activations, answer = _first_tile(model, embedding.activations[0], conditional)
            layers.append(activations)
            vectors.append(torch.from_numpy(conditional.vector))
            answers.append(answer)
            scenes.append(number)
        yield Progress("recalling what the model knows", number + 1, n_scenes)
    stacked = tuple(torch.cat(layer) for layer in zip(*layers, strict=True))
    asked = (torch.stack(vectors), torch.stack(answers))
    return ReplayBank(stacked, *asked, torch.cat(pixels), torch.tensor(scenes))


def _questions(
    model: ClipSegSegmenter, plane: np.ndarray, scene: Scene, rng: np.random.Generator
) -> list[Conditional]:
    named = [thing for thing in scene.objects if thing.kind in KIND_NOUNS]
    kinds = list(KIND_NOUNS)
    phrases = [KIND_NOUNS[kinds[int(rng.integers(len(kinds)))]][0]]
    prompts = []
    if named:
        thing = named[int(rng.integers(len(named)))]
        phrases += [KIND_NOUNS[thing.kind][0], _coloured(thing)]
        region = ReferencePrompt.from_region(plane, scene.labels == thing.label)
        prompts.append(ClassPrompt("shown", references=(region,)))
    prompts += [ClassPrompt(phrase, phrases=(phrase,)) for phrase in phrases]
    return [model.condition(prompt)[0] for prompt in prompts]


def _coloured(thing: SceneObject) -> str:
    noun = KIND_NOUNS[thing.kind][0]
    return f"{COLOUR_WORDS[thing.colour][0]} {noun}" if thing.colour in COLOUR_WORDS else noun


def _first_tile(
    model: ClipSegSegmenter, batch: Activations, conditional: Conditional
) -> tuple[Activations, torch.Tensor]:
    tile = tuple(layer[:1].cpu().clone() for layer in batch)
    answer = model.network.decode(tile, conditional.vector[np.newaxis])[0, 0]
    return tile, torch.from_numpy(answer.astype(np.float16))
