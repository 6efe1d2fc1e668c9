"""Connecting to a cluster, and finding out whether its workers can do the work."""

from __future__ import annotations

import importlib.util
import time
from concurrent.futures import Future as ThreadFuture
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from napari_vlseg.errors import ClusterError
from napari_vlseg.events import Notice, Progress, Work, run
from napari_vlseg.workflow.distributed.cluster import (
    POLL_S,
    Cluster,
    ClusterAddress,
    in_background,
    is_cluster_address,
)
from napari_vlseg.workflow.distributed.versions import (
    check_package,
    installed_versions,
    version_notices,
)

if TYPE_CHECKING:
    from distributed import Client, Security

__all__ = [
    "TIMEOUT_S",
    "Cluster",
    "ClusterAddress",
    "connect",
    "connect_steps",
    "is_cluster_address",
]

TIMEOUT_S = 10.0

Opened: TypeAlias = tuple[Cluster, dict[str, dict[str, str]]]


def connect(address: ClusterAddress | str, *, timeout: float | None = None) -> Cluster:
    """Connect to a cluster.

    Parameters
    ----------
    address : ClusterAddress or str
        The latter a `ClusterAddress.scheduler`.
    timeout : float, optional
        Seconds to wait for the scheduler, and as many for a first worker; `TIMEOUT_S` if omitted.

    Returns
    -------
    Cluster

    Raises
    ------
    ClusterError
        If dask.distributed is not installed, there is no scheduler or no worker, or workers
        run another version of napari-vlseg.
    """
    given = ClusterAddress(address) if isinstance(address, str) else address
    return run(connect_steps(given, timeout=timeout))


def connect_steps(address: ClusterAddress, *, timeout: float | None = None) -> Work[Cluster]:
    """`connect` as a generator; a `Notice` tells of other differences between the machines."""
    if importlib.util.find_spec("distributed") is None:
        raise ClusterError(
            "Clusters need dask.distributed: run pip install 'napari-vlseg[distributed]'."
        )
    security = _security(address)
    seconds = TIMEOUT_S if timeout is None else timeout
    yield from _wait_for_file(address.scheduler_file, seconds)
    opening = in_background(lambda: _open(address, security, seconds))
    try:
        while not opening.done():
            yield Progress("connecting", 0, 1)
            time.sleep(POLL_S / 2)
    except GeneratorExit:
        opening.add_done_callback(_close_unwanted)
        raise
    cluster, versions = opening.result()
    yield from map(Notice, version_notices(versions, installed_versions()))
    yield Progress("connecting", 1, 1)
    return cluster


def _wait_for_file(path: Path | None, seconds: float) -> Work[None]:
    """A scheduler that was started just now has not written its file yet."""
    until = time.monotonic() + seconds
    while path is not None and not path.is_file():
        if time.monotonic() > until:
            raise ClusterError(
                f"There is no file “{path}”: start a scheduler with “dask scheduler "
                "--scheduler-file”, or check the path."
            )
        yield Progress("connecting", 0, 1)
        time.sleep(POLL_S / 2)


def _open(address: ClusterAddress, security: Security | None, timeout: float) -> Opened:
    """A cluster with a worker, and what is installed on each."""
    from distributed import Client

    try:
        client = Client(
            address.scheduler or None,
            scheduler_file=None if address.scheduler else str(address.scheduler_file),
            security=security,
            timeout=timeout,
            set_as_default=False,
        )
    except (OSError, TimeoutError, ValueError, TypeError, KeyError) as error:
        raise ClusterError(
            f"No scheduler answers at {address} ({_first_line(error)}): start one with “dask "
            "scheduler”, and check the address, the firewall and the certificates."
        ) from error
    try:
        return Cluster(client, address), _worker_versions(client, address, timeout)
    except BaseException:
        client.close(timeout=2)
        raise


def _worker_versions(
    client: Client, address: ClusterAddress, timeout: float
) -> dict[str, dict[str, str]]:
    try:
        client.wait_for_workers(1, timeout=timeout)
    except TimeoutError as error:
        raise ClusterError(
            f"{address} has no worker, and none came within {timeout:g} s: start one with "
            f"“dask worker {address.scheduler or f'--scheduler-file {address}'} --nthreads 1”."
        ) from error
    try:
        versions = client.run(installed_versions)
    except Exception as error:  # a worker without the package can't even read the question
        raise ClusterError(
            f"A worker of {address} does not know this version of napari-vlseg "
            f"({_first_line(error)}): install napari-vlseg {installed_versions()['napari-vlseg']} "
            "on every machine."
        ) from error
    check_package(versions, installed_versions())
    return versions


def _security(address: ClusterAddress) -> Security | None:
    """Certificates as distributed takes them."""
    from distributed import Security

    files = {
        "tls_ca_file": address.tls_ca,
        "tls_client_cert": address.tls_cert,
        "tls_client_key": address.tls_key,
    }
    given = {name: str(path) for name, path in files.items() if path is not None}
    if not given:
        return None
    missing = next((path for path in given.values() if not Path(path).is_file()), None)
    if missing is not None:
        raise ClusterError(f"There is no file “{missing}”: check the paths of the certificates.")
    if len(given) < len(files):
        raise ClusterError(
            "TLS takes three files: give --tls-ca, --tls-cert and --tls-key together."
        )
    return Security(require_encryption=True, **given)


def _close_unwanted(opening: ThreadFuture[Opened]) -> None:
    if opening.exception() is None:
        opening.result()[0].close()


def _first_line(error: BaseException) -> str:
    return str(error).split("\n", 1)[0] or type(error).__name__
