"""What every fine-tuning has in common, whatever kind of model it trains."""

from __future__ import annotations

from typing import Any, Protocol


class Length(Protocol):
    """How long a fine-tuning is."""

    @property
    def epochs(self) -> int:
        """Epochs at most."""
        ...

    @property
    def steps(self) -> int:
        """Steps in an epoch."""
        ...

    @property
    def patience(self) -> int:
        """Epochs without a better held-out loss after which training ends."""
        ...

    @property
    def total_steps(self) -> int:
        """Steps of all epochs."""
        ...


class Learner(Protocol):
    """What is trained: a decoder with its optimiser.

    Attributes
    ----------
    base : str
        Hash of the base model's weights.
    """

    base: str

    def step(self, number: int) -> float:
        """Learn from one batch; returns its loss. Equal numbers draw equal batches."""
        ...

    def take_less(self) -> str:
        """Make do with less memory; says what was done."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """Everything that a resumed training needs."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Inverse of `state_dict`."""
        ...
