"""Middleware around every answer: request id and headers, a problem document after a failure, and HEAD as GET."""

from __future__ import annotations

from collections.abc import Iterable

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from notifier.api.errors import UNEXPECTED, answer
from notifier.api.problems import GUARD_LINES
from notifier.telemetry.ids import uuid7
from notifier.telemetry.logging import get

LONGEST = 128

log = get("notifier.api")


class RequestIdMiddleware:
    """A pure ASGI middleware: it handles failures before and after the response has started."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if scope["method"] == "HEAD":
            scope, send = {**scope, "method": "GET"}, _without_body(send)
        request_id = _sanitised(scope) or uuid7().encode()
        started = False

        async def named(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message["headers"] = [*_guarded(message.get("headers", ())), (b"x-request-id", request_id)]
            await send(message)

        try:
            await self._app(scope, receive, named)
        except ClientDisconnect:
            log.debug("client_left", request_id=request_id.decode(), method=scope["method"])
        except Exception:
            log.exception("request_failed", request_id=request_id.decode(), method=scope["method"])
            if started:
                raise
            await answer(UNEXPECTED)(scope, receive, named)


def has_one_host(scope: Scope) -> bool:
    """Whether the request has exactly one Host header (RFC 9112); HTTP/1.0 may have none."""
    hosts = [name for name, _ in scope["headers"] if name == b"host"]
    return len(hosts) == 1 or (not hosts and scope["http_version"] != "1.1")


def _guarded(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    given = list(headers)
    names = {name for name, _ in given}
    return given + [line for line in GUARD_LINES if line[0] not in names]


def _without_body(send: Send) -> Send:
    """A `send` that drops the body, for the answer to HEAD."""

    async def bodiless(message: Message) -> None:
        if message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await send(message)

    return bodiless


def _sanitised(scope: Scope) -> bytes:
    """The caller's request id, if it is short printable ASCII; otherwise empty."""
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            return bytes(byte for byte in value[:LONGEST] if 0x20 < byte < 0x7F)
    return b""
