"""One packed embedding as one safetensors file that is checked when it is read.

What the file is of stands in its header: the version of this form, the embedding's key, the
model, the shape of the plane, everything `unpack` needs, and a checksum of all of it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import save_file

from napari_vlseg.errors import CacheError
from napari_vlseg.files import atomic_path
from napari_vlseg.models.base import PackedEmbedding

FORMAT = "1"
"""Raise it whenever a file of the older form, or what a model packs, must not be used."""

SUFFIX = ".embedding.safetensors"

_LENGTH_BYTES = 8
_LONGEST_HEADER = 10_000_000
_DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}


@dataclass(frozen=True)
class EmbeddingFacts:
    """What is known about a stored embedding.

    Attributes
    ----------
    model : str
        Name of the model that made it.
    shape : tuple of int
        (H, W) of the plane.
    """

    model: str
    shape: tuple[int, int]


def write_embedding(path: Path, packed: PackedEmbedding, facts: EmbeddingFacts) -> int:
    """Write an embedding all at once.

    Parameters
    ----------
    path : Path
    packed : PackedEmbedding
        Tensors of float32 whose values bfloat16 holds exactly are stored in that.
    facts : EmbeddingFacts

    Returns
    -------
    int
        Size of the file, in bytes.

    Raises
    ------
    CacheError
        If the system refuses.
    """
    tensors = {name: _shortened(tensor) for name, tensor in packed.tensors.items()}
    header = {
        "format": FORMAT,
        "key": packed.key,
        "model": facts.model,
        "shape": json.dumps(facts.shape),
        "meta": json.dumps(packed.meta),
        "dtypes": json.dumps({name: str(t.dtype) for name, t in packed.tensors.items()}),
    }
    header["checksum"] = _checksum(tensors, header)
    with atomic_path(path, error=CacheError) as temporary:
        # Other than making its bytes and writing them, this lets other threads go on.
        try:
            save_file(tensors, temporary, header)
        except SafetensorError as error:
            code = re.search(r"os error (\d+)", str(error))
            raise OSError(int(code[1]) if code else 0, str(error)) from error
        return temporary.stat().st_size


def read_embedding(path: Path, key: str) -> PackedEmbedding:
    """Read an embedding back.

    Parameters
    ----------
    path : Path
    key : str
        What it must be the embedding of.

    Raises
    ------
    CacheError
        If the file is damaged, of another form or of another embedding.
    OSError
        If it is not there, or the system refuses.
    """
    # Not by safetensors: it opens a file twice, between which another process may replace it.
    data = np.fromfile(path, np.uint8)
    length = _header_length(data[:_LENGTH_BYTES].tobytes())
    table, header = _parse(data[_LENGTH_BYTES:][:length].tobytes())
    checksum = header.pop("checksum", None)
    if (header.get("format"), header.get("key")) != (FORMAT, key):
        raise _unusable("it is of another form or image")
    tensors = _tensors(table, torch.from_numpy(data)[_LENGTH_BYTES + length :])
    if checksum != _checksum(tensors, header):
        raise _unusable("its checksum differs")
    dtypes = json.loads(header["dtypes"])
    whole = {name: tensor.to(_dtype(dtypes[name])) for name, tensor in tensors.items()}
    return PackedEmbedding(key, whole, json.loads(header["meta"]))


def read_facts(path: Path) -> EmbeddingFacts:
    """What a file says about itself; its tensors are not read.

    Raises
    ------
    CacheError
        If it says nothing that can be read.
    OSError
        If it is not there, or the system refuses.
    """
    with path.open("rb") as stream:
        _, header = _parse(stream.read(_header_length(stream.read(_LENGTH_BYTES))))
    try:
        height, width = json.loads(header["shape"])
        return EmbeddingFacts(header["model"], (height, width))
    except (KeyError, ValueError, TypeError) as error:
        raise _unusable("its header is incomplete") from error


def _shortened(tensor: torch.Tensor) -> torch.Tensor:
    """What a model computed in bfloat16 takes half the room without losing anything."""
    tensor = tensor.detach().cpu().contiguous()
    if tensor.dtype != torch.float32:
        return tensor
    short = tensor.to(torch.bfloat16)
    return short if torch.equal(short.float(), tensor) else tensor


def _checksum(tensors: Mapping[str, torch.Tensor], header: Mapping[str, str]) -> str:
    digest = hashlib.blake2b(json.dumps(header, sort_keys=True).encode(), digest_size=20)
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _header_length(start: bytes) -> int:
    length = int.from_bytes(start, "little")
    if not 0 < length <= _LONGEST_HEADER:
        raise _unusable("its header is damaged")
    return length


def _parse(text: bytes) -> tuple[dict[str, Any], dict[str, str]]:
    """Where each tensor is, and what the header says beside."""
    try:
        table = json.loads(text)
        return table, dict(table.pop("__metadata__"))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _unusable("its header is damaged") from error


def _tensors(table: Mapping[str, Any], data: torch.Tensor) -> dict[str, torch.Tensor]:
    try:
        return {
            name: data[slice(*entry["data_offsets"])]
            .view(_DTYPES[entry["dtype"]])
            .reshape(entry["shape"])
            for name, entry in table.items()
        }
    except (RuntimeError, KeyError, TypeError, ValueError) as error:
        raise _unusable("its tensors are not where its header says") from error


def _dtype(name: str) -> torch.dtype:
    return getattr(torch, name.removeprefix("torch."))


def _unusable(reason: str) -> CacheError:
    return CacheError(f"A stored embedding can't be used because {reason}: encode the image again.")
