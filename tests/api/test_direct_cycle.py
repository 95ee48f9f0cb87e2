"""`POST /v1/events` without ASGI: over a socket, the answers are those of ASGI."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send
from structlog.testing import capture_logs
from uvicorn.config import Config
from uvicorn.server import ServerState

from notifier.api.body_reader import BodyReader, Headers
from notifier.api.connections import Connections
from notifier.api.direct_cycle import WholeAnswer
from notifier.api.problems import HttpProblem
from notifier.api.protocol import HttpProtocol

pytestmark = pytest.mark.anyio

PATH = "/v1/events"
HOST = "Host: here\r\n"
SIZE = "Content-Length: 3\r\n"


@dataclass
class Echo:
    """Echoes the body, and counts requests by path."""

    ways: list[str] = field(default_factory=list)
    reader: BodyReader = field(default_factory=lambda: BodyReader(8, "events"))

    async def respond(self, headers: Headers, receive: Receive, ready: bytes | None) -> WholeAnswer:
        self.ways.append("past ASGI")
        return await self._answer(headers, receive, ready)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.ways.append("ASGI")
        answer = await self._answer(Headers(scope["headers"]), receive, None)
        await send({"type": "http.response.start", "status": answer.status, "headers": answer.lines})
        await send({"type": "http.response.body", "body": answer.body})

    async def _answer(self, headers: Headers, receive: Receive, ready: bytes | None) -> WholeAnswer:
        try:
            status, body = 202, await self.reader.read(headers, receive, ready)
        except HttpProblem as problem:
            status, body = problem.status, b""
        if body == b"bug":
            raise RuntimeError("a fault of ours")
        await asyncio.sleep(0)
        return WholeAnswer(status, [(b"content-length", b"%d" % len(body))], body)


@dataclass
class Server:
    """A listening server and its echo."""

    echo: Echo
    port: int

    async def ask(self, *parts: str) -> str:
        """All bytes of the answer until the server closes or is idle; each part is sent separately."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        said = b""
        try:
            for part in parts:
                writer.write(part.encode())
                await writer.drain()
                await asyncio.sleep(0.01)
            while chunk := await asyncio.wait_for(reader.read(65_536), 1):
                said += chunk
        except TimeoutError:
            said += b"(open)"
        finally:
            writer.close()
        return said.decode()


class Faulty(dict[bytes, Echo]):
    """Responders that raise an exception."""

    def get(self, path: bytes, default: object = None) -> Any:
        if path == b"/faulty":
            raise KeyError("a fault of ours")
        return super().get(path, default)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    echo = Echo()
    config = Config(
        app=echo, access_log=False, log_config=None, lifespan="off", server_header=False, date_header=False
    )
    config.load()
    loop = asyncio.get_running_loop()
    protocol = partial(
        HttpProtocol,
        config=config,
        server_state=ServerState(),
        app_state={},
        _loop=loop,
        clients=Connections(100),
        posts=Faulty({PATH.encode(): echo}),
    )
    listening = await loop.create_server(protocol, "127.0.0.1", 0)
    yield Server(echo, listening.sockets[0].getsockname()[1])
    listening.close()


def request(*, head: str = HOST + SIZE, body: str = "abc", path: str = PATH, version: str = "1.1") -> str:
    return f"POST {path} HTTP/{version}\r\n{head}\r\n{body}"


