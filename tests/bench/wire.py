"""Minimal HTTP/1.1: keep-alive connections that write prepared bytes, and a receiver of webhooks.

Only the status and Content-Length of an answer are parsed: a real HTTP client would be slower than the servers.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import cast

HOST = "127.0.0.1"
PATIENCE_S = 30.0

_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked", re.IGNORECASE)


class Broken(Exception):
    """The connection was closed, or an answer cannot be parsed."""


class Messages:
    """Splits a stream of bytes into (head, body); messages have a Content-Length or no body."""

    __slots__ = ("_head", "_pending", "_size", "_wanted")

    def __init__(self) -> None:
        self._pending: list[bytes] = []
        self._size = 0
        self._head = b""
        self._wanted = 0

    def take(self, data: bytes) -> tuple[bytes, bytes] | None:
        """The message that `data` completes. Requests are not pipelined."""
        if self._pending:
            self._pending.append(data)
            self._size += len(data)
            if self._size < self._wanted:
                return None
            data = b"".join(self._pending)
        end = data.find(_END) + 4
        if end < 4:
            self._wait(data, len(data) + 1)
            return None
        length = _LENGTH.search(data, 0, end)
        if length is None and _CHUNKED.search(data, 0, end):
            raise Broken("the other side sent a chunked message, which this bench does not read")
        size = end + (int(length[1]) if length else 0)
        if len(data) < size:
            self._wait(data, size)
            return None
        self._pending = []
        return data[:end], data[end:size]

    def _wait(self, data: bytes, wanted: int) -> None:
        self._pending = [data]
        self._size = len(data)
        self._wanted = wanted


Answered = Callable[["Lane", bytes, bytes], None]


class Lane(asyncio.Protocol):
    """A keep-alive connection. `answered(lane, status, body)` is called when an answer is complete."""

    __slots__ = ("_messages", "_transport", "answered", "lost")

    def __init__(self) -> None:
        self._messages = Messages()
        self._transport: asyncio.Transport | None = None
        self.answered: Answered = _nobody_asked
        self.lost: Callable[[], None] = _nothing

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost()

    def send(self, request: bytes) -> None:
        assert self._transport is not None
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        message = self._messages.take(data)
        if message is not None:
            self.answered(self, message[0][9:12], message[1])

    def close(self) -> None:
        self.lost = _nothing
        if self._transport is not None:
            self._transport.close()


def _nobody_asked(_lane: Lane, _status: bytes, _body: bytes) -> None:
    raise Broken("an answer came that nobody asked for")


def _nothing() -> None:
    pass


@asynccontextmanager
async def lanes(port: int, count: int) -> AsyncIterator[Sequence[Lane]]:
    """Open connections, closed at the end of the block."""
    loop = asyncio.get_running_loop()
    opened: list[Lane] = []
    try:
        for _ in range(count):
            _, lane = await loop.create_connection(Lane, HOST, port)
            opened.append(lane)
        yield opened
    finally:
        for lane in opened:
            lane.close()


async def ask(lane: Lane, request: bytes) -> tuple[int, bytes]:
    """Send a request, and return (status, body)."""
    future: asyncio.Future[tuple[int, bytes]] = asyncio.get_running_loop().create_future()

    def answered(_: Lane, status: bytes, body: bytes) -> None:
        future.set_result((int(status), body))

    def lost() -> None:
        if not future.done():
            future.set_exception(Broken("the connection was closed before the answer"))

    lane.answered, lane.lost = answered, lost
    lane.send(request)
    async with asyncio.timeout(PATIENCE_S):
        return await future


async def get(port: int, path: str, key: str = "", *, cookie: str = "") -> tuple[int, bytes]:
    """GET over a new connection, with or without a Content-Length in the answer.

    `OSError` is raised if it is refused.
    """
    reader, writer = await asyncio.open_connection(HOST, port)
    try:
        who = f"Authorization: Bearer {key}\r\n" if key else ""
        who += f"Cookie: {cookie}\r\n" if cookie else ""
        writer.write(f"GET {path} HTTP/1.0\r\nHost: {HOST}:{port}\r\n{who}Connection: close\r\n\r\n".encode())
        async with asyncio.timeout(PATIENCE_S):
            answer = await reader.read()
    finally:
        writer.close()
    head, _, body = answer.partition(_END)
    if not head.startswith(b"HTTP/1."):
        raise Broken("no HTTP answer came")
    return int(head[9:12]), body


class Receiver:
    """A receiver of webhooks: answers 200 after `delay` seconds, or never, and notes when each token came first.

    `repeats` counts the tokens of requests that had come with an earlier request.
    """

    def __init__(self) -> None:
        self.delay = 0.0
        self.hangs = False
        self.arrived: dict[bytes, float] = {}
        self.requests = 0
        self.repeats = 0
        self.port = 0
        self._waiting: dict[bytes, asyncio.Event] = {}

    def received(self, body: bytes) -> None:
        now = time.perf_counter()
        self.requests += 1
        for token in set(_TOKENS.findall(body)):
            if token in self.arrived:
                self.repeats += 1
            else:
                self.arrived[token] = now
                waiting = self._waiting.pop(token, None)
                if waiting is not None:
                    waiting.set()

    async def wait(self, token: bytes, seconds: float) -> float:
        """When it came, by `time.perf_counter`. `TimeoutError` if it does not."""
        if token not in self.arrived:
            event = self._waiting[token] = asyncio.Event()
            async with asyncio.timeout(seconds):
                await event.wait()
        return self.arrived[token]


_TOKENS = re.compile(rb"new-[0-9]{9}")
# A webhook's sender reads the status alone; the client wants a service's answer.
_BODY = b'{"results":[],"replay":[],"interval":10}'
_OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
    len(_BODY),
    _BODY,
)


class _Inbound(asyncio.Protocol):
    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._messages = Messages()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        message = self._messages.take(data)
        if message is not None:
            self._receiver.received(message[1])
            if self._receiver.delay:
                asyncio.get_running_loop().call_later(self._receiver.delay, self._transport.write, _OK)
            elif not self._receiver.hangs:
                self._transport.write(_OK)


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """A receiver on a port of its own."""
    receiver = Receiver()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Inbound(receiver), HOST, 0)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
