"""Recognises exceptions that only say that the client has disconnected. They are no failures."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from notifier.client.capture import exception_parts, json_safe

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

GONE: Final = "notifier.gone"
_DISCONNECTS: Final = frozenset({
    "starlette.websockets:WebSocketDisconnect", "starlette.requests:ClientDisconnect",
    "uvicorn.protocols.utils:ClientDisconnected",
})  # fmt: skip
# These are failures unless the client has gone: the application may have closed the socket, or opened it.
_DISCONNECTS_ONCE_GONE: Final = frozenset({"websockets.exceptions:ConnectionClosed"})
_MESSAGES_ONCE_GONE: Final = (
    'Cannot call "',
    "Unexpected ASGI message 'websocket.",
    "WebSocket is not connected",
)


def watch_disconnect(scope: Scope, receive: Receive, send: Send) -> tuple[Receive, Send]:
    """Wraps both functions, so that the scope records when the client closes its WebSocket."""

    async def watched_receive() -> Message:
        message = await receive()
        if message["type"] == "websocket.disconnect":
            scope[GONE] = True
        return message

    async def watched_send(message: Message) -> None:
        try:
            await send(message)
        except OSError:
            scope[GONE] = True
            raise

    return watched_receive, watched_send


def is_disconnect(scope: Scope, error: BaseException) -> bool:
    """Whether the exception only says that the client has gone. For a group, whether all its members do."""
    members = exception_parts.members(error)
    if members:
        return all(is_disconnect(scope, inner) for inner in members)
    names = {json_safe.full_name(kind) for kind in type.__getattribute__(type(error), "__mro__")}
    if names & _DISCONNECTS:
        return True
    if GONE not in scope:
        return False
    told_to = issubclass(type(error), RuntimeError) and json_safe.message_of(error).startswith(
        _MESSAGES_ONCE_GONE
    )
    return told_to or bool(names & _DISCONNECTS_ONCE_GONE)
