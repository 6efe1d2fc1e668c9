"""Linear layers changed by factors of low rank: a large network is adapted by few numbers.

Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", ICLR 2022 (arXiv 2106.09685):
a weight W becomes W + B·A, where A and B have a few rows and columns. Whoever uses the result
needs nothing but the factors; whoever trains them needs the library peft.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from napari_vlseg.errors import ModelError

_DOWN, _UP = ".A", ".B"
_LEARNING = "default"


def with_factors(module: Any, factors: Mapping[str, torch.Tensor]) -> Any:
    """A network whose linear layers grew by ``B @ A``; all other numbers are shared.

    Parameters
    ----------
    module : torch.nn.Module
        It is not changed.
    factors : mapping of str to torch.Tensor
        "<path>.A", shape (rank, in), and "<path>.B", shape (out, rank), for each layer.

    Raises
    ------
    ModelError
        If there is no such layer, or the shapes don't fit.

    Examples
    --------
    >>> network = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    >>> nn.init.zeros_(network[0].weight)
    Parameter containing:
    tensor([[0., 0.],
            [0., 0.]], requires_grad=True)
    >>> factors = {"0.A": torch.ones(1, 2), "0.B": torch.ones(2, 1)}
    >>> changed = with_factors(network, factors)
    >>> changed[0].weight.tolist(), network[0].weight.tolist()
    ([[1.0, 1.0], [1.0, 1.0]], [[0.0, 0.0], [0.0, 0.0]])
    >>> changed[1].weight is network[1].weight
    True
    """
    # Parts of its own, because transformers hangs hooks on them; the same tensors.
    tensors = [*module.parameters(), *module.buffers()]
    changed = copy.deepcopy(module, {id(tensor): tensor for tensor in tensors})
    for path in dict.fromkeys(name.removesuffix(_DOWN).removesuffix(_UP) for name in factors):
        layer = _layer(changed, path)
        added = _product(layer, path, factors)
        weight = (layer.weight.detach().float() + added).to(layer.weight.dtype)
        layer.weight = nn.Parameter(weight, requires_grad=False)
    return changed


def factors_sha256(factors: Mapping[str, torch.Tensor]) -> str:
    """Hash of factors, whatever their order; empty without factors."""
    if not factors:
        return ""
    digest = hashlib.sha256()
    for name in sorted(factors):
        values = factors[name].detach().cpu().float().contiguous()
        digest.update(f"{name} {tuple(values.shape)}".encode())
        digest.update(values.numpy().data)
    return digest.hexdigest()


def learning_copy(module: Any, paths: Sequence[str], rank: int, seed: int = 0) -> Any:
    """A copy of a network in float32 in which only factors of some layers learn.

    It computes what the network does until they have learned something, since B starts at 0.

    Parameters
    ----------
    module : torch.nn.Module
        It is not changed.
    paths : sequence of str
        Linear layers, as in `with_factors`.
    rank : int
    seed : int
        Of the values that A starts with.

    Raises
    ------
    ModelError
        If peft is not installed.
    """
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ImportError as error:
        raise ModelError(
            "Training the vision tower needs the library peft, which is not installed: "
            "pip install “napari-vlseg[lora]”, or train the decoder alone."
        ) from error
    config = LoraConfig(r=rank, lora_alpha=rank, lora_dropout=0.0, target_modules=_pattern(paths))
    copied = copy.deepcopy(module).cpu().float().requires_grad_(False)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return inject_adapter_in_model(config, copied).eval()


def learned_factors(module: Any) -> dict[str, nn.Parameter]:
    """Factors of a `learning_copy`, as they are now, under the names that `with_factors` takes.

    The parameters themselves: an optimiser moves them. Their scale is 1.
    """
    found = {}
    for path, layer in module.named_modules():
        if hasattr(layer, "lora_A"):
            found[f"{path}{_DOWN}"] = layer.lora_A[_LEARNING].weight
            found[f"{path}{_UP}"] = layer.lora_B[_LEARNING].weight
    return found


def _pattern(paths: Sequence[str]) -> str:
    """A regular expression that a layer's whole path matches, as peft takes it."""
    return "|".join(path.replace(".", r"\.") for path in paths)


def _layer(module: Any, path: str) -> nn.Linear:
    try:
        layer = module.get_submodule(path)
    except AttributeError as error:
        raise _misfit(path) from error
    if not isinstance(layer, nn.Linear):
        raise _misfit(path)
    return layer


def _product(layer: nn.Linear, path: str, factors: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """``B @ A``, float32 on the layer's device."""
    device = layer.weight.device
    try:
        down, up = (factors[f"{path}{end}"].to(device, torch.float32) for end in (_DOWN, _UP))
        product = up @ down
    except (KeyError, RuntimeError) as error:
        raise _misfit(path) from error
    if product.shape != layer.weight.shape:
        raise _misfit(path)
    return product


def _misfit(path: str) -> ModelError:
    return ModelError(
        f"The adapter's factors of {path} do not fit this model: use it with the model that it "
        "was trained on."
    )
