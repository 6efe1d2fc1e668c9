"""How the fine-tuning of a click model is done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from napari_vlseg.errors import SettingsError

ClickMethod = Literal["decoder", "lora"]


@dataclass(frozen=True)
class ClickSettings:
    """What a fine-tuning does; the defaults suit a few to a few hundred objects.

    Attributes
    ----------
    method : {"decoder", "lora"}
        Mask decoder and prompt encoder are trained; with "lora" also factors of low rank in the
        attention of the image encoder (Hu et al. 2022), which then runs at every step.
    rank : int
        Of those factors.
    epochs : int
        At most; training ends earlier where the held-out corrections get worse.
    steps : int
        Steps in an epoch.
    batch : int
        Objects in a step; each is asked for by clicks and by a box.
    rate : float
        Peak learning rate of AdamW.
    held_out_share : float
        Share of the corrections that is only measured on.
    patience : int
        Epochs without a better held-out loss after which training ends.
    replay_weight : float
        Weight of repeating what the base model says about scenes it knows, so that it goes on
        to outline other objects (Li & Hoiem 2016), beside a weight of 1 for the corrections.
    replay_objects : int
        Objects in those scenes.
    seed : int

    Raises
    ------
    SettingsError
        If a value is out of range.
    """

    method: ClickMethod = "decoder"
    epochs: int = 8
    steps: int = 10
    batch: int = 8
    rate: float = 3e-4
    held_out_share: float = 0.2
    patience: int = 3
    replay_weight: float = 1.0
    replay_objects: int = 48
    seed: int = 0
    rank: int = 8

    def __post_init__(self) -> None:
        methods = get_args(ClickMethod)
        if self.method not in methods:
            raise SettingsError(
                f"The method “{self.method}” does not suit click models: choose "
                f"{' or '.join(methods)}."
            )
        for name in ("epochs", "steps", "batch", "patience", "rank"):
            if getattr(self, name) < 1:
                raise SettingsError(f"{name} is {getattr(self, name)}: choose 1 or more.")
        if not 0 <= self.held_out_share <= 0.5:
            raise SettingsError(
                f"The held-out share is {self.held_out_share:g}: choose 0 to 0.5 of the "
                "corrections."
            )
        if not (self.rate > 0 and self.replay_weight >= 0 and self.replay_objects >= 0):
            raise SettingsError(
                "The learning rate is not positive, or the replay is negative: choose a rate "
                "above 0, and 0 or more of the others."
            )

    @property
    def total_steps(self) -> int:
        """Steps of all epochs."""
        return self.epochs * self.steps
