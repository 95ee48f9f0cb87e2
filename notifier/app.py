"""The service as an ASGI application, and the process that serves it."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from importlib import import_module
from typing import Any, Self, cast

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from notifier.access.keyring import create_first_key
from notifier.access.sessions import make_link
from notifier.api import errors
from notifier.api.connections import Connections, most_connections
from notifier.api.doors.cloudevents import CloudEventsDoor
from notifier.api.doors.door import DoorEndpoint
from notifier.api.doors.table import doors
from notifier.api.ingest import IngestEndpoint
from notifier.api.protocol import HttpProtocol
from notifier.api.request_id import RequestIdMiddleware, has_one_host
from notifier.api.router import create_api
from notifier.domain.errors import ConfigError, NotifierError
from notifier.oncall.actor import Actor
from notifier.runtime import configuration
from notifier.runtime.service import Runtime
from notifier.runtime.start import running
from notifier.settings.model import Settings
from notifier.store import keys
from notifier.telemetry.logging import configure, get, level_of
from notifier.telemetry.loop import Loop
from notifier.telemetry.service_manager import ServiceManager
from notifier.telemetry.watchdog import LONG_LIMIT
from notifier.web import LiveStreams, pages, wants_page

EXIT_BROKEN = 70
BACKLOG = 2048
GRACE_S = 5
POLL_S = 5.0
END_WITHIN_S = 50.0
STARTUP_POLL_S = 0.05
WITHOUT_HTTP = frozenset({"console", "email"})


def create_ingest(runtime: Runtime) -> IngestEndpoint:
    """The endpoint of `POST /v1/events`.

    It bypasses FastAPI, whose body handling would cost three quarters of the rate.
    """
    cloud_events = DoorEndpoint(runtime, runtime.keyring, CloudEventsDoor(runtime))
    return IngestEndpoint(runtime, runtime.keyring, RequestIdMiddleware(cloud_events))


def create_app(runtime: Runtime, ingest: IngestEndpoint, live: LiveStreams) -> ASGIApp:
    """The ASGI application of the API, the doors and the pages; the caller ends the streams in `live`."""
    keyring = runtime.keyring
    api = create_api(runtime, keyring, ingest, doors(runtime, keyring))
    hostless = RequestIdMiddleware(errors.answer(errors.HOST_MISSING))
    calls: dict[tuple[str, str], ASGIApp] = {("POST", "/v1/events"): ingest}
    mounts = [(serves, RequestIdMiddleware(page)) for serves, page in pages(runtime, keyring, live)]

    def target(scope: Scope) -> ASGIApp:
        if scope["type"] != "http":
            return api
        if not has_one_host(scope):
            return hostless
        call = calls.get((scope["method"], scope["path"]))
        if call is not None:
            return call
        page = next((page for serves, page in mounts if serves(scope["path"])), None)
        if page is None and wants_page(scope) and not api.has_route(scope):
            return mounts[-1][1]
        return page or api

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await target(scope)(scope, receive, send)

    return app


def serve(config_path: str | None, *, hold: bool = False) -> int:
    """Run the service until SIGTERM or SIGINT and return the exit code.

    `hold` stops deliveries until `notifier release`.

    Exit codes: 0 stopped, 2 the configuration or the database is refused, 70 the disk failed or a loop is
    stuck.
    """
    reload_signals = ReloadSignals()
    try:
        settings, configs = configuration.load(config_path, os.environ)
    except ConfigError as error:
        print(error, file=sys.stderr)  # noqa: T201 - before there is a log
        return 2
    configure(as_json=not sys.stderr.isatty(), level=level_of(os.environ.get("NOTIFIER_LOG_LEVEL")))
    for warning in settings.warnings:
        get("notifier.config").warning("configuration", problem=str(warning))
    try:
        listener = _listen(settings)
    except OSError as error:
        print(  # noqa: T201
            f"cannot listen on {settings.server.host}:{settings.server.port} ({error.strerror}): "
            "stop what uses it, or set server.port",
            file=sys.stderr,
        )
        return 2
    try:
        with ExitTimer() as exit_timer, asyncio.Runner(loop_factory=_loop_factory()) as runner:
            return runner.run(_serve(settings, configs, listener, reload_signals, exit_timer, hold=hold))
    except NotifierError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 2
    finally:
        listener.close()


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # noqa: PLC0415 - not on every platform
    except ImportError:
        return None
    return uvloop.new_event_loop


def _listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.server.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.server.host, settings.server.port))
    except OSError:
        listener.close()
        raise
    return listener


async def _serve(
    settings: Settings,
    configs: Any,
    listener: socket.socket,
    reload_signals: ReloadSignals,
    exit_timer: ExitTimer,
    *,
    hold: bool,
) -> int:
    clients = Connections(most_connections())
    async with running(settings, configs, hold=hold) as runtime:
        port = listener.getsockname()[1]
        await _first_key(runtime, port)
        manager = ServiceManager(os.environ)
        server = _server(runtime, clients, manager)
        broken = asyncio.create_task(_stop_when_broken(runtime, server))
        _on_signals(server)
        runtime.watchdog.watch(reload_signals.loop(runtime, manager))
        notifying = asyncio.create_task(_notify_service_manager(runtime, manager, server))
        get("notifier.app").info(
            "serving",
            host=settings.server.host,
            port=port,
            config=settings.source,
            version=runtime.settings.version,
        )
        warm_up = asyncio.create_task(_warm_up(runtime, server))
        await server.serve([listener])
        for task in (broken, notifying, warm_up):
            task.cancel()
        code = EXIT_BROKEN if runtime.broken.is_set() else 0
        exit_timer.arm(END_WITHIN_S)
    if code == 0:
        get("notifier.app").info("stopped")
    return code


def _server(runtime: Runtime, clients: Connections, manager: ServiceManager) -> _Server:
    live, ingest = LiveStreams(runtime), create_ingest(runtime)
    protocol = partial(HttpProtocol, clients=clients, posts={b"/v1/events": ingest})
    config = uvicorn.Config(
        create_app(runtime, ingest, live),
        http=cast("type[asyncio.Protocol]", protocol),
        ws="none",
        proxy_headers=False,
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        date_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=GRACE_S,
    )
    return _Server(config, partial(_end, live, manager))


class _Server(uvicorn.Server):
    """A uvicorn server without its signal handlers, which would end the process before sends in flight are drained.

    `before_shutdown` is called before the server waits for its connections.
    """

    def __init__(self, config: uvicorn.Config, before_shutdown: Callable[[], None]) -> None:
        super().__init__(config)
        self._before_shutdown = before_shutdown

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._before_shutdown()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _on_signals(server: uvicorn.Server) -> None:
    def stop() -> None:
        server.should_exit = True

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)


def _end(live: LiveStreams, manager: ServiceManager) -> None:
    manager.tell(stopping="1", status="stopping")
    live.end()


async def _notify_service_manager(runtime: Runtime, manager: ServiceManager, server: uvicorn.Server) -> None:
    """Notify the service manager (`sd_notify`) of readiness, then ping its watchdog while every loop makes progress.

    A full disk or an unreachable database does not stop the pings: a restart would not help.
    """
    while manager.listens and (not server.started or await runtime.ready()):  # noqa: ASYNC110 - uvicorn tells nobody
        await asyncio.sleep(STARTUP_POLL_S)
    manager.tell(ready="1", status="serving")
    if manager.watchdog_s is not None:
        while True:
            if all(loop.moves(time.monotonic()) for loop in runtime.loops):
                manager.tell(watchdog="1")
            await asyncio.sleep(manager.watchdog_s / 3)


async def _warm_up(runtime: Runtime, server: uvicorn.Server) -> None:
    """Import what the first alert needs once the server has started, and exempt loaded objects from garbage collection.

    The import takes up to half a second, which the first alert would wait for. A full collection takes 170
    ms, during which no request is answered, and loaded modules are never garbage.
    """
    while not server.started:  # noqa: ASYNC110 - uvicorn tells nobody
        await asyncio.sleep(STARTUP_POLL_S)
    if any(channel.type not in WITHOUT_HTTP for channel in runtime.settings.channels.values()):
        await asyncio.to_thread(import_module, "notifier.channels.transport")
    gc.freeze()


class ReloadSignals:
    """A reload at each SIGHUP. A signal that arrives before the service runs is remembered until then."""

    def __init__(self) -> None:
        self._early = False
        signal.signal(signal.SIGHUP, self._keep)

    def loop(self, runtime: Runtime, manager: ServiceManager) -> Loop:
        """The loop that reloads after a SIGHUP; signals during a reload count as one."""
        asked = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, asked.set)
        if self._early:
            asked.set()
        actor = Actor(
            name="SIGHUP", key_name="", project="default", project_scope=None, new_id=runtime.new_id
        )

        async def step() -> None:
            with suppress(TimeoutError):
                async with asyncio.timeout(POLL_S):
                    await asked.wait()
            if not asked.is_set():
                return
            asked.clear()
            manager.reloading()
            with suppress(ConfigError):  # Logged, and sent to the fallback channel.
                await runtime.reload(actor)
            manager.tell(ready="1")

        return Loop(
            "reload",
            step,
            clock=runtime.database,
            broken=lambda error: runtime.broken.set(str(error)),
            limit=LONG_LIMIT,
        )

    def _keep(self, *_: object) -> None:
        self._early = True


async def _stop_when_broken(runtime: Runtime, server: uvicorn.Server) -> None:
    why = await runtime.broken.wait()
    get("notifier.app").critical("service_broken", why=why, code=EXIT_BROKEN)
    server.should_exit = True


class ExitTimer:
    """A timer that ends the process even if a thread hangs, as when the disk does not answer."""

    def __init__(self) -> None:
        self._timer: threading.Timer | None = None

    def arm(self, seconds: float) -> None:
        self._timer = threading.Timer(seconds, os._exit, (EXIT_BROKEN,))
        self._timer.daemon = True
        self._timer.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._timer is not None:
            self._timer.cancel()


async def _first_key(runtime: Runtime, port: int) -> None:
    """Create and print an API key if none is valid, before the service reports that it is ready."""
    secret = await create_first_key(runtime.database, runtime.new_id)
    if secret is None:
        return
    caller = await runtime.keyring.caller(secret)
    link, _ = await make_link(runtime.database, caller.key_id)
    host = runtime.settings.server.host
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    here = f"http://{host}:{port}"
    addresses = dict.fromkeys(base for base in (here, runtime.settings.server.url) if base is not None)
    event = '{"service": "demo", "message": "hello from curl"}'
    lines = (
        "The database had no key. This one is shown once; keep it:",
        "",
        secret,
        "",
        "Open the pages with this link, which signs you in once, within ten minutes:",
        "",
        *(f"  {base}/welcome/{link}" for base in addresses),
        "",
        "Try it:",
        "",
        f"  curl -H 'Authorization: Bearer {secret}' -d '{event}' {here}/v1/events",
        "",
    )
    try:
        print("\n".join(lines), flush=True)  # noqa: T201 - the one thing that a first start says
    except OSError as error:
        # Revoked, so that the next start creates a key that is seen.
        await runtime.database.write(lambda tx: keys.revoke(tx, caller.key_id))
        raise NotifierError(
            f"the first key cannot be shown, for standard output cannot be written ({error.strerror}): "
            "start once with an output that somebody reads, or make a key by `notifier keys create --offline`"
        ) from error
