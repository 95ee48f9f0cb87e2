"""Clients that have gone: an error that says no more than that is the end of a conversation, and no failure."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from notifier.client.capture import exception_parts, json_safe

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

GONE: Final = "notifier.gone"
_SAY_SO: Final = frozenset({
    "starlette.websockets:WebSocketDisconnect", "starlette.requests:ClientDisconnect",
    "uvicorn.protocols.utils:ClientDisconnected",
})  # fmt: skip
# Elsewhere these are failures: a socket that the application itself has closed, or one that it has opened.
_SAY_SO_ONCE_GONE: Final = frozenset({"websockets.exceptions:ConnectionClosed"})
_WORDS_ONCE_GONE: Final = (
    'Cannot call "',
    "Unexpected ASGI message 'websocket.",
    "WebSocket is not connected",
)


def watched(scope: Scope, receive: Receive, send: Send) -> tuple[Receive, Send]:
    """The same, and the scope knows from then on that the other side has closed its WebSocket."""

    async def heard() -> Message:
        message = await receive()
        if message["type"] == "websocket.disconnect":
            scope[GONE] = True
        return message

    async def said(message: Message) -> None:
        try:
            await send(message)
        except OSError:
            scope[GONE] = True
            raise

    return heard, said


def is_departure(scope: Scope, error: BaseException) -> bool:
    """Whether it says no more than that the other side is gone; of a group, whether all of it does."""
    members = exception_parts.members(error)
    if members:
        return all(is_departure(scope, inner) for inner in members)
    names = {json_safe.full_name(kind) for kind in type.__getattribute__(type(error), "__mro__")}
    if names & _SAY_SO:
        return True
    if GONE not in scope:
        return False
    told_to = issubclass(type(error), RuntimeError) and json_safe.message_of(error).startswith(
        _WORDS_ONCE_GONE
    )
    return told_to or bool(names & _SAY_SO_ONCE_GONE)
