"""Several processes that train one model together, each on its share of every step.

Gradients are added up, so that all processes hold the same weights at all times, and the
result is that of a single process with the same batch.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import nn

from napari_vlseg.errors import ModelError
from napari_vlseg.models.devices import choose_device, unless_short_of_memory


class Company:
    """A process that trains alone.

    Attributes
    ----------
    rank, size : int
        Which of how many processes this one is.
    device : str or None
        Where this process computes; None leaves the choice to the person.
    """

    rank, size = 0, 1
    device: str | None = None

    @property
    def is_main(self) -> bool:
        """Whether this process speaks and writes for all."""
        return self.rank == 0

    @property
    def share(self) -> slice:
        """Rows of a step that this process takes."""
        return slice(self.rank, None, self.size)

    def together(self, parameters: Sequence[nn.Parameter], backward: Callable[[], float]) -> float:
        """Run `backward` in every process, and give all of them the sum of the gradients.

        Parameters
        ----------
        parameters : sequence of Parameter
            Whose gradients `backward` sets, where they have any.
        backward : callable
            Returns this process's part of the loss.

        Returns
        -------
        float
            The whole loss.

        Raises
        ------
        torch.OutOfMemoryError
            In every process, where memory ran out in one.
        """
        return backward()

    def agreed(self, values: Sequence[float]) -> tuple[float, ...]:
        """The main process's numbers, so that all decide alike."""
        return tuple(values)


class Processes(Company):
    """One of several processes that ``accelerate launch`` started.

    Parameters
    ----------
    on_cpu : bool
        Whether to stay off the GPUs.

    Raises
    ------
    ModelError
        If accelerate is not installed, or did not find the other processes.
    """

    def __init__(self, on_cpu: bool) -> None:
        try:
            from accelerate import PartialState
        except ImportError as error:
            raise ModelError(
                "Training in several processes needs the library accelerate, which is not "
                "installed: pip install “napari-vlseg[distributed]”, or start one process."
            ) from error
        self._state = PartialState(cpu=on_cpu)
        self.rank, self.size = self._state.process_index, self._state.num_processes
        if self.size != _n_processes():
            raise ModelError(
                f"This is one of {_n_processes()} processes, and they did not find each other: "
                "start them by accelerate launch, or start one."
            )
        place = self._state.device
        self.device = "cpu" if place.type == "cpu" else str(place)

    def together(self, parameters: Sequence[nn.Parameter], backward: Callable[[], float]) -> float:
        """See `Company.together`."""
        loss = unless_short_of_memory(backward)
        grads = [p.grad if p.grad is not None and loss is not None else None for p in parameters]
        # A parameter that nobody's rows touched has no gradient, which an optimiser tells from 0.
        facts = [float(loss is None), loss or 0.0, *(float(grad is not None) for grad in grads)]
        place = parameters[0].device
        blank = (torch.zeros_like(p) for p in parameters)
        flat = [g if g is not None else zero for g, zero in zip(grads, blank, strict=True)]
        summed = self._summed(
            torch.cat([torch.tensor(facts, device=place), *(part.float().ravel() for part in flat)])
        )
        n_short, whole, *touched = summed[: len(facts)].tolist()
        if n_short:
            raise torch.OutOfMemoryError("out of memory in one of the processes")
        parts = summed[len(facts) :].split([p.numel() for p in parameters])
        for parameter, count, part in zip(parameters, touched, parts, strict=True):
            parameter.grad = part.reshape(parameter.shape).to(parameter.dtype) if count else None
        return float(whole)

    def agreed(self, values: Sequence[float]) -> tuple[float, ...]:
        """See `Company.agreed`."""
        from accelerate.utils import broadcast_object_list

        shared = [tuple(values)]
        broadcast_object_list(shared)
        return shared[0]

    def leave(self) -> None:
        """End the connection."""
        self._state.destroy_process_group()

    def _summed(self, values: torch.Tensor) -> torch.Tensor:
        from accelerate.utils import reduce

        return reduce(values, "sum")


def is_silent_process() -> bool:
    """Whether another process of the same training speaks for this one."""
    return _n_processes() > 1 and os.environ.get("RANK", "0") != "0"


@contextmanager
def company_of(device: str) -> Iterator[Company]:
    """The other processes of this training, if ``accelerate launch`` started any.

    Parameters
    ----------
    device : str
        What the person asked for. Without CUDA devices, or with "cpu", all processes compute
        on the CPU.

    Raises
    ------
    ModelError
        If accelerate is not installed, or the processes do not find each other.
    """
    if _n_processes() < 2:
        yield Company()
        return
    company = Processes(on_cpu=choose_device(device).type != "cuda")
    try:
        yield company
    finally:
        company.leave()


def _n_processes() -> int:
    """As launchers of several processes say it."""
    count = os.environ.get("WORLD_SIZE", "1")
    return int(count) if count.isdigit() else 1
