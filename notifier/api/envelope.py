"""What surrounds every answer: `X-Request-Id`, and a problem where the service itself failed."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from notifier.api.errors import UNEXPECTED, answer
from notifier.telemetry.ids import uuid7
from notifier.telemetry.logging import get

LONGEST = 128

log = get("notifier.api")


class Envelope:
    """Pure ASGI: it sees failures on both sides of the answer's start, and costs a dictionary."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _sanitised(scope) or uuid7().encode()
        started = False

        async def named(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", request_id)]
            await send(message)

        try:
            await self._app(scope, receive, named)
        except Exception:
            log.exception("request_failed", request_id=request_id.decode(), method=scope["method"])
            if started:
                raise
            await answer(UNEXPECTED)(scope, receive, named)


def _sanitised(scope: Scope) -> bytes:
    """The caller's own, as far as it is printable ASCII and short; empty where there is none."""
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            return bytes(byte for byte in value[:LONGEST] if 0x20 < byte < 0x7F)
    return b""
