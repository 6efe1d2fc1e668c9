"""``napari-vlseg`` for the code of the documentation, without waiting for torch at every command.

A server imports what commands import, once, and forks for each of them: the fork takes over the
arguments, the folder, the environment and the streams of whoever called, and runs the very `main`
that the installed command runs. `tests/cli` and ``.ci/run`` start that one.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import socket
import subprocess
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PRELOADED = (
    "napari_vlseg.workflow.batch",
    "napari_vlseg.workflow.evaluation",
    "napari_vlseg.workflow.blocks",
    "napari_vlseg.models.clipseg",
    "napari_vlseg.models.sam",
    "napari_vlseg.training.finetune.project_run",
    "transformers.models.clipseg.modeling_clipseg",
    "transformers.models.sam.modeling_sam",
)

_CLIENT = """#!{python} -IS
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as server:
    server.connect({address!r})
    asked = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
    socket.send_fds(server, [len(asked).to_bytes(8, "big")], [0, 1, 2])
    server.sendall(asked)
    answer = server.recv(1)
sys.exit(answer[0] if answer else 1)
"""


@contextmanager
def warm_commands(folder: Path) -> Iterator[Path]:
    """A folder with a command ``napari-vlseg`` in it, for the front of PATH."""
    address = str(folder / "server")
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.warm_commands", address],
        cwd=Path(__file__).parents[1],
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
        stdout=subprocess.PIPE,
    )
    try:
        assert server.stdout is not None
        assert server.stdout.readline() == b"ready\n"
        commands = folder / "bin"
        commands.mkdir()
        command = commands / "napari-vlseg"
        command.write_text(_CLIENT.format(python=sys.executable, address=address), "utf-8")
        command.chmod(0o755)
        yield commands
    finally:
        server.kill()
        server.wait()


def serve(address: str) -> None:
    """Import, then fork for every caller, until killed."""
    for name in _PRELOADED:
        __import__(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(address)
        listening.listen()
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while True:
            caller, _ = listening.accept()
            if os.fork() == 0:
                listening.close()
                answer(caller)
            caller.close()


def answer(caller: socket.socket) -> None:
    """Run the command of a caller in its place, and end."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    head, streams, _, _ = socket.recv_fds(caller, 8, 3)
    size, asked = int.from_bytes(head, "big"), b""
    while len(asked) < size:
        asked += caller.recv(1 << 16)
    arguments, folder, environment = json.loads(asked)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    sys.stdin, sys.stdout, sys.stderr = map(os.fdopen, range(3), "rww")
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["napari-vlseg", *arguments]
    code = run_main()
    caller.sendall(bytes([code]))
    os._exit(code)


def run_main() -> int:
    """Exit status of the command."""
    from napari_vlseg.cli import main

    try:
        main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - told as the interpreter tells it
        traceback.print_exc()
        code = 1
    else:
        code = 0
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    return code


if __name__ == "__main__":
    serve(sys.argv[1])
