"""Checkpoints: everything a run needs to go on as if it had never stopped."""

from __future__ import annotations

import os
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from napari_vlseg.errors import ModelError
from napari_vlseg.training.optimisation import Optimisers

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

CHECKPOINT_NAME = "checkpoint.pt"
_FREE_TO_CHANGE = frozenset(("device", "workers", "scene_workers", "log_every", "save_every"))
"""Settings that say how a run is run; all others decide what it produces."""


def save_checkpoint(
    folder: Path,
    step: int,
    settings: DataclassInstance,
    modules: dict[str, nn.Module],
    optimisers: Optimisers,
) -> None:
    """Write the state after `step` finished steps, atomically.

    Parameters
    ----------
    folder : Path
        Folder of the run.
    step : int
        Number of steps done.
    settings : dataclass
        Kept to refuse a resume under different ones.
    modules : dict of str to Module
        Model, average and auxiliary heads.
    optimisers : Optimisers
    """
    state = {
        "step": step,
        "settings": _fingerprint(settings),
        "modules": {name: module.state_dict() for name, module in modules.items()},
        "optimisers": optimisers.state_dict(),
    }
    with tempfile.NamedTemporaryFile(dir=folder, suffix=".tmp", delete=False) as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    Path(file.name).replace(folder / CHECKPOINT_NAME)


def load_checkpoint(
    folder: Path,
    settings: DataclassInstance,
    modules: dict[str, nn.Module],
    optimisers: Optimisers,
) -> int:
    """Restore a run and return the number of steps it has done; 0 without a checkpoint.

    Raises
    ------
    ModelError
        If the checkpoint was written under other settings.
    """
    path = folder / CHECKPOINT_NAME
    if not path.is_file():
        return 0
    state = torch.load(path, map_location="cpu", weights_only=True)
    if state["settings"] != _fingerprint(settings):
        raise ModelError(
            f"{path} was written under other settings; use them again or choose an empty folder."
        )
    for name, module in modules.items():
        module.load_state_dict(state["modules"][name])
    optimisers.load_state_dict(state["optimisers"])
    return int(state["step"])


def start_from(checkpoint: Path, modules: dict[str, nn.Module]) -> None:
    """Begin with the averaged weights and, where there are any, the heads of another run.

    Raises
    ------
    ModelError
        If there is no such checkpoint.
    """
    if not checkpoint.is_file():
        raise ModelError(f"There is no checkpoint {checkpoint}; give the file of a finished run.")
    kept = torch.load(checkpoint, map_location="cpu", weights_only=True)["modules"]
    for name, source in (("model", "average"), ("average", "average"), ("heads", "heads")):
        if name in modules:
            modules[name].load_state_dict(kept[source])


def _fingerprint(settings: DataclassInstance) -> dict[str, Any]:
    return {name: v for name, v in asdict(settings).items() if name not in _FREE_TO_CHANGE}
