"""Whoever leaves is no incident: a closed WebSocket, a request whose sender is gone. What fails then is one."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from fastapi import FastAPI, Request, WebSocket
from fastapi.testclient import TestClient
from starlette.requests import ClientDisconnect
from starlette.websockets import WebSocketDisconnect

from notifier.client import MemoryTransport, Notifier

Serve = Callable[[WebSocket], Awaitable[None]]


async def reads(socket: WebSocket) -> None:
    while True:
        await socket.receive_text()


async def reads_in_a_group(socket: WebSocket) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(reads(socket))
        group.create_task(asyncio.Event().wait())


async def closes_what_is_closed(socket: WebSocket) -> None:
    try:
        await reads(socket)
    except WebSocketDisconnect:
        await socket.send_text("goodbye")


async def reads_on(socket: WebSocket) -> None:
    for _ in range(3):
        try:
            await socket.receive_text()
        except WebSocketDisconnect:
            continue


async def cleans_up_and_fails(socket: WebSocket) -> None:
    try:
        await reads(socket)
    except WebSocketDisconnect:
        raise KeyError("session") from None


async def fails_in_a_group(socket: WebSocket) -> None:
    try:
        await reads(socket)
    except WebSocketDisconnect as left:
        raise ExceptionGroup("several", [left, KeyError("session")]) from None


async def speaks_after_its_own_close(socket: WebSocket) -> None:
    await socket.close()
    await socket.send_text("more")


@pytest.mark.parametrize(
    ("serve", "told"),
    [
        (reads, 0), (reads_in_a_group, 0), (closes_what_is_closed, 0), (reads_on, 0),
        (cleans_up_and_fails, 1), (fails_in_a_group, 1), (speaks_after_its_own_close, 1),
    ],
)  # fmt: skip
def test_a_closed_websocket(serve: Serve, told: int) -> None:
    """However the application comes to notice; what it does wrong afterwards is told."""
    memory, app = MemoryTransport(), FastAPI()
    Notifier("billing", transport=memory).instrument(app)

    @app.websocket("/feed")
    async def feed(socket: WebSocket) -> None:
        await socket.accept()
        await serve(socket)

    try:
        with TestClient(app).websocket_connect("/feed") as socket:
            socket.send_text("hello")
    except BaseException:  # noqa: BLE001 - the test client raises what the application raised
        pass
    assert len(memory.events) == told


def test_what_is_sent_to_one_that_is_gone() -> None:
    """The server says so by an error of the operating system; sending once more says it once more."""
    memory, app = MemoryTransport(), FastAPI()
    Notifier("billing", transport=memory).instrument(app)

    @app.websocket("/feed")
    async def feed(socket: WebSocket) -> None:
        await socket.accept()
        with contextlib.suppress(WebSocketDisconnect):
            await socket.send_text("one")
        await socket.send_text("two")

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(0)
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        await asyncio.sleep(0)
        if message["type"] == "websocket.send":
            raise ConnectionResetError

    scope = {"type": "websocket", "path": "/feed", "query_string": b"", "headers": []}
    with pytest.raises(RuntimeError):
        asyncio.run(app(scope, receive, send))
    assert not memory.events


def test_a_request_whose_sender_is_gone() -> None:
    """Reading the rest of its body raises."""
    memory, app = MemoryTransport(), FastAPI()
    Notifier("billing", transport=memory).instrument(app)

    @app.post("/")
    async def index(request: Request) -> None:
        await request.body()

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(0)
        return {"type": "http.disconnect"}

    async def send(_: Any) -> None:
        await asyncio.sleep(0)

    scope = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": []}
    with pytest.raises(ClientDisconnect):
        asyncio.run(app(scope, receive, send))
    assert not memory.events
