"""Half precision in a training step where the device is faster with it."""

from __future__ import annotations

from typing import Any

import torch

from napari_vlseg.models.devices import choose_dtype

_FIRST_SCALE = 1024.0
"""Of the loss; PyTorch's own start costs a short training its first steps."""


class MixedPrecision:
    """Computes in half precision what bears it, while weights and sums stay in float32.

    Micikevicius et al., "Mixed Precision Training", ICLR 2018 (arXiv 1710.03740), as PyTorch's
    autocast does it; with float16 the loss is scaled so that small gradients are not lost.

    Parameters
    ----------
    name : str
        One of `napari_vlseg.models.devices.PRECISIONS`; "auto" takes half precision on CUDA
        devices alone.
    device : torch.device

    Raises
    ------
    ModelError
        If the precision is unknown.
    """

    def __init__(self, name: str, device: torch.device) -> None:
        chosen = "float32" if name == "auto" and device.type != "cuda" else name
        self.dtype = choose_dtype(chosen, device)
        self._device = device.type
        is_narrow = self.dtype == torch.float16 and device.type != "mps"
        self._scaler = torch.amp.GradScaler(device.type, _FIRST_SCALE, enabled=is_narrow)

    def autocast(self) -> Any:
        """A context for the forward pass."""
        enabled = self.dtype != torch.float32
        return torch.autocast(self._device, self.dtype if enabled else None, enabled=enabled)

    def backward(self, loss: torch.Tensor) -> None:
        """Set the gradients; scaled ones, until `step`."""
        self._scaler.scale(loss).backward()

    def step(self, optimiser: torch.optim.Optimizer, parameters: list[Any], largest: float) -> None:
        """Move the parameters by their gradients, cut to a norm of at most `largest`."""
        self._scaler.unscale_(optimiser)
        torch.nn.utils.clip_grad_norm_(parameters, largest)
        self._scaler.step(optimiser)
        self._scaler.update()

    def state_dict(self) -> dict[str, Any]:
        """What a resumed training needs."""
        return self._scaler.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Inverse of `state_dict`."""
        if state:
            self._scaler.load_state_dict(state)
