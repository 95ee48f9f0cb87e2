"""Finds out by ALPN whether a receiver speaks only HTTP/2. Some of them close an HTTP/1.1 connection silently."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable

from notifier.domain.errors import SendError
from notifier.domain.time import SECOND, Duration

# Together with an exchange's deadline below the 30 s of an attempt.
TIMEOUT: Duration = 3 * SECOND
ALPN = ["http/1.1"]
"""The protocols that the shared TLS context offers otherwise."""

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def is_http2_only(connect: Callable[[], Awaitable[Connection]], host: str, tls: ssl.SSLContext) -> bool:
    """Whether the host accepts HTTP/2 and rejects HTTP/1.1. Sends no request."""
    try:
        async with asyncio.timeout(TIMEOUT / SECOND):
            agreed = [await _agreed(connect, host, tls, offered) for offered in (["h2"], ALPN)]
    except (TimeoutError, OSError, SendError):
        return False
    return agreed == ["h2", None]


async def _agreed(
    connect: Callable[[], Awaitable[Connection]], host: str, tls: ssl.SSLContext, offered: list[str]
) -> str | None:
    reader, writer = await connect()
    received, to_send = ssl.MemoryBIO(), ssl.MemoryBIO()
    # The context is shared. A connection reads it when it is created, and nothing awaits in between.
    tls.set_alpn_protocols(offered)
    secured = tls.wrap_bio(received, to_send, server_hostname=host)
    tls.set_alpn_protocols(ALPN)
    try:
        while True:
            try:
                secured.do_handshake()
            except ssl.SSLWantReadError:
                writer.write(to_send.read())
                received.write(await reader.read(65_536) or _ended())
            else:
                return secured.selected_alpn_protocol()
    finally:
        writer.transport.abort()


def _ended() -> bytes:
    raise ConnectionResetError
