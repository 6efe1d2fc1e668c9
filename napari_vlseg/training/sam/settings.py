"""Settings of a training run of the bundled click and box model."""

from __future__ import annotations

from dataclasses import dataclass, field

from napari_vlseg.training.optimisation import Schedule
from napari_vlseg.training.sam.builder import SamShape

PIXEL_MEAN = (0.5, 0.5, 0.5)
PIXEL_STD = (0.25, 0.25, 0.25)

TILE_DEFAULTS: dict[str, object] = {
    "zoom": True,
    "local_contrast": True,
    "draw_prompts": True,
    "views": 4,
}
"""How the adapter shows the model an image, because views are made alike."""


@dataclass(frozen=True)
class SamBatchShape:
    """How much one step shows to the model.

    Attributes
    ----------
    images : int
        Tiles per step.
    objects : int
        Objects per tile; each is asked for by a click and by a box.
    real_share : float
        Share of tiles that are real.
    """

    images: int = 8
    objects: int = 4
    real_share: float = 0.65


@dataclass(frozen=True)
class Corrections:
    """How often further clicks are rehearsed.

    Attributes
    ----------
    of_clicks : float
        Share of the clicked objects that get further clicks.
    of_boxes : float
        The same of the boxed objects.
    rounds : int
        Most further clicks; a step draws 1 … `rounds`.
    again : float
        Share of the clicked objects that are asked for once more, with the mask that was found
        and without a further click, as `SamSegmenter` does after a first click.
    """

    of_clicks: float = 0.4
    of_boxes: float = 0.1
    rounds: int = 3
    again: float = 0.0


@dataclass(frozen=True)
class SamSettings:
    """Everything that decides what a run produces, and how it is run.

    Attributes
    ----------
    steps, seed : int
        Optimiser steps, over which the schedule is laid, and the seed of weights and batches.
    n_scenes, scene_size : int
        Procedural scenes to draw from and their side in pixels.
    batch, model, corrections
        Shapes and shares.
    rate : float
        Factor on the learning rates.
    start : str
        Checkpoint of another run whose averaged weights are refined; "" starts afresh.
    device : str
        "cpu", "cuda", …, or "auto".
    workers, scene_workers : int
        Processes that prepare batches and generate scenes; they do not change the result.
    log_every, save_every : int
        Steps between log lines and between checkpoints.
    """

    steps: int = 9000
    seed: int = 0
    n_scenes: int = 1200
    scene_size: int = 144
    batch: SamBatchShape = field(default_factory=SamBatchShape)
    model: SamShape = field(default_factory=SamShape)
    corrections: Corrections = field(default_factory=Corrections)
    rate: float = 1.0
    start: str = ""
    device: str = "auto"
    workers: int = 1
    scene_workers: int = 0
    log_every: int = 25
    save_every: int = 250

    @property
    def schedule(self) -> Schedule:
        """Learning-rate schedule over the steps: what is refined descends from the start."""
        plateau_share = 0.0 if self.start else 0.3
        return Schedule(self.steps, plateau_share=plateau_share, peak=self.rate)
