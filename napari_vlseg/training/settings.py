"""Settings of a training run of the bundled model."""

from __future__ import annotations

from dataclasses import dataclass, field

from napari_vlseg.training.batches import BatchShape
from napari_vlseg.training.builder import ModelShape
from napari_vlseg.training.optimisation import Schedule


@dataclass(frozen=True)
class LossWeights:
    """Weights of the terms beside the segmentation loss."""

    alignment: float = 0.05
    dense_codes: float = 0.4
    prompt_codes: float = 0.2
    likeness: float = 0.1


@dataclass(frozen=True)
class PretrainSettings:
    """Everything that decides what a run produces, and how it is run.

    Attributes
    ----------
    steps : int
        Optimiser steps; the schedule is laid over them.
    seed : int
        Seed of weights and batches.
    n_scenes, scene_size : int
        Procedural scenes to draw from and their side in pixels.
    n_pairs : int
        Pairs of scenes that share objects without a name, for references.
    batch, model, losses
        Shapes and weights.
    rate : float
        Factor on the learning rates.
    start : str
        Checkpoint of another run whose averaged weights are refined; "" starts afresh.
    device : str
        "cpu", "cuda", …, or "auto".
    workers : int
        Processes that prepare batches ahead; they do not change the result.
    scene_workers : int
        Processes that generate scenes; 0 for one per core.
    log_every, save_every : int
        Steps between log lines and between checkpoints.
    """

    steps: int = 4400
    seed: int = 0
    n_scenes: int = 5000
    n_pairs: int = 1500
    scene_size: int = 144
    batch: BatchShape = field(default_factory=BatchShape)
    model: ModelShape = field(default_factory=ModelShape)
    losses: LossWeights = field(default_factory=LossWeights)
    rate: float = 1.0
    start: str = ""
    device: str = "auto"
    workers: int = 1
    scene_workers: int = 0
    log_every: int = 25
    save_every: int = 250

    @property
    def schedule(self) -> Schedule:
        """Learning-rate schedule over the steps."""
        return Schedule(self.steps, peak=self.rate)
