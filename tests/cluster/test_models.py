"""How workers come by a model."""

from __future__ import annotations

import mmap
import os
import subprocess
import sys

import numpy as np
import pytest

from napari_vlseg.errors import ModelError
from napari_vlseg.events import run
from napari_vlseg.images import extract_plane
from napari_vlseg.models.adapters import Adapter, BaseModel, write_adapter
from napari_vlseg.models.registry import load
from napari_vlseg.prompts import ClassPrompt
from napari_vlseg.samples import load_sample
from napari_vlseg.workflow.distributed.allocator import keep_freed_memory
from napari_vlseg.workflow.distributed.models import prepare_steps
from napari_vlseg.workflow.distributed.recipes import ModelRecipe
from napari_vlseg.workflow.distributed.remote import remote_segmenter


@pytest.fixture
def adapter(tmp_path):
    """A training that knows one word of its own, and a threshold for it."""
    info = load("vlseg-mini").info
    vector = np.linspace(-1, 1, load("vlseg-mini").network.model.config.projection_dim)
    made = Adapter(
        BaseModel(info.name, info.revision, info.weights_sha256),
        {},
        {"gizmo": vector.astype(np.float32)},
        {"gizmo": 0.25},
    )
    path = tmp_path / "mine.safetensors"
    write_adapter(path, made)
    return path


def test_an_adapter_travels_as_it_is(cluster, adapter):
    here, recipe = load(str(adapter)), ModelRecipe.of(str(adapter))
    adapter.unlink()  # no worker can find it any more
    there = remote_segmenter(cluster, run(prepare_steps(cluster, recipe)))
    assert there.info.adapter_sha256 == here.info.adapter_sha256 != ""
    assert there.class_thresholds == {"gizmo": 0.25}
    assert there.unknown_words("gizmo") == []
    plane = extract_plane(load_sample("fluorescence")[0])
    maps = []
    for model in (here, there):
        wanted, _ = model.condition(ClassPrompt("gizmo", ("gizmo",)))
        maps.append(model.predict(model.encode(plane), [wanted]))
    np.testing.assert_array_equal(*maps)


@pytest.mark.skipif(not keep_freed_memory(), reason="memory is not managed by glibc here")
def test_workers_take_tensors_from_memory_that_they_have():
    program = (
        "import resource, sys, numpy as np\n"
        "from napari_vlseg.workflow.distributed.allocator import keep_freed_memory\n"
        "if sys.argv[1] == 'kept': keep_freed_memory()\n"
        "for _ in range(400): np.ones(1 << 17)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)"
    )
    environment = {**os.environ, "MALLOC_TRIM_THRESHOLD_": "65536"}  # as dask's nanny has it
    faults = {}
    for way in ("given back", "kept"):
        command = [sys.executable, "-c", program, way]
        done = subprocess.run(command, env=environment, capture_output=True, check=True)
        faults[way] = int(done.stdout)
    pages = 400 * (1 << 20) // mmap.PAGESIZE
    assert faults["given back"] - faults["kept"] > 0.9 * pages


def test_models_by_name_or_path_do_not_travel(tmp_path):
    assert ModelRecipe.of("vlseg-mini").content == b""
    folder = ModelRecipe.of(str(tmp_path))
    assert (folder.name, folder.content) == (str(tmp_path.resolve()), b"")


def test_a_folder_that_is_no_model_is_told(cluster, tmp_path):
    with pytest.raises(ModelError, match=r"On a worker: .*holds no"):
        run(prepare_steps(cluster, ModelRecipe.of(str(tmp_path))))
