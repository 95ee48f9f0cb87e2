"""Requests, scripted answers, and the threaded HTTP server under `WebhookReceiver` and `FakeSlack`."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One received request. Header names are lower-case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The answer to one request, sent after `delay` seconds.

    `drip` sends the body one byte at a time with that many seconds between bytes. `close` reads the request
    and closes the connection without an answer.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    delay: float = 0.0
    drip: float = 0.0
    close: bool = False


class Server:
    """A threaded HTTP server on a loopback port. Subclasses implement `handle`, from a request to its answer."""

    def __init__(self, *, tls: ssl.SSLContext | None = None) -> None:
        self._requests: list[Request] = []
        self._arrived = threading.Condition()
        self._tls = tls
        self._stopping = threading.Event()

    @property
    def requests(self) -> list[Request]:
        """The requests so far, oldest first."""
        with self._arrived:
            return list(self._requests)

    def wait_for(self, count: int, timeout: float = 30.0) -> list[Request]:
        """The first `count` requests. `TimeoutError` is raised if fewer have arrived after `timeout` seconds."""
        with self._arrived:
            if not self._arrived.wait_for(lambda: len(self._requests) >= count, timeout):
                raise TimeoutError(f"{len(self._requests)} of {count} requests came within {timeout} s")
            return list(self._requests[:count])

    def handle(self, request: Request) -> Answer:
        raise NotImplementedError

    @property
    def port(self) -> int:
        return int(self._http.server_address[1])

    @property
    def origin(self) -> str:
        return f"{'http' if self._tls is None else 'https'}://127.0.0.1:{self.port}"

    def start(self) -> Self:
        self._http = _Listener(("127.0.0.1", 0), _handler(self))
        if self._tls is not None:
            self._http.socket = self._tls.wrap_socket(self._http.socket, server_side=True)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        self._stopping.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _take(self, request: Request) -> Answer:
        with self._arrived:
            self._requests.append(request)
            self._arrived.notify_all()
        return self.handle(request)

    def _pause(self, seconds: float) -> None:
        self._stopping.wait(seconds)


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore the error: a client that hangs up needs no traceback."""


def _handler(server: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Nagle's algorithm adds 33 ms to each answer.
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(length)
            answer = server._take(  # noqa: SLF001 - the handler is the server's own
                Request(method=self.command, path=self.path, headers=headers, body=body)
            )
            server._pause(answer.delay)  # noqa: SLF001
            if answer.close:
                self.close_connection = True
                return
            self._send(answer)

        do_GET = do_PUT = do_POST  # noqa: N815 - http.server finds them by name

        def _send(self, answer: Answer) -> None:
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            if not answer.drip:
                self.wfile.write(answer.body)
                return
            for index in range(len(answer.body)):
                server._pause(answer.drip)  # noqa: SLF001
                self.wfile.write(answer.body[index : index + 1])

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
            """Log nothing."""

    return Handler
