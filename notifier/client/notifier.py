"""The notifier of an application, the client's main class."""

from __future__ import annotations

import asyncio
import atexit
import functools
import logging
import os
import sys
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, Unpack, overload

from notifier.client import options
from notifier.client.capture import context, finish, frames, hooks, logs
from notifier.client.capture.events import ReportDetails
from notifier.client.capture.middleware import App, Middleware, wrap_application
from notifier.client.capture.reporting import Reporting
from notifier.client.options import BeforeSend, Ignored
from notifier.client.tasks import definition
from notifier.client.tasks.backoff import BASE, Backoff
from notifier.client.tasks.definition import Alert, RetryOn
from notifier.client.tasks.replays import Replays
from notifier.client.tasks.runs import Run
from notifier.client.tasks.tracking import RunTracker, Tracked, TrackOptions
from notifier.client.transport import Counts, NullTransport, Source, Transport

if TYPE_CHECKING:
    from fastapi import APIRouter

    from notifier.client.diagnosis import Diagnosis

P = ParamSpec("P")
R = TypeVar("R")
A = TypeVar("A")

all_notifiers: weakref.WeakSet[Notifier] = weakref.WeakSet()
"""All notifiers of this process, for tests."""


class Notifier:
    """Reports the failures of one application, and tracks its tasks.

    `url` and `key` are the service's; the defaults are `NOTIFIER_URL` and `NOTIFIER_KEY` (or `NOTIFIER_KEY_FILE`).
    Without them nothing is sent. `spool` is the folder for unsent reports, False for none. `before_send` receives
    each event as it would be sent, and returns it, changed or not, or None to drop it. `ignore` are exception
    classes, or their names, that are not reported. `in_app` are packages whose frames count as the application's own
    even if they are installed; the default is the package that creates the notifier. Under pytest nothing is sent and
    retries do not wait, unless `send_in_tests` is set.
    """

    def __init__(
        self,
        service: str | None = None,
        *,
        url: str | None = None,
        key: str | None = None,
        environment: str | None = None,
        release: str | None = None,
        host: str | None = None,
        transport: Transport | None = None,
        spool: str | Path | bool | None = None,
        before_send: BeforeSend | None = None,
        ignore: Iterable[Ignored] = (),
        sample_rate: float = 1.0,
        in_app: Iterable[str] | None = None,
        isolate: bool = True,
        send_in_tests: bool = False,
    ) -> None:
        self.options = options.read(
            os.environ, service=service, url=url, key=key, environment=environment, release=release, host=host,
            before_send=before_send, ignore=ignore, sample_rate=sample_rate,
            in_app=frames.packages_of_caller() if in_app is None else in_app,
        )  # fmt: skip
        self._waits = send_in_tests or not options.under_pytest()
        self._isolate = isolate
        self.transport = transport or self._own_transport(spool)
        self.reporting = Reporting(self.options, self.transport)
        self.tracker = RunTracker(self.reporting, waits_between_retries=self._waits)
        self.replays = Replays(self.tracker)
        self.transport.open(self._source())
        all_notifiers.add(self)
        # Registered after the transport's handler, so that it runs before it.
        atexit.register(_interrupt, weakref.ref(self))

    def instrument(self, app: A) -> A:
        """Adds the middleware to a FastAPI or Starlette application, before it starts. Returns the application.

        Reports all unhandled errors of requests, the causes of an `HTTPException` of 500 or more, and all failures of
        background tasks, including those in middleware that is added later.
        """
        if not hasattr(app, "build_middleware_stack"):
            raise TypeError(
                "instrument() takes a FastAPI or Starlette application; wrap any other with notifier.asgi(app)"
            )
        if getattr(app, "middleware_stack", None) is not None:
            raise RuntimeError("instrument(app) comes before the application starts")
        wrap_application(app, self, isolate=self._isolate)
        return app

    def asgi(self, app: App) -> Middleware:
        """Wraps any ASGI application in the middleware."""
        self.reporting.watched.add("the requests of an ASGI application")
        return Middleware(app, self, isolate=self._isolate)

    @overload
    def task(self, function: Callable[P, R], /) -> Callable[P, R]: ...
    @overload
    def task(
        self,
        *,
        retries: int = 0,
        backoff: Backoff = BASE,
        retry_on: RetryOn = Exception,
        timeout: float | None = None,
        severity: str = "error",
        alert: Alert = "after_final_failure",
        store_args: bool = False,
        replay: bool = False,
        key: Callable[..., str] | None = None,
        name: str | None = None,
    ) -> Callable[[Callable[P, R]], Callable[P, R]]: ...
    def task(self, *functions: Callable[..., Any], **given: Any) -> Any:
        """Tracks a function's calls, retries them, and reports the final failure.

        Works for `async def` and `def`, through `BackgroundTasks`, `await`, `asyncio.create_task` or a plain call.
        The last attempt's exception is raised as without the decorator. `timeout` is in seconds for each attempt; a
        plain function that exceeds it is not retried, because its thread may still run. `key` names a call, so that a
        later success with the same key recovers an earlier failure. `replay=True` allows people to run a failed call
        again from the service, and needs `store_args=True`.
        """
        if functions:
            return self._declared(functions[0], given)
        return lambda function: self._declared(function, given)

    def report(
        self,
        error: BaseException | None = None,
        *,
        severity: str = "error",
        message: str | None = None,
        labels: Mapping[str, object] | None = None,
        context: Mapping[str, object] | None = None,
        fingerprint: Sequence[str] | None = None,
        links: Sequence[Mapping[str, str]] = (),
    ) -> str | None:
        """Reports an exception, by default the one being handled. Returns the event's id, None if it is not reported.

        Within one request or task run the same exception object is reported once. Never raises or blocks.
        """
        try:
            error = error if error is not None else sys.exception()
            if error is None and message is None:
                message = "report() was called, and nothing had been raised"
            details = ReportDetails(
                severity=severity, message=message, labels={} if labels is None else labels,
                context={} if context is None else context,
                fingerprint=fingerprint, links=links, checked=False,
            )  # fmt: skip
            return self.reporting.capture(error, details)
        except RecursionError:
            return None  # no room on the stack for another call

    def message(
        self,
        text: str,
        *,
        severity: str = "info",
        labels: Mapping[str, object] | None = None,
        context: Mapping[str, object] | None = None,
        fingerprint: Sequence[str] | None = None,
        links: Sequence[Mapping[str, str]] = (),
    ) -> str | None:
        """Reports something that is no exception. Returns the event's id. Never raises or blocks."""
        try:
            details = ReportDetails(
                severity=severity, message=text, labels={} if labels is None else labels,
                context={} if context is None else context, fingerprint=fingerprint,
                links=links, checked=False,
            )  # fmt: skip
            return self.reporting.capture(None, details)
        except RecursionError:
            return None  # as above

    def context(self, **values: object) -> AbstractContextManager[None]:
        """`with notifier.context(order_id=42):` adds values to all reports within the block."""
        return context.adding_values(values)

    def run(self, id_: str) -> Run | None:
        """A run of this process, or None. The last 10,000 finished ones are kept."""
        return self.tracker.runs.get(id_)

    @functools.cached_property
    def router(self) -> APIRouter:
        """`app.include_router(notifier.router)` serves `GET /tasks/{id}`. Needs FastAPI."""
        from notifier.client.fastapi import status_router  # noqa: PLC0415 - only where FastAPI is

        return status_router(self.tracker)

    def track(
        self,
        name: str,
        *,
        id_: str | None = None,
        attempt: int = 1,
        max_attempts: int | None = 1,
        queued_at: float | None = None,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        **options: Unpack[TrackOptions],
    ) -> Tracked:
        """Tracks a run that is executed by something else, such as a queue's worker. Nothing is sent until it begins.

        `max_attempts` is None if there is no limit. `queued_at` is in seconds since the epoch.
        """
        return self.tracker.track(
            name, id_=id_, attempt=attempt, max_attempts=max_attempts, queued_at=queued_at, args=args,
            kwargs=kwargs or {}, **options,
        )  # fmt: skip

    def logging_handler(self, level: int = logging.ERROR) -> logging.Handler:
        """`logging.getLogger().addHandler(notifier.logging_handler())` reports records from that level on."""
        return logs.Handler(self.reporting, level)

    def install_excepthook(self) -> None:
        """Reports exceptions that end this process or one of its threads. Existing hooks still run."""
        hooks.install_excepthook(self.reporting)

    def install_asyncio_handler(self, loop: asyncio.AbstractEventLoop | None = None) -> None:
        """Reports exceptions that no coroutine retrieved. The loop's existing handler still runs."""
        hooks.install_asyncio_handler(self.reporting, loop or asyncio.get_running_loop())

    def flush(self, timeout: float = 2.0) -> bool:
        """Waits until everything has been sent, at most `timeout` seconds. Returns whether it has. Blocks."""
        self.reporting.release_all()
        return self.transport.flush(timeout)

    def counts(self) -> Counts:
        """Counts of all reports: `captured == sent + spooled + sum(dropped.values())`."""
        return self.transport.counts()

    def diagnose(self, *, test: bool = True, timeout: float = 5.0) -> Diagnosis:
        """Checks the settings and their origins, whether the service accepts the key, and the counts of reports.

        `test` sends a test report, which is stored and notifies nobody. `print(notifier.diagnose())` shows the
        result. Blocks.
        """
        from notifier.client import diagnosis  # noqa: PLC0415 - rarely called

        return diagnosis.of(self, test=test, timeout=timeout)

    def close(self, timeout: float = 2.0) -> None:
        """Flushes and stops. What has not been sent by then stays in the spool for the next process. Blocks."""
        self.reporting.release_all()
        self.transport.close(timeout)

    # Used by the middleware.

    def serving(self, loop: asyncio.AbstractEventLoop) -> None:
        """Called when the application starts: replays run on its event loop."""
        self.replays.loop = loop
        self.transport.beat()

    def abandon(self, runs: Iterable[Run]) -> None:
        """Marks the runs of a finished request that never began as lost."""
        self.tracker.abandon(runs)

    def _source(self) -> Source:
        return Source(
            service=self.options.service,
            prepare=lambda event: finish.event(event, self.options),
            prepare_run=finish.run,
            running=lambda: [run.id for run in self.tracker.runs.unfinished()],
            tasks=self.replays.names,
            replay=self.replays.start,
            # With `before_send`, an event stays in memory until it has been called.
            rough=None if self.options.before_send else finish.rough,
        )

    def _own_transport(self, spool: str | Path | bool | None) -> Transport:
        """Memory under pytest, none without a URL or a key, else the service."""
        if not self._waits:
            from notifier.client.testing import MemoryTransport  # noqa: PLC0415 - only needed in tests

            return MemoryTransport()
        if self.options.url is None or self.options.key is None:
            return NullTransport()
        from notifier.client.dispatch import HttpTransport  # noqa: PLC0415 - imported only if something is sent

        return HttpTransport(self.options.url, self.options.key, spool=spool)

    def _declared(self, function: Callable[..., Any], given: dict[str, Any]) -> Callable[..., Any]:
        task = definition.describe(function, **given)
        self.replays.register(task)
        return self.tracker.decorated(function, task)


def _interrupt(reference: weakref.ref[Notifier]) -> None:
    """Marks unfinished runs as interrupted at the end of the process."""
    notifier = reference()
    if notifier is not None:
        notifier.reporting.release_all()
        notifier.tracker.interrupt()


def _reset_after_fork() -> None:
    """Forgets the parent's reports and runs in a forked child."""
    for notifier in all_notifiers:
        notifier.reporting.reset_after_fork()
        notifier.tracker.reset_after_fork()


if hasattr(os, "register_at_fork"):  # pragma: no branch - not on Windows
    os.register_at_fork(after_in_child=_reset_after_fork)
