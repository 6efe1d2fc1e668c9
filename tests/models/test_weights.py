"""Loading: what is broken or unsafe is refused with a fact and a remedy."""

from __future__ import annotations

import json
import pickle
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers.utils import logging

from napari_vlseg.errors import ModelError
from napari_vlseg.models.weights import load_clipseg

Damage = Callable[[Path], None]


@pytest.fixture
def copy(checkpoint: Path, tmp_path: Path) -> Path:
    """A copy of the small checkpoint, to be damaged."""
    return Path(shutil.copytree(checkpoint, tmp_path / "model"))


def edit_config(folder: Path, **changes: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


class Payload:
    """Runs code when it is unpickled without care."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Callable[[Path], None], tuple[Path]]:
        return (Path.touch, (self.mark,))


def to_bin(folder: Path) -> None:
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()


def test_weights_of_both_formats_are_the_same_model(copy: Path) -> None:
    safe = load_clipseg(copy, "tiny", device="cpu")
    to_bin(copy)
    loose = load_clipseg(copy, "tiny", device="cpu")
    for one, two in zip(
        safe._network.model.parameters(), loose._network.model.parameters(), strict=True
    ):
        torch.testing.assert_close(one, two)
    assert safe.info.weights_sha256 != loose.info.weights_sha256


def test_half_precision_files_are_computed_in_float32(copy: Path) -> None:
    path = copy / "model.safetensors"
    save_file({k: v.half() for k, v in load_file(path).items()}, path, {"format": "pt"})
    model = load_clipseg(copy, "tiny", device="cpu", precision="float32")
    assert {weight.dtype for weight in model._network.model.parameters()} == {torch.float32}


def test_loading_is_quick_and_quiet(checkpoint: Path, capfd: pytest.CaptureFixture[str]) -> None:
    load_clipseg(checkpoint, "tiny", device="cpu")
    verbosity, had_bar = logging.get_verbosity(), logging.is_progress_bar_enabled()
    capfd.readouterr()
    start = time.perf_counter()
    load_clipseg(checkpoint, "tiny", device="cpu")
    assert time.perf_counter() - start < 5
    assert capfd.readouterr() == ("", "")
    assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == (verbosity, had_bar)


def test_defaults_are_read_beside_the_weights(copy: Path) -> None:
    assert load_clipseg(copy, "tiny", device="cpu").default_threshold == 0.5
    (copy / "vlseg.json").write_text('{"threshold": 0.35, "working_scale": 1.5}')
    model = load_clipseg(copy, "tiny", device="cpu")
    assert model.default_threshold == 0.35
    assert model.encode(torch.rand(30, 30, 3).numpy()).working_scale == 1.5


@pytest.mark.parametrize(
    "content",
    [
        '{"threshold": 2}',
        '{"threshold": "x"}',
        '{"working_scale": 0}',
        '{"familiar_lengths": [1]}',
        '{"familiar_lengths": [2, 1]}',
        '{"familiar_lengths": 3}',
        '{"edges": "yes"}',
        "[",
        "[1]",
    ],
)
def test_broken_defaults_are_named(copy: Path, content: str) -> None:
    (copy / "vlseg.json").write_text(content)
    with pytest.raises(ModelError, match=r"vlseg\.json"):
        load_clipseg(copy, "tiny", device="cpu")


def cut_weights(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1000])


def empty_weights(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"")


def pickle_named_safetensors(folder: Path) -> None:
    mark = folder / "mark"
    (folder / "model.safetensors").write_bytes(pickle.dumps(Payload(mark)))


def drop_tensor(folder: Path) -> None:
    path = folder / "model.safetensors"
    tensors = load_file(path)
    del tensors["decoder.film_mul.weight"]
    save_file(tensors, path, {"format": "pt"})


def cut_bin(folder: Path) -> None:
    to_bin(folder)
    path = folder / "pytorch_model.bin"
    path.write_bytes(path.read_bytes()[:2000])


def other_tokenizer(folder: Path) -> None:
    path = folder / "tokenizer.json"
    content = json.loads(path.read_text())
    vocabulary = content["model"]["vocab"]
    vocabulary |= {f"word{n}": len(vocabulary) + n for n in range(9)}
    path.write_text(json.dumps(content))


DAMAGES: dict[str, tuple[Damage, str]] = {
    "no configuration": (lambda f: (f / "config.json").unlink(), r"holds no config\.json"),
    "configuration is no JSON": (lambda f: (f / "config.json").write_text("{"), "can't be read"),
    "another architecture": (lambda f: edit_config(f, model_type="bert"), "“bert”.*CLIPSeg"),
    "no architecture": (lambda f: edit_config(f, model_type=None), "choose a CLIPSeg model"),
    "impossible configuration": (lambda f: edit_config(f, reduce_dim="x"), "can't be loaded"),
    "no weights": (lambda f: (f / "model.safetensors").unlink(), "holds no weights"),
    "truncated weights": (cut_weights, "truncated.*fresh copy"),
    "empty weights": (empty_weights, "truncated.*fresh copy"),
    "a pickle named safetensors": (pickle_named_safetensors, "no safetensors file"),
    "a tensor is missing": (drop_tensor, r"lack 1 .*decoder\.film_mul\.weight"),
    "another shape": (lambda f: edit_config(f, reduce_dim=16), "take"),
    "truncated PyTorch file": (cut_bin, "fresh copy"),
    "no tokenizer": (lambda f: (f / "tokenizer.json").unlink(), "holds no tokenizer"),
    "a tokenizer of another model": (other_tokenizer, "tokens and its model"),
    "broken tokenizer": (lambda f: (f / "tokenizer.json").write_text("{}"), "tokenizer"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_folder_is_named(copy: Path, name: str) -> None:
    damage, message = DAMAGES[name]
    damage(copy)
    with pytest.raises(ModelError, match=message) as caught:
        load_clipseg(copy, "tiny", device="cpu")
    assert "\n" not in str(caught.value)
    assert not (copy / "mark").exists()


def test_a_pickle_with_code_is_not_run(copy: Path, tmp_path: Path) -> None:
    to_bin(copy)
    mark = tmp_path / "mark"
    tensors = torch.load(copy / "pytorch_model.bin", weights_only=True)
    torch.save(tensors | {"extra": Payload(mark)}, copy / "pytorch_model.bin")
    with pytest.raises(ModelError, match="could run code"):
        load_clipseg(copy, "tiny", device="cpu")
    assert not mark.exists()


def test_a_bare_pickle_as_weights_is_not_run(copy: Path, tmp_path: Path) -> None:
    (copy / "model.safetensors").unlink()
    mark = tmp_path / "mark"
    (copy / "pytorch_model.bin").write_bytes(pickle.dumps(Payload(mark)))
    with pytest.raises(ModelError, match="could run code"):
        load_clipseg(copy, "tiny", device="cpu")
    assert not mark.exists()


def test_code_beside_the_weights_is_not_run(copy: Path) -> None:
    mark = copy / "mark"
    (copy / "evil.py").write_text(f"open({str(mark)!r}, 'w').close()\nclass M: ...\n")
    edit_config(copy, auto_map={"AutoModel": "evil.M", "AutoConfig": "evil.M"})
    load_clipseg(copy, "tiny", device="cpu")
    assert not mark.exists()
