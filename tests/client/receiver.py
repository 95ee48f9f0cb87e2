"""A service as the client sees it: keeps what it is sent, and answers as a test wants."""

from __future__ import annotations

import gzip
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Reply:
    """`hang` keeps the connection open that long, in seconds; `reset` breaks it off."""

    status: int = 202
    body: dict[str, Any] | None = None
    headers: dict[str, str] = field(default_factory=dict)
    hang: float = 0.0
    reset: bool = False


OK = Reply()
Script = Callable[[str, Any], Reply]


class Receiver:
    """`events` and `runs` in order of arrival, `beats`, and every request as (path, document, headers)."""

    def __init__(self, script: Script = lambda _path, _document: OK) -> None:
        self.script = script
        self.requests: list[tuple[str, Any, dict[str, str]]] = []
        self.events: list[dict[str, Any]] = []
        self.runs: list[dict[str, Any]] = []
        self.beats: list[dict[str, Any]] = []
        self.replays: list[dict[str, Any]] = []
        self.lock = threading.Lock()
        self.port = 0
        self._server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ids(self) -> list[str]:
        return [event["id"] for event in self.events]

    def start(self) -> Self:
        """On the port that it had before, where it had one."""
        self._server = _Server(("127.0.0.1", self.port), _handler(self))
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def wait(self, check: Callable[[], Any], within: float = 60.0) -> None:
        """Until it is so."""
        deadline = time.monotonic() + within
        while not check():
            assert time.monotonic() < deadline, (len(self.events), len(self.runs), len(self.requests))
            time.sleep(0.005)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that left is no news."""


def _handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        timeout = 30

        def do_POST(self) -> None:
            data = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                data = gzip.decompress(data)
            document = json.loads(data)
            reply = receiver.script(self.path, document)
            with receiver.lock:
                receiver.requests.append(
                    (self.path, document, {k.lower(): v for k, v in self.headers.items()})
                )
                if 200 <= reply.status < 300 and not reply.reset:
                    self._keep(document)
            self._answer(reply)

        def do_GET(self) -> None:
            self._answer(receiver.script(self.path, None))

        def _keep(self, document: Any) -> None:
            match self.path:
                case "/v1/events":
                    receiver.events += document
                case "/v1/task-runs":
                    receiver.runs += document
                case _:
                    receiver.beats.append(document)

        def _answer(self, reply: Reply) -> None:
            time.sleep(reply.hang)
            if reply.reset:
                self.close_connection = True
                return
            replays, receiver.replays = receiver.replays, []
            body = reply.body if reply.body is not None else {"results": []}
            if self.path.endswith("/heartbeat") and reply.body is None:
                body = {"replay": replays, "interval": 1}
            data = json.dumps(body).encode()
            self.send_response(reply.status)
            for name, value in {"content-length": str(len(data)), **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    return Handler
