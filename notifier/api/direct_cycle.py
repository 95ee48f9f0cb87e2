"""Requests that are read and answered as a whole, without ASGI: the overhead of `POST /v1/events`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol, cast

from starlette.types import Receive
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from notifier.api.body_reader import Headers
from notifier.api.errors import UNEXPECTED
from notifier.api.problems import GUARD_LINES, HttpProblem
from notifier.telemetry.ids import uuid7
from notifier.telemetry.logging import get

log = get("notifier.http")


class WholeAnswer(NamedTuple):
    """The status, the header lines with `content-length`, and the body."""

    status: int
    lines: Sequence[tuple[bytes, bytes]]
    body: bytes

    @classmethod
    def build(
        cls, status: int, lines: Iterable[tuple[bytes, bytes]], body: bytes, request_id: bytes | None = None
    ) -> WholeAnswer:
        """An answer with the common header lines, followed by these."""
        named = () if request_id is None else ((b"x-request-id", request_id),)
        return cls(status, [*lines, *GUARD_LINES, (b"content-length", b"%d" % len(body)), *named], body)

    @classmethod
    def from_problem(cls, problem: HttpProblem, request_id: bytes | None = None) -> WholeAnswer:
        """The answer for a problem."""
        lines = ((name.encode(), value.encode()) for name, value in problem.all_headers().items())
        return cls.build(problem.status, lines, problem.body(), request_id)


class Responder(Protocol):
    """Answers the requests of one method and path. `ready` is the whole body, if it has arrived already."""

    async def respond(self, headers: Headers, receive: Receive, ready: bytes | None) -> WholeAnswer: ...


class DirectCycle(RequestResponseCycle):
    """uvicorn's request cycle for a `Responder`: no scope, no messages, and one write for the answer."""

    def __init__(self, protocol: HttpToolsProtocol, headers: Headers, *, keep_alive: bool) -> None:
        self._headers = headers
        self.transport = protocol.transport
        self.flow = protocol.flow
        self.on_response = protocol.on_response_complete
        self.message_event = _Latch()  # type: ignore[assignment]
        self.keep_alive = keep_alive
        self.body = bytearray()
        self.more_body = True
        self.disconnected = False
        self.waiting_for_100_continue = False
        self.response_started = False
        self.response_complete = False

    async def run_asgi(self, app: Responder) -> None:  # type: ignore[override]
        """Write the answer. An exception is logged and answered with 500, and closes the connection."""
        ready = None if self.more_body or self.disconnected else bytes(self.body)
        try:
            answer = await app.respond(self._headers, cast("Receive", self.receive), ready)
        except Exception:
            request_id = self._headers.request_id or uuid7().encode()
            log.exception("request_failed", request_id=request_id.decode(), method="POST")
            answer = WholeAnswer.from_problem(UNEXPECTED, request_id)
            self.keep_alive = False
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if not self.disconnected:
            self._write(answer)

    def _write(self, answer: WholeAnswer) -> None:
        head = [STATUS_LINE[answer.status]]
        for name, value in answer.lines:
            if name == b"connection":
                self.keep_alive = False
            else:
                head += (name, b": ", value, b"\r\n")
        if not self.keep_alive:
            head.append(b"connection: close\r\n")
        head += (b"\r\n", answer.body)
        self.response_started = self.response_complete = True
        self.transport.write(b"".join(head))
        self.message_event.set()
        if not self.keep_alive:
            self.transport.close()
        self.on_response()


class _Latch:
    """A replacement of `asyncio.Event` for one waiter, because creating an event costs a tenth of a request."""

    __slots__ = ("_is_set", "_waiter")

    def __init__(self) -> None:
        self._is_set = False
        self._waiter: asyncio.Future[None] | None = None

    def set(self) -> None:
        self._is_set = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def clear(self) -> None:
        self._is_set = False

    async def wait(self) -> None:
        if not self._is_set:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
