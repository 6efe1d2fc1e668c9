"""A folder with a CLIPSeg checkpoint → a segmenter; everything unsafe or broken is refused.

Weights are read as safetensors, or as a PyTorch file with ``weights_only=True``, which can't
run code. Code that a checkpoint brings along is never loaded.
"""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from napari_vlseg.errors import ModelError
from napari_vlseg.models.clipseg import ClipSegDefaults, ClipSegSegmenter
from napari_vlseg.models.devices import choose_device, choose_dtype
from napari_vlseg.models.hub import WEIGHTS_FILES
from napari_vlseg.models.network import ClipSegNetwork
from napari_vlseg.models.preprocessing import Preprocessing, read_json_object
from napari_vlseg.models.vocabulary import Vocabulary
from napari_vlseg.proposals import ModelInfo

CONFIG_FILE = "config.json"
DEFAULTS_FILE = "vlseg.json"
"""Beside the weights, optional: the fields of `ClipSegDefaults`."""

_TOKENIZER_FILES = (("tokenizer.json",), ("vocab.json", "merges.txt"))
_ARCHITECTURES = {
    "clipseg": "CLIPSeg",
    "sam": "SAM",
    "sam_hq": "SAM-HQ",
    "sam2": "SAM 2",
    "sam2_video": "SAM 2",
    "edgetam": "EdgeTAM",
    "edgetam_video": "EdgeTAM",
}
REVISION_DIGITS = 12
_NAMED_KEYS = 3


@dataclass(frozen=True)
class Checkpoint:
    """A folder that was found to hold a checkpoint of the wanted architecture.

    Attributes
    ----------
    folder, weights : pathlib.Path
    weights_sha256 : str
    """

    folder: Path
    weights: Path
    weights_sha256: str

    @classmethod
    def find(cls, folder: Path, model_type: str = "clipseg") -> Checkpoint:
        """Look for configuration and weights.

        Parameters
        ----------
        folder : pathlib.Path
        model_type : str
            Architecture, as transformers names it: "clipseg", "sam", "sam_hq", …

        Raises
        ------
        ModelError
            If one is missing, or the model is of another architecture.
        """
        name = _ARCHITECTURES[model_type]
        if not (folder / CONFIG_FILE).is_file():
            raise ModelError(
                f"{folder} holds no {CONFIG_FILE}: choose a folder that a {name} model was "
                "saved to."
            )
        kind = read_json_object(folder / CONFIG_FILE).get("model_type")
        if kind != model_type:
            raise ModelError(
                f"{folder} holds a model of the type “{kind}”: choose a {name} model "
                f"(model_type “{model_type}”)."
            )
        weights = next((folder / n for n in WEIGHTS_FILES if (folder / n).is_file()), None)
        if weights is None:
            raise ModelError(
                f"{folder} holds no weights ({' or '.join(WEIGHTS_FILES)}): take a complete "
                "copy of the model."
            )
        return cls(folder, weights, _sha256(weights))


def load_clipseg(
    folder: Path,
    name: str,
    *,
    revision: str = "",
    device: str = "auto",
    precision: str = "auto",
    defaults: ClipSegDefaults | None = None,
) -> ClipSegSegmenter:
    """Load a CLIPSeg checkpoint from a folder, without network.

    Parameters
    ----------
    folder : pathlib.Path
    name : str
        Shown to the person and written to results.
    revision : str
        Hub commit; the first digits of the weights' hash if empty.
    device, precision : str
        See `choose_device` and `choose_dtype`.
    defaults : ClipSegDefaults, optional
        What applies where the folder has no ``vlseg.json``.

    Raises
    ------
    ModelError
        If something is missing, corrupt, unsafe or does not fit together, or the device
        does not exist; the message names the remedy.
    """
    place = choose_device(device)
    dtype = choose_dtype(precision, place)
    checkpoint = Checkpoint.find(folder)
    model = load_network(checkpoint, "CLIPSegForImageSegmentation")
    preprocessing = Preprocessing.from_folder(folder, model.config.vision_config.image_size)
    tokenizer = _load_tokenizer(folder, model.config.text_config.vocab_size)
    network = ClipSegNetwork(model, tokenizer, preprocessing)
    digest = checkpoint.weights_sha256
    return ClipSegSegmenter(
        network,
        ModelInfo(name, revision or digest[:REVISION_DIGITS], digest),
        device=place,
        dtype=dtype,
        defaults=_read_defaults(folder, defaults or ClipSegDefaults()),
        vocabulary=Vocabulary.from_folder(folder),
    )


