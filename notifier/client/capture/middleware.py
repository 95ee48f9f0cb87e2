"""ASGI middleware: reports unhandled errors, runs the remaining background tasks after a failed one, and re-raises."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

from notifier.client.capture import (
    base_exceptions,
    context,
    disconnects,
    durability,
    events,
    exception_parts,
    json_safe,
    reported,
    route_template,
    starlette_traceback,
)
from notifier.client.capture.events import ReportDetails
from notifier.client.capture.function_names import name_of
from notifier.client.capture.reporting import Reporting

if TYPE_CHECKING:
    from notifier.client.documents import TaskReference

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[context.Scope, Receive, Send], Awaitable[None]]

SERVER_ERRORS: Final = range(500, 600)
KEY: Final = "notifier"
RUNS: Final = "notifier.runs"
SEEN: Final = "notifier.seen"
"""The keys of a request's scope for the notifier, the runs that the request scheduled, and a passed-on failure."""


class Reporter(Protocol):
    """The parts of the notifier that its middleware uses."""

    @property
    def reporting(self) -> Reporting: ...
    def serving(self, loop: asyncio.AbstractEventLoop) -> None: ...
    def abandon(self, runs: Iterable[Any]) -> None: ...
    def flush(self, timeout: float) -> bool: ...


@dataclass(slots=True)
class PassedOnFailure:
    """A failure that an inner middleware has reported and re-raised, and the failures of its sibling tasks."""

    of: int
    failures: list[BaseException] = field(default_factory=list)


