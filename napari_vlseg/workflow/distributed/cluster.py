"""A cluster that answers: tasks handed to its workers, and nothing waited for too long."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future as ThreadFuture
from concurrent.futures import wait
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from napari_vlseg.errors import ClusterError, VlsegError
from napari_vlseg.events import Progress, Work

if TYPE_CHECKING:
    from distributed import Client, Future

R = TypeVar("R")

PROTOCOLS = ("tcp://", "tls://")
"""How the address of a scheduler begins."""
STAGE = "waiting for the cluster"
POLL_S = 0.1
"""Longest time without an event, in seconds."""

_PER_WORKER = 2
_LOOK_EVERY_S = 1.0
_SILENT_S = 20.0
_WITHOUT_WORKERS_S = 60.0
_CANCEL_S = 0.3
_FETCH_S = 120.0
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
            return future.result(timeout=_FETCH_S)
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
            cancelling = in_background(lambda: self.client.cancel(waiting, force=True))
            # A scheduler that does not answer would be waited for.
            wait([cancelling], timeout=_CANCEL_S)

    def _look(self) -> None:
        """Count the workers, every now and then; the scheduler is not waited for."""
        now = time.monotonic()
        if self.client.status != "running":
            raise self._lost()
        if self._counting is None and now - self._looked_at >= _LOOK_EVERY_S:
            self._looked_at = now
            self._counting = in_background(lambda: len(self.client.nthreads()))
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


def in_background(call: Callable[[], R]) -> ThreadFuture[R]:
    """Call a function in a thread that does not keep the program from ending."""
    opening: ThreadFuture[R] = ThreadFuture()

    def work() -> None:
        try:
            opening.set_result(call())
        except BaseException as error:  # noqa: BLE001 - whoever waits gets it
            opening.set_exception(error)

    threading.Thread(target=work, name="cluster", daemon=True).start()
    return opening
