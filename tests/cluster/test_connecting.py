"""What a person is told when a cluster is not there, or not fit for the work."""

from __future__ import annotations

import os
import shutil
import subprocess
import time

import pytest

from napari_vlseg.errors import ClusterError, ModelError
from napari_vlseg.events import Notice, run
from napari_vlseg.workflow.distributed import connecting
from napari_vlseg.workflow.distributed.connecting import (
    ClusterAddress,
    connect,
    connect_steps,
    is_cluster_address,
)
from napari_vlseg.workflow.distributed.models import prepare_steps
from napari_vlseg.workflow.distributed.recipes import ModelRecipe
from napari_vlseg.workflow.distributed.streaming import answered
from napari_vlseg.workflow.distributed.versions import (
    check_package,
    installed_versions,
    version_notices,
)
from tests.cluster.machines import Machines


@pytest.fixture
def alone(tmp_path, monkeypatch):
    """A scheduler of one's own, without workers; a task may lose no worker."""
    monkeypatch.setenv("DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES", "0")
    found = Machines(tmp_path)
    yield found
    found.stop()


def test_addresses_of_clusters_are_told_from_devices():
    assert [is_cluster_address(n) for n in ("tcp://a:1", "tls://a:1", "cuda:1", "auto")] == [
        True,
        True,
        False,
        False,
    ]


def test_without_a_scheduler_the_remedy_is_told():
    start = time.monotonic()
    with pytest.raises(ClusterError, match="dask scheduler"):
        connect("tcp://127.0.0.1:9", timeout=0.5)
    assert time.monotonic() - start < 10


def test_a_scheduler_file_that_is_missing(tmp_path):
    with pytest.raises(ClusterError, match=r"none\.json"):
        connect(ClusterAddress(scheduler_file=tmp_path / "none.json"), timeout=0.5)


def test_without_dask_the_extra_is_named(monkeypatch):
    monkeypatch.setattr(connecting.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ClusterError, match=r"pip install 'napari-vlseg\[distributed\]'"):
        connect("tcp://127.0.0.1:9")


def test_connecting_can_be_cancelled_at_once():
    work = connect_steps(ClusterAddress("tcp://127.0.0.1:9"), timeout=5)
    start = time.monotonic()
    next(work)
    next(work)
    work.close()
    assert time.monotonic() - start < 0.5


def test_without_workers_and_then_without_a_scheduler(alone):
    address = ClusterAddress(scheduler_file=alone.scheduler_file)
    with pytest.raises(ClusterError, match="dask worker"):
        connect(address, timeout=1)
    alone.start_worker()
    with connect(address, timeout=60) as cluster:
        alone.scheduler.kill()
        start = time.monotonic()
        with pytest.raises(ClusterError, match="was lost"):
            list(answered(cluster, time.sleep, iter([1] * 8)))
        assert time.monotonic() - start < 10


def test_a_task_that_kills_its_workers_is_told(alone):
    alone.start_worker()
    with (
        connect(alone.address, timeout=60) as cluster,
        pytest.raises(ClusterError, match="ran out of memory"),
    ):
        run(cluster.ask(os._exit, 1))


def test_models_that_a_worker_can_not_load(cluster, tmp_path):
    with pytest.raises(ModelError, match="On a worker: There is no model “unknown”"):
        run(prepare_steps(cluster, ModelRecipe.of("unknown")))


def test_what_a_task_raises_is_told(cluster):
    with pytest.raises(ClusterError, match="ZeroDivisionError"):
        run(cluster.ask(divmod, 1, 0))


def test_few_tasks_are_taken_ahead_and_few_are_on_the_way(cluster):
    taken = []

    def tasks():
        for number in range(40):
            taken.append(number)
            yield 0.01

    n_answers = 0
    for answer in answered(cluster, time.sleep, tasks()):
        n_answers += answer is None
        assert len(cluster.client.futures) <= 4
        assert len(taken) <= n_answers + 4 + 2
    assert n_answers == 40


def test_other_versions_are_told():
    own = installed_versions() | {"torch": "2.9.0+cpu"}
    same = own | {"torch": "2.9.0+cu128"}
    other = own | {"torch": "2.8.1", "transformers": ""}
    assert version_notices({"a": same}, own) == []
    told = version_notices({"a": same, "b": other}, own)
    assert "torch 2.8.1 and this machine has 2.9.0" in told[0]
    assert len(told) == 2


def test_another_version_of_this_package_is_refused():
    own = installed_versions()
    check_package({"a": own}, own)
    with pytest.raises(ClusterError, match=r"worker tcp://b has napari-vlseg 0\.0\.1"):
        check_package({"a": own, "tcp://b": own | {"napari-vlseg": "0.0.1"}}, own)


def test_a_worker_without_this_package_is_told(machines, monkeypatch):
    monkeypatch.setattr(connecting, "installed_versions", Unknown())
    with pytest.raises(ClusterError, match="on every machine"):
        connect(machines.address, timeout=60)


class Unknown:
    """A function that no worker can import."""

    def __call__(self):
        return installed_versions()

    def __reduce__(self):
        return __import__, ("a_package_that_is_nowhere",)


def test_other_versions_of_torch_are_a_notice(machines, monkeypatch):
    monkeypatch.setattr(connecting, "version_notices", lambda there, here: [f"{len(there)} other"])
    events = []
    run(connect_steps(ClusterAddress(machines.address), timeout=60), events.append).close()
    assert Notice("2 other") in events


def certificates(folder):
    """An authority, and one certificate for all, by openssl."""
    ca, key, cert = folder / "ca.pem", folder / "key.pem", folder / "cert.pem"
    new = ["openssl", "req", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    sign = ["openssl", "x509", "-req", "-CAcreateserial", "-days", "2"]
    for command in (
        [*new, "-x509", "-keyout", folder / "ca-key.pem", "-out", ca, "-subj", "/CN=tests"],
        [*new, "-keyout", key, "-out", folder / "r.pem", "-subj", "/CN=127.0.0.1"],
        [*sign, "-in", folder / "r.pem", "-CA", ca, "-CAkey", folder / "ca-key.pem", "-out", cert],
    ):
        subprocess.run(command, check=True, capture_output=True)
    return ca, cert, key


@pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl here")
def test_an_encrypted_cluster_takes_certificates_and_nobody_without(tmp_path):
    ca, cert, key = certificates(tmp_path)
    options = ("--tls-ca-file", str(ca), "--tls-cert", str(cert), "--tls-key", str(key))
    machines = Machines(tmp_path, options, "tls")
    try:
        machines.start_worker()
        assert machines.address.startswith("tls://")
        given = ClusterAddress(machines.address, None, ca, cert, key)
        with connect(given, timeout=60) as cluster:
            assert run(cluster.ask(max, 1, 2)) == 2
        with pytest.raises(ClusterError, match="certificates"):
            connect(machines.address, timeout=2)
    finally:
        machines.stop()


def test_certificates_that_are_missing_or_incomplete(tmp_path):
    (tmp_path / "ca.pem").touch()
    with pytest.raises(ClusterError, match="three files"):
        connect(ClusterAddress("tls://127.0.0.1:9", tls_ca=tmp_path / "ca.pem"))
    with pytest.raises(ClusterError, match=r"no file .*key\.pem"):
        connect(ClusterAddress("tls://127.0.0.1:9", tls_key=tmp_path / "key.pem"))
