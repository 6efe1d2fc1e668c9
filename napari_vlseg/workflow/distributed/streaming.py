"""Many tasks on a cluster: few on the way at a time, answers as they come."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator
from concurrent.futures import Future as ThreadFuture
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Generic, TypeVar

from napari_vlseg.events import Progress
from napari_vlseg.workflow.distributed.cluster import POLL_S, STAGE, Cluster

if TYPE_CHECKING:
    from distributed import Future

T = TypeVar("T")
R = TypeVar("R")


def answered(
    cluster: Cluster, call: Callable[[T], R], tasks: Iterator[T]
) -> Iterator[Progress | R]:
    """Have a function called with each task, by any worker, in any order.

    Two tasks are on the way for each worker, so that memory of this machine, of the scheduler
    and of the workers is bounded, and no worker waits for its next task. A task whose worker is
    lost is done by another.

    Parameters
    ----------
    cluster : Cluster
    call : callable
        A function of a module that workers can import, or a `functools.partial` of one.
    tasks : iterator
        Read one ahead, by another thread.

    Yields
    ------
    Progress or object
        An answer, or at least every 0.1 s a sign that this goes on. Closing the iterator
        cancels all tasks.

    Raises
    ------
    VlsegError
        What a task raised, or `napari_vlseg.errors.ClusterError`.
    """
    stream = _Stream(cluster, call, tasks)
    with ThreadPoolExecutor(1, "read-tasks") as stream.reading:
        try:
            yield from stream.run()
        finally:
            cluster.cancel(stream.on_the_way)


class _Stream(Generic[T, R]):
    """The state of `answered`."""

    reading: ThreadPoolExecutor

    def __init__(self, cluster: Cluster, call: Callable[[T], R], tasks: Iterator[T]) -> None:
        self.cluster, self.call, self.tasks = cluster, call, tasks
        self.on_the_way: set[Future[R]] = set()
        # Finished tasks; None wakes up whoever waits because the next task has been read.
        self.news: queue.SimpleQueue[Future[R] | None] = queue.SimpleQueue()

    def run(self) -> Iterator[Progress | R]:
        """Fill up, wait, hand out."""
        done = 0
        ahead: ThreadFuture[T | None] | None = self._read()
        while ahead is not None or self.on_the_way:
            if ahead is not None and ahead.done() and self._has_room():
                ahead = self._send(ahead.result())
                continue
            try:
                future = self.news.get(timeout=POLL_S)
            except queue.Empty:
                self._has_room()  # raises where the cluster is gone
                yield Progress(STAGE, done, done + len(self.on_the_way))
                continue
            if future is not None:
                self.on_the_way.discard(future)
                done += 1
                yield self.cluster.result(future)

    def _has_room(self) -> bool:
        return len(self.on_the_way) < self.cluster.capacity

    def _send(self, task: T | None) -> ThreadFuture[T | None] | None:
        """Put a task on its way and read the next; None where there is none."""
        if task is None:
            return None
        future = self.cluster.submit(self.call, task)
        self.on_the_way.add(future)
        future.add_done_callback(self.news.put)
        return self._read()

    def _read(self) -> ThreadFuture[T | None]:
        ahead = self.reading.submit(next, self.tasks, None)
        ahead.add_done_callback(lambda _: self.news.put(None))
        return ahead
