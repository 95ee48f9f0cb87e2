"""The inbox's servers: mail on one port; the page, Slack and webhooks on another."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn

from notifier.demo.inbox.demo_services import DemoServices
from notifier.demo.inbox.mailbox import serve_mail
from notifier.demo.inbox.received import ReceivedMessages
from notifier.demo.inbox.web import create_app

HOST = "127.0.0.1"


@asynccontextmanager
async def serve(
    received: ReceivedMessages, *, port: int, token: str, services: DemoServices | None = None
) -> AsyncIterator[int]:
    """Receive messages until the block is left. `port` is the HTTP port; the port for mail is yielded.

    Without `services`, buttons cannot be pressed.
    """
    async with serve_mail(received, HOST) as smtp_port:
        with socket.create_server((HOST, port)) as listener:
            server = _Server(_config(received, token, services))
            serving = asyncio.create_task(server.serve([listener]))
            try:
                yield smtp_port
            finally:
                received.close()
                server.should_exit = True
                await serving


def _config(received: ReceivedMessages, token: str, services: DemoServices | None) -> uvicorn.Config:
    return uvicorn.Config(
        create_app(received, token=token, services=services),
        log_config=None,
        log_level="critical",
        access_log=False,
        lifespan="off",
        ws="none",
        timeout_graceful_shutdown=1,
    )


class _Server(uvicorn.Server):
    """A uvicorn server that leaves signals to the demo."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
