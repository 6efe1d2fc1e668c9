"""How a fine-tuning is done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from napari_vlseg.errors import SettingsError

Method = Literal["decoder", "film", "lora"]

Precision = Literal["auto", "float32", "bfloat16", "float16"]

_RATES: dict[Method, float] = {"decoder": 1.5e-3, "film": 4e-3, "lora": 1.5e-3}
_FACTOR_RATE = 1.0


@dataclass(frozen=True)
class FinetuneSettings:
    """What a fine-tuning does; the defaults suit a few to a few hundred objects.

    Attributes
    ----------
    method : {"decoder", "film", "lora"}
        The whole decoder is trained, or only the two maps by which the prompt modulates the
        activations (FiLM, Perez et al. 2018), which can forget less and learn less, or the
        decoder and factors of low rank in the vision tower (LoRA, Hu et al. 2022), which then
        runs at every step.
    rank : int
        Of those factors.
    epochs : int
        At most; training ends earlier where the held-out corrections get worse.
    steps : int
        Steps in an epoch.
    batch : int
        Pairs of tile and prompt in a step.
    rate : float or None
        Peak learning rate of AdamW; None takes the method's own.
    phrase_rate : float
        The same for phrases that are learned, relative to the length of their embedding.
    held_out_share : float
        Share of the corrections that is only measured on.
    patience : int
        Epochs without a better held-out loss after which training ends.
    absent_share : float
        Share of a step that asks for something that is not there.
    replay_share : float
        Share of a step that repeats what the base model says about scenes it knows, so that
        old prompts keep their meaning (Li & Hoiem 2016).
    replay_scenes : int
        Number of those scenes.
    seed : int
    augment : int
        Variants of each corrected plane, turned, mirrored and lit otherwise, that are learned
        from too; those that were encoded before, see `napari_vlseg.training.finetune.augmented`,
        and with the method "lora" all of them.
    precision : {"auto", "float32", "bfloat16", "float16"}
        What steps are computed in; "auto" is half precision on CUDA devices alone.

    Raises
    ------
    SettingsError
        If a value is out of range.
    """

    method: Method = "decoder"
    epochs: int = 6
    steps: int = 10
    batch: int = 10
    rate: float | None = None
    phrase_rate: float = 0.05
    held_out_share: float = 0.2
    patience: int = 3
    absent_share: float = 0.2
    replay_share: float = 0.4
    replay_scenes: int = 48
    seed: int = 0
    rank: int = 8
    augment: int = 0
    precision: Precision = "auto"

    def __post_init__(self) -> None:
        for name, choices in (("method", get_args(Method)), ("precision", get_args(Precision))):
            if getattr(self, name) not in choices:
                raise SettingsError(
                    f"The {name} “{getattr(self, name)}” is unknown: choose {', '.join(choices)}."
                )
        for name in ("epochs", "steps", "batch", "patience", "replay_scenes", "rank"):
            if getattr(self, name) < 1:
                raise SettingsError(f"{name} is {getattr(self, name)}: choose 1 or more.")
        if self.augment < 0:
            raise SettingsError(f"augment is {self.augment}: choose 0 or more variants.")
        if not 0 <= self.held_out_share <= 0.5:
            raise SettingsError(
                f"The held-out share is {self.held_out_share:g}: choose 0 to 0.5 of the "
                "corrections."
            )
        if min(self.absent_share, self.replay_share) < 0 or self.drilled_share < 0.2:
            raise SettingsError(
                "The shares of absent prompts and of replay leave too little for the "
                "corrections: choose two that are positive and at most 0.8 together."
            )

    @property
    def peak_rate(self) -> float:
        """The learning rate after warming up."""
        return _RATES[self.method] if self.rate is None else self.rate

    @property
    def factor_rate(self) -> float:
        """The same for factors of the vision tower."""
        return _FACTOR_RATE * self.peak_rate

    @property
    def trains_tower(self) -> bool:
        """Whether the vision tower learns too, so that tiles are kept as pixels."""
        return self.method == "lora"

    @property
    def drilled_share(self) -> float:
        """Share of a step that asks for what the person corrected."""
        return 1 - self.absent_share - self.replay_share

    @property
    def total_steps(self) -> int:
        """Steps of all epochs."""
        return self.epochs * self.steps
