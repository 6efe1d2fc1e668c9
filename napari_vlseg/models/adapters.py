"""Adapters: what a fine-tuning changed of a model, in one small file.

An adapter holds the decoder's trained tensors, the phrases it learned and a card. The vision
tower and the decoder's first maps stay those of the base model, so that whatever was encoded
before is still good. The slow kind also changes linear layers of the vision tower, by factors
of low rank; with it images are encoded anew.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from napari_vlseg.errors import ModelError
from napari_vlseg.files import atomic_write_bytes
from napari_vlseg.proposals import ModelInfo

if TYPE_CHECKING:
    from napari_vlseg.models.spec import AnyModel

FORMAT = "napari-vlseg-adapter"
VERSION = 2
"""Latest version of the file: 1 without factors of the vision tower, 2 with them."""

SUFFIX = ".safetensors"
ADAPTER_DIGITS = 8
"""Digits of an adapter's hash that follow the revision of its base model."""

_DECODER = "decoder."
_ENCODER = "encoder."
_PHRASE = "phrase."


@dataclass(frozen=True)
class BaseModel:
    """The model that an adapter belongs to.

    Attributes
    ----------
    name : str
        Registry name or folder, to load it by.
    revision : str
    weights_sha256 : str
        What decides whether it is the right one.
    """

    name: str
    revision: str
    weights_sha256: str


@dataclass(frozen=True, eq=False)
class Adapter:
    """What a fine-tuning changed.

    Attributes
    ----------
    base : BaseModel
    decoder : dict of str to torch.Tensor
        Tensors of the decoder that differ from the base model's, float32, by their names; of a
        click model also those of its prompt encoder, by their names inside the whole model.
    phrases : dict of str to numpy.ndarray, shape (projection_dim,), float32
        Embeddings of phrases that were learned; they stand for the phrase under every
        template.
    thresholds : dict of str to float
        For each class name the probability that suits the masks it was trained on.
    card : dict
        How it was made and how good it is, as JSON values.
    encoder : dict of str to torch.Tensor, float32
        What is added to linear layers of the vision tower, as factors of low rank:
        "<path in the tower>.A", shape (rank, in), and "<path in the tower>.B", shape
        (out, rank), for a weight that grows by ``B @ A``. Empty where the tower is the base
        model's.
    """

    base: BaseModel
    decoder: Mapping[str, torch.Tensor] = field(repr=False)
    phrases: Mapping[str, np.ndarray] = field(repr=False, default_factory=dict)
    thresholds: Mapping[str, float] = field(default_factory=dict)
    card: Mapping[str, Any] = field(repr=False, default_factory=dict)
    encoder: Mapping[str, torch.Tensor] = field(repr=False, default_factory=dict)

    def to_bytes(self) -> bytes:
        """The whole file: safetensors whose metadata hold everything that is no tensor."""
        names = sorted(self.phrases)
        tensors = {f"{_DECODER}{name}": value for name, value in self.decoder.items()}
        tensors.update({f"{_ENCODER}{name}": value for name, value in self.encoder.items()})
        for number, phrase in enumerate(names):
            tensors[f"{_PHRASE}{number}"] = torch.from_numpy(np.asarray(self.phrases[phrase]))
        facts = {
            "version": VERSION if self.encoder else 1,
            "base": vars(self.base),
            "phrases": names,
            "thresholds": dict(self.thresholds),
            "card": dict(self.card),
        }
        ready = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
        # One entry, because safetensors writes several in an order that changes.
        return save(ready, {FORMAT: json.dumps(facts, ensure_ascii=False, sort_keys=True)})

    @property
    def sha256(self) -> str:
        """Hash of `to_bytes`, that is of the file."""
        return hashlib.sha256(self.to_bytes()).hexdigest()


def write_adapter(path: Path, adapter: Adapter) -> None:
    """Write an adapter all at once.

    Raises
    ------
    ModelError
        If the file can't be written.
    """
    atomic_write_bytes(path, adapter.to_bytes(), error=ModelError)


def is_adapter(path: Path) -> bool:
    """Whether a file is an adapter, by its header alone."""
    if path.suffix != SUFFIX:
        return False
    try:
        with safe_open(path, framework="pt") as tensors:
            return FORMAT in (tensors.metadata() or {})
    except (SafetensorError, OSError):
        return False


def read_adapter(path: Path) -> Adapter:
    """Read what `write_adapter` wrote.

    Raises
    ------
    ModelError
        If the file is missing, damaged, no adapter, or of a later version.
    """
    try:
        with safe_open(path, framework="pt") as file:
            facts = json.loads((file.metadata() or {})[FORMAT])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        version = int(facts["version"])
        if version <= VERSION:
            return _assembled(facts, tensors)
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise ModelError(
            f"“{path}” is missing, damaged or no adapter of napari-vlseg: choose a file that "
            "“napari-vlseg finetune” wrote."
        ) from error
    raise ModelError(
        f"“{path}” was written by a newer program (version {version}; this one reads up to "
        f"{VERSION}): update napari-vlseg."
    )


def check_base(adapter: Adapter, weights_sha256: str) -> None:
    """Refuse an adapter on a model that it was not trained on.

    Raises
    ------
    ModelError
        If the weights are others.
    """
    if adapter.base.weights_sha256 != weights_sha256:
        raise ModelError(
            f"The adapter was trained on {adapter.base.name} "
            f"({adapter.base.weights_sha256[:12]}…), and this model has other weights "
            f"({weights_sha256[:12]}…): train it again on this one, or load that one."
        )


@runtime_checkable
class TakesAdapters(Protocol):
    """A model that fine-tuning can change, by the decoder's tensors of an `Adapter`."""

    def with_adapter(self, adapter: Adapter) -> AnyModel:
        """The model as a fine-tuning left it; this one stays as it is."""
        ...


def adapted_info(info: ModelInfo, adapter: Adapter) -> ModelInfo:
    """What a model is called once it has an adapter.

    Raises
    ------
    ModelError
        If the adapter belongs to another model.
    """
    check_base(adapter, info.weights_sha256)
    digest = adapter.sha256
    revision = f"{info.revision}+{digest[:ADAPTER_DIGITS]}"
    return replace(info, revision=revision, adapter_sha256=digest)


def _assembled(facts: Mapping[str, Any], tensors: Mapping[str, torch.Tensor]) -> Adapter:
    decoder, encoder = (
        {
            name.removeprefix(prefix): value
            for name, value in tensors.items()
            if name.startswith(prefix)
        }
        for prefix in (_DECODER, _ENCODER)
    )
    phrases = {
        phrase: tensors[f"{_PHRASE}{number}"].numpy()
        for number, phrase in enumerate(facts["phrases"])
    }
    thresholds = {str(name): float(value) for name, value in facts["thresholds"].items()}
    base, card = BaseModel(**facts["base"]), dict(facts["card"])
    return Adapter(base, decoder, phrases, thresholds, card, encoder)
