"""A cluster of real processes on this machine, which tests may kill."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

QUICK = ["--no-dashboard"]


class Machines:
    """A scheduler and its workers, each a process of its own with one thread.

    Parameters
    ----------
    folder : Path
        For the scheduler file and what workers put down.
    options : sequence of str
        Of scheduler and workers alike, such as certificates.
    """

    def __init__(self, folder: Path, options: tuple[str, ...] = (), protocol: str = "tcp") -> None:
        self.folder, self._options, self._protocol = folder, options, protocol
        self.scheduler_file = folder / "scheduler.json"
        self.workers: list[subprocess.Popen[bytes]] = []
        place = ["--host", f"{protocol}://127.0.0.1", "--port", "0"]
        self.scheduler = self._start("scheduler", *place)
        waited = time.monotonic() + 60
        while not self.scheduler_file.exists():
            assert time.monotonic() < waited, "the scheduler did not start"
            time.sleep(0.05)

    @property
    def address(self) -> str:
        return json.loads(self.scheduler_file.read_text("utf-8"))["address"]

    def start_worker(self) -> None:
        one = ["--nthreads", "1", "--no-nanny", "--local-directory", str(self.folder)]
        host = ["--host", "127.0.0.1", "--protocol", self._protocol]
        self.workers.append(self._start("worker", *one, *host))

    def kill_worker(self) -> None:
        """kill -9, without a word to anybody."""
        worker = self.workers.pop()
        worker.kill()
        worker.wait()

    def stop(self) -> None:
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()

    def _start(self, kind: str, *arguments: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", f"distributed.cli.dask_{kind}", *QUICK, *self._options]
        with (self.folder / f"{kind}.log").open("ab") as log:
            return subprocess.Popen(
                [*command, "--scheduler-file", str(self.scheduler_file), *arguments],
                stdout=log,
                stderr=log,
            )
