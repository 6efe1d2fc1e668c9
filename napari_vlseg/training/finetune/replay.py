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

_USUAL_INPUT = 128
_FEWEST_SCENES = 12


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

    References are objects of the scene itself and of those before it: what is shown may be there
    or not.

    Parameters
    ----------
    model : ClipSegSegmenter
        The base model.
    n_scenes : int
        For an input of 128 pixels. A scene fills the input, so that of a larger one fewer show as
        many objects; a dozen are asked about in any case.
    seed : int

    Yields
    ------
    Progress
    """
    rng = np.random.default_rng(seed)
    fewer = max(_FEWEST_SCENES, round(n_scenes * (_USUAL_INPUT / model.input_size) ** 2))
    n_scenes = min(n_scenes, fewer)
    layers: list[Activations] = []
    vectors, answers, pixels, scenes = [], [], [], []
    shown: list[Conditional] = []
    for number in range(n_scenes):
        scene = generate_scene(REPLAY_SEEDS[number], size=model.input_size)
        plane = as_plane(scene.image)
        embedding = yield from model.encode_steps(plane, working_scale=1.0)
        pixels.append(pixels_of(plane, embedding.plan, model.network.preprocessing)[:1])
        questions = _questions(model, plane, scene, shown, rng)
        asked = np.stack([conditional.vector for conditional in questions])
        tile = tuple(layer[:1].cpu() for layer in embedding.activations[0])
        layers.append(tuple(layer.repeat(len(asked), 1, 1) for layer in tile))
        vectors.append(torch.from_numpy(asked))
        found = model.network.decode(tile, asked)[:, 0]
        answers.append(torch.from_numpy(found.astype(np.float16)))
        scenes += [number] * len(asked)
        yield Progress("recalling what the model knows", number + 1, n_scenes)
    stacked = tuple(torch.cat(layer) for layer in zip(*layers, strict=True))
    pairs = (torch.cat(vectors), torch.cat(answers))
    return ReplayBank(stacked, *pairs, torch.cat(pixels), torch.tensor(scenes))


def _questions(
    model: ClipSegSegmenter,
    plane: np.ndarray,
    scene: Scene,
    shown: list[Conditional],
    rng: np.random.Generator,
) -> list[Conditional]:
    """What is asked about a scene; its own reference is added to those that were `shown`."""
    named = [thing for thing in scene.objects if thing.kind in KIND_NOUNS]
    kinds = list(KIND_NOUNS)
    phrases = [KIND_NOUNS[kinds[int(rng.integers(len(kinds)))]][0]]
    questions = [shown[int(rng.integers(len(shown)))]] if shown else []
    if named:
        thing = named[int(rng.integers(len(named)))]
        phrases += [KIND_NOUNS[thing.kind][0], _coloured(thing)]
        region = ReferencePrompt.from_region(plane, scene.labels == thing.label)
        shown.append(model.condition(ClassPrompt("shown", references=(region,)))[0])
        questions.append(shown[-1])
    prompts = [ClassPrompt(phrase, phrases=(phrase,)) for phrase in phrases]
    return [*questions, *(model.condition(prompt)[0] for prompt in prompts)]


def _coloured(thing: SceneObject) -> str:
    noun = KIND_NOUNS[thing.kind][0]
    return f"{COLOUR_WORDS[thing.colour][0]} {noun}" if thing.colour in COLOUR_WORDS else noun
