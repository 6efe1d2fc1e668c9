"""Connecting to a cluster, and finding out whether its workers can do the work."""

from __future__ import annotations

import importlib.util
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future as ThreadFuture
from concurrent.futures import wait
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from napari_vlseg.errors import ClusterError, VlsegError
from napari_vlseg.events import Notice, Progress, Work, run
from napari_vlseg.workflow.distributed.versions import (
    check_package,
    installed_versions,
    version_notices,
)

if TYPE_CHECKING:
    from distributed import Client, Future, Security

R = TypeVar("R")

PROTOCOLS = ("tcp://", "tls://")
"""How the address of a scheduler begins."""
STAGE = "waiting for the cluster"
TIMEOUT_S = 10.0
POLL_S = 0.1
"""Longest time without an event, in seconds."""

_PER_WORKER = 2
_LOOK_EVERY_S = 1.0
_SILENT_S = 20.0
_WITHOUT_WORKERS_S = 60.0
_CANCEL_S = 0.3
_LARGEST_TASK = "1 GiB"


@dataclass(frozen=True)
class ClusterAddress:
    """Where a scheduler is, and by which certificates it is spoken to.

    Attributes
    ----------
    scheduler : str
        ``tcp://host:port`` or ``tls://host:port``; empty where there is a file.
    scheduler_file : pathlib.Path or None
        Written by ``dask scheduler --scheduler-file``.
    tls_ca, tls_cert, tls_key : pathlib.Path or None
        PEM files: the certificate authority, the certificate and its key. Given all three,
        everything that is sent is encrypted and both sides prove who they are.
    """

    scheduler: str = ""
    scheduler_file: Path | None = None
    tls_ca: Path | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None

    def __str__(self) -> str:
        return self.scheduler or str(self.scheduler_file)


def is_cluster_address(device: str) -> bool:
    """Whether the name of a device is the address of a scheduler.

    Examples
    --------
    >>> is_cluster_address("tcp://gpu-box:8786"), is_cluster_address("cuda")
    (True, False)
    """
    return device.startswith(PROTOCOLS)


class Cluster:
    """A scheduler that answers, and its workers. Made by `connect`; a context that closes it.

    Parameters
    ----------
    client : distributed.Client
    address : ClusterAddress
    """

    def __init__(self, client: Client, address: ClusterAddress) -> None:
        self.client = client
        self.address = address
        self._n_workers = len(client.nthreads())
        self._looked_at = time.monotonic()
        self._seen_at: float | None = None
        self._counting: ThreadFuture[int] | None = None

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Leave the cluster; it goes on without."""
        self.client.close(timeout=2)

    @property
    def is_lost(self) -> bool:
        """Whether the connection is gone for good."""
        return self.client.status != "running"

    @property
    def n_workers(self) -> int:
        """Workers at the last look, which `capacity` takes."""
        return self._n_workers

    @property
    def capacity(self) -> int:
        """Tasks to have on the way: two for each worker, so that none waits for the next.

        Raises
        ------
        ClusterError
            If the scheduler is gone, or there has been no worker for a minute.
        """
        self._look()
        return _PER_WORKER * max(1, self._n_workers)

    def submit(self, call: Callable[..., Any], *args: Any, near: str = "") -> Future[Any]:
        """Have a function called; what it needs travels with it.

        Parameters
        ----------
        call : callable
        *args : object
        near : str
            Address of the worker that should do it, if it is there; any if empty.
        """
        import dask

        # Pixels are part of the task, so that no worker needs them from a folder or from another
        # worker, and a task whose worker is lost can be done by the next.
        with dask.config.set({"distributed.admin.large-graph-warning-threshold": _LARGEST_TASK}):
            return self.client.submit(
                call,
                *args,
                pure=False,
                workers=[near] if near else None,
                allow_other_workers=bool(near),
            )

    def ask(self, call: Callable[..., Any], *args: Any, near: str = "") -> Work[Any]:
        """Have a function called by a worker, and wait for what it gives.

        Yields
        ------
        Progress
            At least every `POLL_S` seconds.

        Raises
        ------
        VlsegError
            What the function raised, or `ClusterError`.
        """
        future, is_done = self.submit(call, *args, near=near), threading.Event()
        future.add_done_callback(lambda _: is_done.set())
        try:
            while not is_done.wait(POLL_S):
                self._look()
                yield Progress(STAGE, 0, 1)
            return self.result(future)
        finally:
            self.cancel([future])

    def result(self, future: Future[Any]) -> Any:
        """What a finished task gave.

        Raises
        ------
        VlsegError
            What the task raised, or `ClusterError` where it was lost.
        """
        from distributed import KilledWorker
        from distributed.client import FutureCancelledError

        try:
            return future.result()
        except VlsegError:
            raise
        except KilledWorker as error:
            raise ClusterError(
                f"A task made {error.allowed_failures + 1} workers of {self.address} stop, one "
                "after another: they probably ran out of memory, so give each worker more, or "
                "start fewer of them on one machine."
            ) from error
        except (FutureCancelledError, TimeoutError, OSError) as error:
            raise self._lost() from error
        except Exception as error:  # whatever a worker's surroundings do to it
            raise ClusterError(
                f"A worker of {self.address} failed ({type(error).__name__}: {error}): look at "
                "its output, and check that it runs the same version of napari-vlseg."
            ) from error

    def cancel(self, futures: Iterable[Future[Any]]) -> None:
        """Forget tasks; one that runs comes to its end, and nobody hears of it."""
        waiting = list(futures)
        if waiting and self.client.status == "running":
            cancelling = _in_background(lambda: self.client.cancel(waiting, force=True))
            # A scheduler that does not answer would be waited for.
            wait([cancelling], timeout=_CANCEL_S)

    def _look(self) -> None:
        """Count the workers, every now and then; the scheduler is not waited for."""
        now = time.monotonic()
        if self.client.status != "running":
            raise self._lost()
        if self._counting is None and now - self._looked_at >= _LOOK_EVERY_S:
            self._looked_at = now
            self._counting = _in_background(lambda: len(self.client.nthreads()))
        if self._counting is None:
            return
        if not self._counting.done():
            if now - self._looked_at > _SILENT_S:
                raise self._lost()
            return
        counting, self._counting = self._counting, None
        if counting.exception() is not None:
            raise self._lost() from counting.exception()
        self._n_workers = counting.result()
        if self._n_workers or self._seen_at is None:
            self._seen_at = now
        elif now - self._seen_at > _WITHOUT_WORKERS_S:
            raise ClusterError(
                f"{self.address} has lost all its workers, and no new one came for "
                f"{_WITHOUT_WORKERS_S:g} s: start some with “dask worker” and run this again; "
                "what is done is kept."
            )

    def _lost(self) -> ClusterError:
        return ClusterError(
            f"The connection to {self.address} was lost: check the scheduler and run this again; "
            "what is done is kept."
        )


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
    opening = _in_background(lambda: _open(address, security, seconds))
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


def _in_background(call: Callable[[], R]) -> ThreadFuture[R]:
    """Call a function in a thread that does not keep the program from ending."""
    opening: ThreadFuture[R] = ThreadFuture()

    def work() -> None:
        try:
            opening.set_result(call())
        except BaseException as error:  # noqa: BLE001 - whoever waits gets it
            opening.set_exception(error)

    threading.Thread(target=work, name="cluster", daemon=True).start()
    return opening


def _close_unwanted(opening: ThreadFuture[Opened]) -> None:
    if opening.exception() is None:
        opening.result()[0].close()


def _first_line(error: BaseException) -> str:
    return str(error).split("\n", 1)[0] or type(error).__name__