H2 = HOST + "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"
TLS = HOST + "Upgrade: TLS/1.2\r\nConnection: Upgrade\r\n"
KEPT = "HTTP/1.1 202 Accepted\r\ncontent-length: 3\r\n\r\nabc"
CLOSED = "HTTP/1.1 202 Accepted\r\ncontent-length: 3\r\nconnection: close\r\n\r\nabc"


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ([request()], f"{KEPT}(open)"),
        ([request(), request()], f"{KEPT}{KEPT}(open)"),
        ([request() * 3], f"{KEPT * 3}(open)"),
        ([request(body="a"), "b", "c"], f"{KEPT}(open)"),
        ([request(head=HOST + "Connection: close\r\n" + SIZE)], CLOSED),
        ([request(head=HOST + "Transfer-Encoding: chunked\r\n", body="3\r\nabc\r\n0\r\n\r\n")], f"{KEPT}(open)"),
        ([request(head=HOST + "Content-Length: 9\r\n", body="abcdefghi")], "413"),
        ([request(head=HOST + "Transfer-Encoding: chunked\r\n", body="9\r\nabcdefghi\r\n0\r\n\r\n")], "413"),
        ([request(head=HOST + "Transfer-Encoding: chunked\r\n", body="9\r\nabcdefg"), "hi\r\n0\r\n\r\n"], "413"),
        ([request(head=H2 + SIZE)], f"{KEPT}(open)"),
        ([request(head=TLS + SIZE) * 2 + request()], f"{KEPT * 3}(open)"),
        ([request(head=TLS + SIZE, body="a"), "b", "c"], f"{KEPT}(open)"),
        ([request(head=H2 + "Transfer-Encoding: chunked\r\n", body="3\r\nabc\r\n0\r\n\r\n")], f"{KEPT}(open)"),
    ],
    ids=[
        "one", "two", "pipelined", "a body in pieces", "the last", "chunks", "too large", "chunks too large",
        "too large in pieces", "HTTP/2 is offered", "TLS is offered", "and a body in pieces", "and chunks",
    ],
)  # fmt: skip
async def test_a_post_is_answered_past_asgi(server: Server, parts: list[str], said: str) -> None:
    """A POST is answered directly, however its bytes are split."""
    heard = await server.ask(*parts)
    assert heard == said or (len(said) == 3 and heard.startswith(f"HTTP/1.1 {said} "))
    assert set(server.echo.ways) == {"past ASGI"}


@pytest.mark.parametrize(
    "raw",
    [
        request(version="1.0"),
        request(head=HOST + HOST + SIZE),
        request(head=SIZE),
        request(head=HOST + "CE-Specversion: 1.0\r\n" + SIZE),
        request(head=HOST + "Content-Type: application/cloudevents+json\r\n" + SIZE),
        request(path="/v1/events?x=1"),
        request(path="/v1/silences"),
        request().replace("POST", "PUT"),
    ],
    ids=["1.0", "two hosts", "no host", "a cloud event", "cloud events", "a query", "a path", "a method"],
)
async def test_what_is_no_plain_post_goes_by_asgi(server: Server, raw: str) -> None:
    """Any other request is passed to the ASGI application."""
    assert (await server.ask(raw)).startswith("HTTP/1.1 202 ")
    assert server.echo.ways == ["ASGI"]


async def test_who_asks_whether_to_send_is_told_to(server: Server) -> None:
    """`Expect: 100-continue` is answered as by uvicorn."""
    heard = await server.ask(request(head=HOST + SIZE + "Expect: 100-continue\r\n", body=""), "abc")
    assert heard.startswith("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 202 ")


async def test_a_fault_of_ours_ends_the_connection(server: Server) -> None:
    """An exception is a 500 without details and closes the connection; the next one is served."""
    heard = await server.ask(request(body="bug"))
    assert heard.startswith("HTTP/1.1 500 ")
    assert "\r\nconnection: close\r\n" in heard
    assert "fault of ours" not in heard
    assert await server.ask(request()) == f"{KEPT}(open)"


async def test_who_leaves_before_the_answer_troubles_nobody(server: Server) -> None:
    """A client that disconnects early causes no error."""
    _, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(request(body="a").encode())
    await writer.drain()
    writer.close()
    assert await server.ask(request()) == f"{KEPT}(open)"


async def test_a_fault_of_ours_while_a_request_is_read_is_said_and_logged(
    server: Server,
) -> None:
    """An exception while parsing is a logged 500; a malformed request is a 400 that is not logged."""
    with capture_logs() as lines:
        assert (await server.ask(request(path="/faulty"))).startswith("HTTP/1.1 500 ")
        assert [str(line["exc_info"]) for line in lines] == ["'a fault of ours'"]
        for malformed in (
            "GET /\u00e4 HTTP/1.1\r\n\r\n",
            "GET http://[ HTTP/1.1\r\n\r\n",
            "GET / HTTP/9.9.9\r\n\r\n",
        ):
            assert (await server.ask(malformed)).startswith("HTTP/1.1 400 ")
        assert (await server.ask(request())).startswith("HTTP/1.1 202 ")
    assert len(lines) == 1