def load_network(checkpoint: Checkpoint, class_name: str) -> Any:
    """The network of a checkpoint, in float32 and complete.

    Parameters
    ----------
    checkpoint : Checkpoint
    class_name : str
        Class of transformers.

    Raises
    ------
    ModelError
        If the weights are corrupt, unsafe to load, or don't fit the configuration.
    """
    import transformers

    is_safe = checkpoint.weights.suffix == ".safetensors"
    if is_safe:
        _check_safetensors(checkpoint.weights)
    try:
        with _quiet_transformers():
            model, report = getattr(transformers, class_name).from_pretrained(
                checkpoint.folder,
                dtype=torch.float32,
                use_safetensors=is_safe,
                local_files_only=True,
                trust_remote_code=False,
                weights_only=True,
                output_loading_info=True,
            )
    except pickle.UnpicklingError as error:
        raise ModelError(
            f"{checkpoint.weights} is not loaded, because it holds more than weights and could "
            "run code: take the safetensors version of the model."
        ) from error
    except Exception as error:  # damaged files make the libraries fail in any way
        raise ModelError(
            f"The model in {checkpoint.folder} can't be loaded ({_first_line(error)}): "
            "take a fresh copy of it."
        ) from error
    _check_complete(checkpoint, report)
    return model


def _check_safetensors(path: Path) -> None:
    """Read the header, which tells a truncated or foreign file apart at once."""
    try:
        with safe_open(path, framework="pt") as tensors:
            tensors.keys()
    except (SafetensorError, OSError) as error:
        raise ModelError(
            f"{path} is truncated or no safetensors file ({_first_line(error)}): delete it and "
            "take a fresh copy of the model."
        ) from error


def _check_complete(checkpoint: Checkpoint, report: dict[str, Any]) -> None:
    """Refuse weights with gaps, which would be filled with random numbers."""
    missing = sorted(report.get("missing_keys", ()))
    mismatched = sorted(str(key) for key in report.get("mismatched_keys", ()))
    for problem, keys in (("lack", missing), ("have another shape for", mismatched)):
        if keys:
            some = ", ".join(keys[:_NAMED_KEYS]) + (", …" if len(keys) > _NAMED_KEYS else "")
            raise ModelError(
                f"The weights in {checkpoint.weights} {problem} {len(keys)} of the model's "
                f"tensors ({some}): take the weights that belong to its {CONFIG_FILE}."
            )


def _load_tokenizer(folder: Path, n_tokens: int) -> Any:
    """Load the tokenizer; transformers would make up an empty one where files are missing."""
    from transformers import CLIPTokenizer

    if not any(all((folder / n).is_file() for n in names) for names in _TOKENIZER_FILES):
        raise ModelError(
            f"{folder} holds no tokenizer (tokenizer.json, or vocab.json and merges.txt): take a "
            "complete copy of the model."
        )
    try:
        with _quiet_transformers():
            tokenizer = CLIPTokenizer.from_pretrained(folder, local_files_only=True)
    except Exception as error:  # damaged files make the libraries fail in any way
        raise ModelError(
            f"The tokenizer in {folder} can't be loaded ({_first_line(error)}): take a complete "
            "copy of the model."
        ) from error
    if len(tokenizer) > n_tokens:
        raise ModelError(
            f"The tokenizer in {folder} has {len(tokenizer)} tokens and its model {n_tokens}: "
            "take the tokenizer that belongs to the model."
        )
    return tokenizer


def _read_defaults(folder: Path, fallback: ClipSegDefaults) -> ClipSegDefaults:
    path = folder / DEFAULTS_FILE
    if not path.is_file():
        return fallback
    content = read_json_object(path)
    threshold = content.get("threshold", fallback.threshold)
    scale = content.get("working_scale", fallback.working_scale)
    lengths = content.get("familiar_lengths", fallback.familiar_lengths)
    edges = content.get("edges", fallback.edges)
    numbers = [threshold] if scale is None else [threshold, scale]
    if not _are_numbers(numbers) or not 0 <= threshold <= 1 or (scale is not None and scale <= 0):
        raise ModelError(
            f"{path} has a threshold outside 0 to 1 or a working scale that is not positive: "
            "take a fresh copy of the model."
        )
    if not isinstance(edges, bool):
        raise ModelError(
            f"{path} says neither true nor false for edges: take a fresh copy of the model."
        )
    return ClipSegDefaults(
        float(threshold),
        None if scale is None else float(scale),
        None if lengths is None else _read_lengths(path, lengths),
        edges,
    )


def _read_lengths(path: Path, lengths: Any) -> tuple[float, float]:
    if isinstance(lengths, list | tuple) and _are_numbers(lengths) and len(lengths) == 2:
        none, full = map(float, lengths)
        if 0 <= none < full:
            return none, full
    raise ModelError(
        f"{path} has other familiar lengths than two numbers, the smaller first: take a fresh "
        "copy of the model."
    )


def _are_numbers(values: Sequence[Any]) -> bool:
    return all(isinstance(v, int | float) and not isinstance(v, bool) for v in values)


@contextmanager
def _quiet_transformers() -> Iterator[None]:
    """Keep loading reports and progress bars of transformers off the person's terminal."""
    from transformers.utils import logging

    verbosity = logging.get_verbosity()
    had_bar = logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if had_bar:
            logging.enable_progress_bar()


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(f"{path} can't be read ({error}): check its permissions.") from error


def _first_line(error: BaseException) -> str:
    """What an error says, without the pages that follow in some libraries."""
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__
