"""A model hub on 127.0.0.1 that serves the files of one folder."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

COMMIT = "0123456789abcdef0123456789abcdef01234567"
GATE_SECONDS = 30
WEIGHTS = ("model", "pytorch_model")


@dataclass
class FakeHub:
    """What is served, and what was asked for.

    Attributes
    ----------
    folder : pathlib.Path
    cut : int
        Bytes missing at the end of the weights, although they are announced.
    altered : str
        Start of the names of files in which one byte differs from what their hash announces.
    commit : str
        Revision that a listing names.
    gated : bool
        Whether files are given only to those who log in.
    drops : int
        How many more times the connection breaks in the middle of the weights.
    resumes : bool
        Whether a part of a file is given to those who ask for it.
    gate : threading.Event
        The second half of the weights is sent when it is set, as it is at first.
    requests : list of str
        Method and path of each request.
    """

    folder: Path
    cut: int = 0
    altered: str = "nothing"
    commit: str = COMMIT
    gated: bool = False
    drops: int = 0
    resumes: bool = True
    gate: Event = field(default_factory=Event)
    requests: list[str] = field(default_factory=list)
    endpoint: str = ""

    def __post_init__(self) -> None:
        self.gate.set()

    def listing(self) -> dict[str, object]:
        files = []
        for path in sorted(self.folder.iterdir()):
            content = path.read_bytes()
            blob = hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()
            entry: dict[str, object] = {"rfilename": path.name, "size": len(content)}
            entry["blobId"] = blob
            if path.suffix in (".safetensors", ".bin"):
                digest = hashlib.sha256(content).hexdigest()
                entry["lfs"] = {"sha256": digest, "size": len(content), "pointerSize": 99}
            files.append(entry)
        return {"id": "owner/tiny", "sha": self.commit, "siblings": files}

    def content(self, name: str) -> bytes:
        data = (self.folder / name).read_bytes()
        if name.startswith(WEIGHTS):
            data = data[: len(data) - self.cut]
        if name.startswith(self.altered):
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
        file = re.match("/owner/tiny/resolve/([^/]+)/", self.path)
        if self.path.startswith("/api/models/owner/tiny"):
            self._send(json.dumps(self.hub.listing()).encode(), "application/json", with_body)
        elif file is not None and self.hub.gated and "Authorization" not in self.headers:
            self._refuse(403, "GatedRepo")
        elif file is not None and (self.hub.folder / name).is_file():
            self._send_file(name, file[1], with_body)
        else:
            self._refuse(404, "RepoNotFound" if "/owner/tiny" not in self.path else "EntryNotFound")

    def _refuse(self, status: int, code: str) -> None:
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _send_file(self, name: str, revision: str, with_body: bool) -> None:
        body = self.hub.content(name)
        headers = {
            "ETag": f'"{hashlib.sha256(body).hexdigest()}"',
            "X-Linked-Size": str((self.hub.folder / name).stat().st_size),
            "X-Repo-Commit": self.hub.commit if revision == "main" else revision,
        }
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        start = int(asked[1]) if asked and self.hub.resumes else 0
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
            self.hub.requests.append(f"from {start}")
        breaks = with_body and name.startswith(WEIGHTS) and self.hub.drops > 0
        self._send(body[start:], "application/octet-stream", with_body, headers, breaks=breaks)

    def _send(
        self,
        body: bytes,
        kind: str,
        with_body: bool,
        headers: Mapping[str, str] | None = None,
        *,
        breaks: bool = False,
    ) -> None:
        given = headers or {}
        self.send_response(206 if "Content-Range" in given else 200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for key, value in given.items():
            self.send_header(key, value)
        self.end_headers()
        if with_body:
            middle = len(body) // 2
            self.wfile.write(body[:middle])
            if breaks:
                self.hub.drops -= 1
                return
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
