"""A model hub on 127.0.0.1 that serves the files of one folder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

COMMIT = "0123456789abcdef0123456789abcdef01234567"
GATE_SECONDS = 30


@dataclass
class FakeHub:
    """What is served, and what was asked for.

    Attributes
    ----------
    folder : pathlib.Path
    cut : int
        Bytes missing at the end of the weights, although they are announced.
    altered : bool
        Whether one byte of the weights differs from what their hash announces.
    gate : threading.Event
        The second half of the weights is sent when it is set, as it is at first.
    requests : list of str
        Method and path of each request.
    """

    folder: Path
    cut: int = 0
    altered: bool = False
    gate: Event = field(default_factory=Event)
    requests: list[str] = field(default_factory=list)
    endpoint: str = ""

    def __post_init__(self) -> None:
        self.gate.set()

    def listing(self) -> dict[str, object]:
        files = []
        for path in sorted(self.folder.iterdir()):
            entry: dict[str, object] = {"rfilename": path.name, "size": path.stat().st_size}
            if path.suffix in (".safetensors", ".bin"):
                digest = hashlib.sha256(path.read_bytes()).hexdigest()
                entry["lfs"] = {"sha256": digest, "size": path.stat().st_size, "pointerSize": 99}
            files.append(entry)
        return {"id": "owner/tiny", "sha": COMMIT, "siblings": files}

    def content(self, name: str) -> bytes:
        data = (self.folder / name).read_bytes()
        if name.startswith(("model", "pytorch_model")):
            data = data[: len(data) - self.cut]
            if self.altered:
                data = data[:-1] + bytes([data[-1] ^ 1])
        return data


class _Handler(BaseHTTPRequestHandler):
    hub: FakeHub

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def _answer(self, *, with_body: bool) -> None:
        self.hub.requests.append(f"{self.command} {self.path}")
        name = self.path.partition("?")[0].rpartition("/")[2]
        if self.path.startswith("/api/models/owner/tiny"):
            self._send(json.dumps(self.hub.listing()).encode(), "application/json", with_body)
        elif "/resolve/" in self.path and (self.hub.folder / name).is_file():
            whole = (self.hub.folder / name).stat().st_size
            self._send(self.hub.content(name), "application/octet-stream", with_body, whole)
        else:
            self.send_error(404)

    def _send(self, body: bytes, kind: str, with_body: bool, announced: int | None = None) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if announced is not None:
            self.send_header("ETag", f'"{hashlib.sha256(body).hexdigest()}"')
            self.send_header("X-Linked-Size", str(announced))
            self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        if with_body:
            middle = len(body) // 2
            self.wfile.write(body[:middle])
            if self.path.endswith(".bin"):
                self.hub.gate.wait(GATE_SECONDS)
            self.wfile.write(body[middle:])

    def log_message(self, format: str, *args: object) -> None:
        """Keep the test output clean."""


@contextmanager
def serve(folder: Path) -> Iterator[FakeHub]:
    """Run a hub until the block ends."""
    hub = FakeHub(folder)
    handler = type("Handler", (_Handler,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    hub.endpoint = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
