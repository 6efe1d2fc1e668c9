from __future__ import annotations

import pytest

from napari_vlseg.events import run
from napari_vlseg.workflow.distributed.connecting import connect
from napari_vlseg.workflow.distributed.models import prepare_steps
from napari_vlseg.workflow.distributed.recipes import ModelRecipe
from napari_vlseg.workflow.distributed.worker import prepare
from tests.cluster.machines import Machines

pytest.importorskip("distributed")


@pytest.fixture(scope="session")
def machines(tmp_path_factory):
    """A scheduler and two workers; who kills one has to start another."""
    found = Machines(tmp_path_factory.mktemp("machines"))
    found.start_worker()
    found.start_worker()
    with connect(found.address, timeout=60) as cluster:
        cluster.client.wait_for_workers(2, timeout=60)
        ready = run(prepare_steps(cluster, ModelRecipe.of("vlseg-mini")))
        cluster.client.run(prepare, ready.recipe, ready.threads)  # torch is imported now
    yield found
    found.stop()


@pytest.fixture
def cluster(machines):
    """A connection to two workers."""
    with connect(machines.address, timeout=60) as found:
        found.client.wait_for_workers(2, timeout=60)
        yield found


@pytest.fixture
def mini(cluster):
    """The bundled model, ready on the cluster."""
    return run(prepare_steps(cluster, ModelRecipe.of("vlseg-mini")))
