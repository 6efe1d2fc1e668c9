"""Where a model runs and in which precision, and what running out of memory looks like."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch

from napari_vlseg.errors import ModelError

T = TypeVar("T")

PRECISIONS = ("auto", "float32", "bfloat16", "float16")
"""Names of precisions; "auto" is half precision where the hardware computes it."""

_SHORTAGE_PHRASES = ("out of memory", "can't allocate memory", "not enough memory")


def choose_device(name: str = "auto") -> torch.device:
    """The device of a name.

    Parameters
    ----------
    name : str
        "auto" (CUDA, else MPS, else the CPU), "cpu", "mps", "cuda" or "cuda:N".

    Returns
    -------
    torch.device

    Raises
    ------
    ModelError
        If the name is unknown, or this machine has no such device.
    """
    usable = available_devices()
    if name == "auto":
        return torch.device(usable[0])
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ModelError(
            f"“{name}” is no device: choose auto, {', '.join(reversed(usable))}."
        ) from error
    index_exists = device.type != "cuda" or (device.index or 0) < torch.cuda.device_count()
    if device.type not in usable or not index_exists:
        raise ModelError(
            f"This machine has no device “{name}”: choose auto, {', '.join(reversed(usable))}."
        )
    return device


def available_devices() -> tuple[str, ...]:
    """Types of the devices of this machine, the fastest first."""
    found = []
    if torch.cuda.is_available():
        found.append("cuda")
    if torch.backends.mps.is_available():
        found.append("mps")
    return (*found, "cpu")


def choose_dtype(precision: str, device: torch.device) -> torch.dtype:
    """The floating-point type of a precision on a device.

    Half precision is bfloat16 where the hardware computes it, because its range is that of
    float32, and float16 elsewhere.

    Raises
    ------
    ModelError
        If the precision is unknown.
    """
    if precision not in PRECISIONS:
        raise ModelError(f"“{precision}” is no precision: choose {', '.join(PRECISIONS)}.")
    if precision != "auto":
        return getattr(torch, precision)
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    if device.type == "mps":
        return torch.float16
    return torch.bfloat16 if cpu_computes_bfloat16() else torch.float32


def cpu_computes_bfloat16() -> bool:
    """Whether the processor multiplies bfloat16 natively, which is faster than float32."""
    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name, False) for name in ("avx512_bf16", "amx_bf16"))


def precision_name(dtype: torch.dtype) -> str:
    """Name of a floating-point type, as in `PRECISIONS`."""
    return str(dtype).removeprefix("torch.")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that the device has no memory left.

    CUDA raises `torch.OutOfMemoryError`; MPS and the CPU raise a plain `RuntimeError` that
    only its text gives away.
    """
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(phrase in text for phrase in _SHORTAGE_PHRASES)


def release_memory(device: torch.device) -> None:
    """Give cached blocks back to the device, so that a smaller attempt finds room."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()


def unless_short_of_memory(compute: Callable[[], T]) -> T | None:
    """The result, or None where memory ran out.

    The error, and with it every tensor of the failed attempt, is gone on return, so that
    the memory can be released before the next attempt.
    """
    try:
        return compute()
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
    return None
