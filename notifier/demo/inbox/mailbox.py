"""The inbox's mail server. It accepts every mail up to a megabyte."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiosmtpd.smtp import SMTP

from notifier.demo.inbox.messages import read_mail
from notifier.demo.inbox.received import ReceivedMessages

LARGEST = 1_000_000


class Mailbox:
    def __init__(self, received: ReceivedMessages) -> None:
        self._received = received

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        self._received.put(read_mail(envelope.content))
        return "250 OK"


@asynccontextmanager
async def serve_mail(received: ReceivedMessages, host: str) -> AsyncIterator[int]:
    """Accept mail on a free port, which is yielded."""
    handler = Mailbox(received)
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(handler, hostname="localhost", data_size_limit=LARGEST), host, 0
    )
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
