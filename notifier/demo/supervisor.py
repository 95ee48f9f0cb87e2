"""The demo's processes: an inbox, a service that sends to it, and the sample application, until an interrupt."""

from __future__ import annotations

import asyncio
import re
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TextIO

import httpx
import python_multipart  # noqa: F401 - needed for the sample's upload: better to fail here than in a child

from notifier.demo.errors import CannotRun
from notifier.demo.inbox.demo_services import DemoServices
from notifier.demo.inbox.received import ReceivedMessages
from notifier.demo.inbox.server import serve
from notifier.demo.inbox.terminal import Terminal
from notifier.demo.layout import HOST, SLACK_SECRET, SLACK_TOKEN, Layout, Ports
from notifier.demo.subprocesses import Subprocess
from notifier.demo.text import welcome

READY_WITHIN_S = 60.0
KEY = re.compile(r"ntf_[A-Za-z0-9]{32,}")


def run(ports: Ports, out: TextIO, environ: Mapping[str, str]) -> int:
    """Run until SIGINT or SIGTERM, then return 0. `CannotRun` is raised if the demo cannot start."""
    return asyncio.run(_until_interrupted(ports, Terminal(out, environ), environ))


async def _until_interrupted(ports: Ports, terminal: Terminal, environ: Mapping[str, str]) -> int:
    """Run the demo. The first signal ends it in order, the second at once."""
    demo = asyncio.ensure_future(_demo(ports, terminal, environ))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, demo.cancel)
    await asyncio.wait([demo])
    if not demo.cancelled():
        demo.result()
    return 0


async def _demo(ports: Ports, terminal: Terminal, environ: Mapping[str, str]) -> None:
    """The demo.

    It ends in reverse order, so that the application's last reports and the service's last messages arrive.
    """
    received = ReceivedMessages()
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="notifier-demo-")))
        services = DemoServices(
            service=ports.url(ports.service), app=ports.url(ports.app), inbox=ports.url(ports.inbox),
            signing_secret=SLACK_SECRET,
        )  # fmt: skip
        smtp_port = await stack.enter_async_context(
            serve(received, port=ports.inbox, token=SLACK_TOKEN, services=services)
        )
        layout = Layout(folder=folder, ports=ports, smtp_port=smtp_port)
        layout.write_config()
        service = await stack.enter_async_context(_service(layout, environ))
        app = await stack.enter_async_context(_application(layout, environ))
        await _ready(app, f"{layout.app}/openapi.json")
        terminal.put(welcome(layout, await _sign_in_link(layout)))
        await asyncio.gather(_print(received, terminal), service.ended(), app.ended())


@asynccontextmanager
async def _service(layout: Layout, environ: Mapping[str, str]) -> AsyncIterator[Subprocess]:
    """A running service that is ready. Its first key, and one for the application, are in files."""
    command = ("notifier.cli", "serve", "--config", str(layout.config))
    log = layout.folder / "service.log"
    async with Subprocess.running("the service", *command, environ=layout.environ(environ), log=log) as child:
        while not KEY.fullmatch(first := await child.line()):
            pass
        await _ready(child, f"{layout.service}/readyz")
        layout.write_keys(first, await _application_key(layout, first))
        yield child


async def _application_key(layout: Layout, key: str) -> str:
    """A key with the scopes `ingest` and `read`."""
    body = {"project": "default", "name": "sample application", "scopes": ["ingest", "read"]}
    async with _local_client(headers={"Authorization": f"Bearer {key}"}) as http:
        answer = await http.post(f"{layout.service}/v1/keys", json=body)
    answer.raise_for_status()
    return str(answer.json()["key"])


async def _sign_in_link(layout: Layout) -> str:
    """A sign-in link. It is created last, because it expires after ten minutes."""
    headers = {"Authorization": f"Bearer {layout.key.read_text('ascii')}"}
    async with _local_client(headers=headers) as http:
        answer = await http.post(f"{layout.service}/v1/sign-in-links")
    answer.raise_for_status()
    return f"{layout.service}{answer.json()['path']}"


@asynccontextmanager
async def _application(layout: Layout, environ: Mapping[str, str]) -> AsyncIterator[Subprocess]:
    """The sample application, started by uvicorn and configured by the client's environment variables."""
    command = ("uvicorn", "notifier.demo.sample:app", "--host", HOST, "--port", str(layout.ports.app),
               "--timeout-graceful-shutdown", "3")  # fmt: skip
    told = layout.environ(
        environ,
        NOTIFIER_URL=layout.service,
        NOTIFIER_KEY_FILE=str(layout.application_key),
        NOTIFIER_ENVIRONMENT="demo",
    )
    log = layout.folder / "application.log"
    async with Subprocess.running("the sample application", *command, environ=told, log=log) as child:
        yield child


async def _ready(child: Subprocess, url: str) -> None:
    """Poll until the answer is 200. `CannotRun` is raised if the process ends or a timeout passes."""
    ended = asyncio.ensure_future(child.ended())
    answering = asyncio.ensure_future(_answers(url))
    try:
        done, _ = await asyncio.wait(
            (ended, answering), timeout=READY_WITHIN_S, return_when=asyncio.FIRST_COMPLETED
        )
    finally:
        ended.cancel()
        answering.cancel()
    if not done:
        raise CannotRun(f"{child.name} was not ready within {READY_WITHIN_S:.0f} s")
    for task in done:
        task.result()


async def _answers(url: str) -> None:
    async with _local_client() as http:
        while True:
            try:
                if (await http.get(url)).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.05)


def _local_client(**options: Any) -> httpx.AsyncClient:
    """An HTTP client without the environment's proxies, which cannot reach this machine's loopback."""
    return httpx.AsyncClient(trust_env=False, timeout=5, **options)


async def _print(received: ReceivedMessages, terminal: Terminal) -> None:
    async for entry in received.follow():
        terminal.show(entry)