class Middleware:
    """Pure ASGI middleware. A successful request costs two dictionary entries."""

    def __init__(self, app: App, notifier: Reporter, *, isolate: bool = True) -> None:
        self._app = app
        self._notifier = notifier
        self._reporting = notifier.reporting
        self._isolate = isolate

    async def __call__(self, scope: context.Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(scope, receive, send)
            return
        scope[KEY] = self._notifier
        route_template.record_entry(scope, self._app)
        context.request.set(scope)
        if scope["type"] == "websocket":
            receive, send = disconnects.watch_disconnect(scope, receive, send)
        try:
            await self._app(scope, receive, send)
        except BaseException as error:
            if disconnects.is_disconnect(scope, error):
                self._reporting.mark(error, None)
            elif base_exceptions.is_failure(error):
                await self._ended(scope, error)
            raise
        finally:
            if RUNS in scope:
                self._notifier.abandon(scope[RUNS])

    async def _ended(self, scope: context.Scope, error: BaseException) -> None:
        seen = scope.get(SEEN)
        if seen is None or seen.of != id(error):
            scope[SEEN] = seen = PassedOnFailure(id(error))
            await self._failed(error, seen.failures)
            return
        # Another middleware further in has run the siblings. It may belong to a notifier that sends nothing.
        for failure in seen.failures:
            self._report_failure(failure)

    async def _failed(self, error: BaseException, failures: list[BaseException]) -> None:
        """Reports the error, and runs the background tasks that it prevented."""
        failures.append(error)
        failed = self._report_failure(error)
        await durability.wait_async(self._reporting.transport)
        if failed is not None and self._isolate:
            for sibling in failed.skipped:
                await self._run(sibling, failures)
            self._mark(error)

    def _report_failure(self, error: BaseException) -> starlette_traceback.FailedBackgroundTask | None:
        """Reports the error. Returns the background task that raised it, None if it was raised elsewhere."""
        original = reported.unwrap(error)
        try:
            failed = starlette_traceback.find(original)
            self._report(original, failed, ran=self._isolate)
        except Exception:  # noqa: BLE001 - the edge between the client and the application
            failed = None
        self._mark(error)
        return failed

    def _mark(self, error: BaseException) -> None:
        """Marks the error and what wraps it: the server logs the wrapper, possibly much later."""
        original = reported.unwrap(error)
        event_id = self._reporting.find_mark(original)[1]
        for seen in (error, original):
            self._reporting.mark(seen, event_id)

    def _report(
        self, error: BaseException, failed: starlette_traceback.FailedBackgroundTask | None, *, ran: bool
    ) -> None:
        if failed is None:
            self._reporting.capture(error, ReportDetails())
            return
        more: dict[str, Any] = {"arguments": json_safe.arguments(failed.args, failed.kwargs)}
        if failed.skipped:
            more["siblings"] = {
                "tasks": [
                    name_of(getattr(sibling, "func", sibling))
                    for sibling in failed.skipped[: json_safe.WIDTH]
                ],
                "ran": ran,
            }
        task: TaskReference = {"name": name_of(failed.function)}
        self._reporting.capture(error, ReportDetails(task=task, context=more))

    async def _run(self, sibling: Callable[[], Awaitable[None]], failures: list[BaseException]) -> None:
        """Runs a sibling task. If it fails too, its failure is reported and its own siblings are run."""
        try:
            await sibling()
        except BaseException as error:
            if not base_exceptions.is_failure(error):
                raise
            # The first failure is the one that is re-raised.
            await self._failed(error, failures)

    async def _lifespan(self, scope: context.Scope, receive: Receive, send: Send) -> None:
        notifier = self._notifier

        async def observed_send(message: Message) -> None:
            if message["type"] == "lifespan.startup.complete":
                notifier.serving(asyncio.get_running_loop())
            elif message["type"] in {"lifespan.shutdown.complete", "lifespan.shutdown.failed"}:
                await asyncio.to_thread(notifier.flush, 2.0)
            await send(message)

        try:
            await self._app(scope, receive, observed_send)
        except Exception as error:
            self._reporting.capture(error, events.ReportDetails(severity="critical"))
            await asyncio.to_thread(notifier.flush, 2.0)
            raise


class ErrorResponseMiddleware:
    """The innermost middleware: captures errors that an exception handler turns into a server error's response."""

    def __init__(self, app: App, reporting: Reporting) -> None:
        self._app = app
        self._reporting = reporting

    async def __call__(self, scope: context.Scope, receive: Receive, send: Send) -> None:
        async def observed_send(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] in SERVER_ERRORS:
                self._report_cause(sys.exception())
            await send(message)

        await self._app(scope, receive, observed_send if scope["type"] == "http" else send)

    def _report_cause(self, error: BaseException | None) -> None:
        """Reports the cause of an `HTTPException`. Without a cause it is an intended response."""
        kind = sys.modules["starlette.exceptions"].HTTPException
        if error is not None and issubclass(type(error), kind) and exception_parts.cause(error) is not None:
            self._reporting.capture(error, ReportDetails())


def wrap_application(app: Any, notifier: Reporter, *, isolate: bool) -> None:
    """Wraps the whole application when it starts, and its innermost part, within all other middleware.

    Between 0.31.1 and 0.45.3, Starlette's `BaseHTTPMiddleware` swallows failures of background tasks below it.
    """
    import starlette  # noqa: PLC0415 - callers have it installed
    from starlette.middleware import Middleware as Entry  # noqa: PLC0415

    notifier.reporting.watched.add(f"the requests and background tasks of a {type(app).__name__} application")
    build = app.build_middleware_stack

    def built() -> Middleware:
        try:
            return Middleware(build(), notifier, isolate=isolate)
        except Exception as error:
            # A middleware failed to build. All requests fail here, and nothing surrounds the application yet.
            notifier.reporting.capture(error, ReportDetails(severity="critical"))
            raise

    app.build_middleware_stack = built
    if tuple(int(part) for part in starlette.__version__.split(".")[:2]) < (0, 46):
        app.user_middleware.append(Entry(cast("Any", Middleware), notifier=notifier, isolate=isolate))
    app.user_middleware.append(Entry(cast("Any", ErrorResponseMiddleware), reporting=notifier.reporting))
