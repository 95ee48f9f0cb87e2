"""HTTP/1.1 as uvicorn implements it, with limits on what a client may send before a request is complete."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from notifier.api.body_reader import Headers
from notifier.api.connections import Connections
from notifier.api.direct_cycle import DirectCycle, Responder
from notifier.api.problems import GUARDS, HttpProblem
from notifier.telemetry.logging import get

if TYPE_CHECKING:
    from uvicorn._types import ASGI3Application

LARGEST_HEAD = 64 * 1024
MOST_PIPELINED = 64
REFUSAL_GRACE_S = 1.0
"""The time that a client has to read a refusal before its connection is closed."""

SHUTDOWN_GRACE_S = 4.5
"""The time for answers in progress at shutdown, shorter than uvicorn's, after which it cancels them."""

_HEAD_TOO_LARGE = HttpProblem(
    431, f"the head of the request is over {LARGEST_HEAD} bytes: send fewer or shorter headers"
)
_TOO_SLOW = HttpProblem(408, "the head of the request did not come in time: send it at once")
_MALFORMED = HttpProblem(400, "this is no HTTP/1.1 request: check what the client sends")
_UNREAD = HttpProblem(500, "something went wrong here while the request was read; it has been logged")

log = get("notifier.api")


class HttpProtocol(HttpToolsProtocol):
    """One connection. `posts` are the responders of `POST` by path.

    `_unread` counts the bytes since the last complete head, body byte or end of a request.
    """

    def __init__(
        self,
        *arguments: Any,
        clients: Connections,
        posts: Mapping[bytes, Responder] = MappingProxyType({}),
        **named: Any,
    ) -> None:
        super().__init__(*arguments, **named)
        self._clients = clients
        self._posts = posts
        self._unread = 0
        self._after_last_request = 0
        self._in_message = False
        self._in_body = False
        self._is_upgrade = False
        self._refused = False
        self._fault = _MALFORMED

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if not self._clients.admit(self):
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._clients.remove(self)

    def eof_received(self) -> bool:  # type: ignore[override]
        """Whether to keep a half-closed connection (`nc -N`) open for outstanding answers.

        A client that has left looks the same, and a stream would be written to it for long: without outstanding answers
        the connection is closed.
        """
        if self._in_body or not self._answering() or self.cycle.response_started:
            return False
        self._refused = True
        self.cycle.keep_alive = False
        self._clients.busy(self)
        return True

    def data_received(self, data: bytes) -> None:
        if self._refused:
            # Discarded, so that a reset does not lose the answer; but not while other answers are
            # outstanding.
            if self._answering():
                self.flow.pause_reading()
            return
        self._unset_keepalive_if_required()
        self._unread += len(data)
        try:
            self._feed(data)
        except httptools.HttpParserError as error:
            self._refuse(_own_failure(error) or self._fault)
            return
        if not self._unread:
            self._after_last_request = len(data)
        if self._unread > LARGEST_HEAD:
            self._refuse(_HEAD_TOO_LARGE)
        else:
            self._update_deadline()

    def _feed(self, data: bytes) -> None:
        while data:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                data = self._without_upgrade() + data[upgrade.args[0] :]
            else:
                return

    def _without_upgrade(self) -> bytes:
        """The head of a request that offers an upgrade (`Upgrade: h2c`, `TLS/1.2`), as some clients' first requests do.

        No upgrade is supported, so a new parser reads the request as HTTP/1.1; the old one would skip its body.
        """
        head = [self.parser.get_method(), b" ", self.url, b" HTTP/1.1\r\n"]
        for name, value in self.headers:
            if name != b"upgrade":
                head += [name, b": ", value, b"\r\n"]
        self._is_upgrade = False
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as in uvicorn
        return b"".join([*head, b"\r\n"])

    def on_message_begin(self) -> None:
        self._in_message = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        # The exact sum costs a loop, so it is made only if the bytes since the last request could exceed it.
        if self._unread + self._after_last_request > LARGEST_HEAD and self._head_bytes() > LARGEST_HEAD:
            self._stop(_HEAD_TOO_LARGE)
        if len(self.pipeline) >= MOST_PIPELINED:
            self._stop(_MALFORMED)
        self._unread = 0
        self._is_upgrade = self.parser.should_upgrade()
        if self._is_upgrade:
            if self.parser.get_method() == b"CONNECT":
                self._stop(_MALFORMED)
            return
        self._in_body = True
        responder = self._posts.get(self.url)
        if responder is None or not self._begin_direct(responder):
            super().on_headers_complete()
        self.headers = []  # trailers after a chunked body are not headers of the request

    def _begin_direct(self, responder: Responder) -> bool:
        """Whether the request is answered without ASGI; if so, its response is started."""
        parser = self.parser
        plain = parser.get_method() == b"POST" and parser.get_http_version() == "1.1"
        if not plain or self.expect_100_continue:
            return False
        headers = Headers(self.headers)
        if headers.hosts != 1 or headers.cloud_events:
            return False
        is_pipelined = self._answering()
        self.cycle = cycle = DirectCycle(self, headers, keep_alive=parser.should_keep_alive())
        if is_pipelined:
            self.flow.pause_reading()
            self.pipeline.appendleft((cycle, cast("ASGI3Application", responder)))
        else:
            # As in uvicorn, whose method for it is newer than the oldest supported version.
            task = self.loop.create_task(cycle.run_asgi(responder))
            task.add_done_callback(self.tasks.discard)
            self.tasks.add(task)
        return True

    def on_body(self, body: bytes) -> None:
        self._unread = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self._is_upgrade:
            return
        self._unread = 0
        self._in_message = self._in_body = False
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._update_deadline()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._clients.stalled(self)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._clients.reading(self)
        self._update_deadline()

    def shutdown(self) -> None:
        super().shutdown()
        self.loop.call_later(SHUTDOWN_GRACE_S, self.transport.abort)

    def timeout_keep_alive_handler(self) -> None:
        self.abort()  # a graceful close would wait for a client that does not read

    def expire(self) -> None:
        """Close the connection, because its head is late or an unwanted body does not end."""
        if self._refused or self._in_body or not (self._in_message or self._unread):
            self.abort()
        else:
            self._refuse(_TOO_SLOW)

    def abort(self) -> None:
        """Close the connection at once, with any answer in progress."""
        self._refused = True
        self.transport.abort()

    def _head_bytes(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def _stop(self, fault: HttpProblem) -> None:
        """Stop the parser; `feed_data` raises the exception again as its own."""
        self._fault = fault
        raise fault

    def _answering(self) -> bool:
        cycle = cast("RequestResponseCycle | None", self.cycle)
        return cycle is not None and not (cycle.response_complete or cycle.disconnected)

    def _update_deadline(self) -> None:
        """Register the deadline that applies to the connection now."""
        if self.transport.is_closing():
            self._clients.busy(self)
            self._clients.stalled(self)
        elif self._answering():
            self._clients.busy(self)
        elif self._in_message or self._unread or self.cycle is None:
            self._clients.awaiting_head(self)
        else:
            self._clients.idle(self)

    def _refuse(self, problem: HttpProblem) -> None:
        """Read no further request. Outstanding answers are still sent, then the problem."""
        self._refused = True
        if not self._answering():
            self._say(problem)
        elif not self._in_body:
            self.cycle.keep_alive = False
            self._clients.busy(self)
        elif self.pipeline or self.cycle.response_started:
            self.abort()
        else:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
            self._say(problem)

    def _say(self, problem: HttpProblem) -> None:
        body = problem.body()
        headers = {
            **problem.all_headers(),
            **GUARDS,
            "content-length": str(len(body)),
            "connection": "close",
        }
        self.transport.write(STATUS_LINE[problem.status] + _lines(headers.items()) + b"\r\n" + body)
        if problem.status == 408:
            self.transport.close()
            self.loop.call_later(REFUSAL_GRACE_S, self.transport.abort)
        else:
            self.transport.write_eof()
            self._clients.awaiting_head(self)


def _own_failure(error: httptools.HttpParserError) -> HttpProblem | None:
    """The answer to a failure of our own code while reading a request; None if the request is at fault."""
    cause = error.__context__ if isinstance(error, httptools.HttpParserCallbackError) else None
    if cause is None or isinstance(cause, HttpProblem | httptools.HttpParserError | UnicodeError):
        return None
    log.error("request_not_read", exc_info=cause)
    return _UNREAD


def _lines(headers: Iterable[tuple[str, str]]) -> bytes:
    return b"".join(f"{name}: {value}\r\n".encode() for name, value in headers)
