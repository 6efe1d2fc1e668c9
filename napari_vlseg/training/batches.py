"""Batches: a pure function of the seed and the number of the step.

Nothing is remembered from one step to the next, so a run that was interrupted
continues with exactly the batches it would have seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch.utils.data import Dataset

from napari_vlseg.training.attributes import dense_codes
from napari_vlseg.training.examples import Example, ExampleSource, TextExample, text_example
from napari_vlseg.training.likeness import look_groups
from napari_vlseg.training.references import ReferenceExample, referenced_examples


@dataclass(frozen=True)
class BatchShape:
    """How much one step shows to the model.

    Attributes
    ----------
    images : int
        Query images per step.
    phrases : int
        Phrases per query image.
    references : int
        Visual prompts per step, for the first so many images.
    real_share : float
        Share of query images that are real.
    """

    images: int = 8
    phrases: int = 5
    references: int = 6
    real_share: float = 0.5


@dataclass(frozen=True)
class Batch:
    """One step's worth of data; prompts are ordered phrases first, then references.

    Attributes
    ----------
    pictures : Tensor of float32, shape (images + references, 3, size, size)
        Query images, then visual prompts; intensities in [0, 1].
    phrases : list of str
        ``images * phrases`` phrases, then one that words each reference, or `UNNAMED`.
    masks : Tensor of bool, shape (images * phrases + references, size, size)
    image_of_prompt : Tensor of int64, shape (images * phrases + references,)
    prompt_codes : Tensor of int64, shape (images * phrases + references, 3)
    dense_codes : Tensor of uint8, shape (images, size, size, 3)
    looks : Tensor of int64, shape (images, size, size)
        Number of the look of each pixel's object, see `look_groups`.
    n_images, n_references : int
    """

    pictures: torch.Tensor
    phrases: list[str]
    masks: torch.Tensor
    image_of_prompt: torch.Tensor
    prompt_codes: torch.Tensor
    dense_codes: torch.Tensor
    looks: torch.Tensor
    n_images: int
    n_references: int


def make_batch(source: ExampleSource, shape: BatchShape, seed: int, step: int) -> Batch:
    """The batch of a step."""
    rng = np.random.default_rng([seed, step])
    draw = partial(_example, source, shape, rng)
    referenced = referenced_examples(source, min(shape.references, shape.images), draw, rng)
    references = [reference for _, reference in referenced]
    examples = [example for example, _ in referenced]
    examples += [draw() for _ in range(shape.images - len(examples))]
    texts = [text_example(example, rng) for example in examples for _ in range(shape.phrases)]
    prompts: list[TextExample | ReferenceExample] = [*texts, *references]
    pictures = [example.image for example in examples] + [ref.picture for ref in references]
    owners = [number for number in range(shape.images) for _ in range(shape.phrases)]
    codes = [dense_codes(example.labels, example.objects) for example in examples]
    return Batch(
        pictures=torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).contiguous(),
        phrases=[prompt.phrase for prompt in prompts],
        masks=torch.from_numpy(np.stack([prompt.mask for prompt in prompts])),
        image_of_prompt=torch.tensor([*owners, *range(len(references))]),
        prompt_codes=torch.tensor([prompt.codes for prompt in prompts]),
        dense_codes=torch.from_numpy(np.stack(codes)),
        looks=look_groups(examples),
        n_images=shape.images,
        n_references=len(references),
    )


def _example(source: ExampleSource, shape: BatchShape, rng: np.random.Generator) -> Example:
    if source.has_real_images and rng.random() < shape.real_share:
        return source.real(rng)
    return source.scene(rng)


class BatchDataset(Dataset[Batch]):
    """Batches by number of the step, for a `DataLoader` that prepares them ahead."""

    def __init__(self, source: ExampleSource, shape: BatchShape, seed: int, steps: int) -> None:
        self._source, self._shape, self._seed, self._steps = source, shape, seed, steps

    def __len__(self) -> int:
        return self._steps

    def __getitem__(self, step: int) -> Batch:
        return make_batch(self._source, self._shape, self._seed, step)
