"""The notifier of one application: where everything that reports comes together."""

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
from notifier.client.capture.middleware import App, Middleware, surround
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
"""Every notifier of this process, for tests that look at what they captured."""


class Notifier:
    """Reports the failures of one application, and tracks its tasks.

    `url` and `key` are the service's, else `NOTIFIER_URL` and `NOTIFIER_KEY` (or `NOTIFIER_KEY_FILE`); without them
    nothing is sent. `spool` is the folder that keeps what the service has not taken yet, False for none. `before_send`
    sees each event as it would leave, and changes it, or answers None to keep it back. `ignore` are exception classes
    (or their names) that are no failures. `in_app` are the packages whose frames are the application's own wherever
    they are installed, by default the one that makes the notifier. Under pytest nothing is sent and no retry waits,
    unless `send_in_tests`.
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
        # After the transport's own, so that it runs before it.
        atexit.register(_interrupt, weakref.ref(self))

    def instrument(self, app: A) -> A:
        """Add the middleware to a FastAPI or Starlette application, before it starts; the application itself.

        Every error of a request that nobody handled is reported, an `HTTPException` of 500 or more that something led
        to, and every failure of a background task; of middleware that is added later, too.
        """
        if not hasattr(app, "build_middleware_stack"):
            raise TypeError(
                "instrument() takes a FastAPI or Starlette application; wrap any other with notifier.asgi(app)"
            )
        if getattr(app, "middleware_stack", None) is not None:
            raise RuntimeError("instrument(app) comes before the application starts")
        surround(app, self, isolate=self._isolate)
        return app

    def asgi(self, app: App) -> Middleware:
        """Any ASGI application with the middleware around it."""
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
        """Track a function's calls, retry them, and report what fails in the end.

        Works for `async def` and `def`, through `BackgroundTasks`, `await`, `asyncio.create_task` or a plain call. The
        last attempt's exception is raised as if the decorator were not there. `timeout` is in seconds for each
        attempt; a plain function that overruns is not retried, since its thread may still run. `key` names a call, so
        that a later success of the same key recovers an earlier failure. `replay=True` lets a person run a failed call
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
        """Report an exception, by default the one being handled; the event's id, None where it is not reported.

        In one request or task run, the same exception object is reported once, whoever sees it again. Never raises,
        blocks or waits.
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
            return None  # not even one more call fits on the stack

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
        """Report something that is no exception; the event's id. Never raises, blocks or waits."""
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
        """`with notifier.context(order_id=42):` every report from within carries it."""
        return context.added(values)

    def run(self, id_: str) -> Run | None:
        """A run of this process; the last 10,000 finished ones are remembered."""
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
        """A run that somebody else drives, such as a queue's worker; nothing is told until it begins.

        `max_attempts` None: without end. `queued_at` is in seconds since the epoch.
        """
        return self.tracker.track(
            name, id_=id_, attempt=attempt, max_attempts=max_attempts, queued_at=queued_at, args=args,
            kwargs=kwargs or {}, **options,
        )  # fmt: skip

    def logging_handler(self, level: int = logging.ERROR) -> logging.Handler:
        """`logging.getLogger().addHandler(notifier.logging_handler())` reports what is logged from that level on."""
        return logs.Handler(self.reporting, level)

    def install_excepthook(self) -> None:
        """Report what ends this process or one of its threads; the hooks that were there still run."""
        hooks.install_excepthook(self.reporting)

    def install_asyncio_handler(self, loop: asyncio.AbstractEventLoop | None = None) -> None:
        """Report what no coroutine retrieved; the loop's handler that was there still runs."""
        hooks.install_asyncio_handler(self.reporting, loop or asyncio.get_running_loop())

    def flush(self, timeout: float = 2.0) -> bool:
        """Wait until everything has left, at most `timeout` seconds; whether it has. Blocks."""
        self.reporting.release_all()
        return self.transport.flush(timeout)

    def counts(self) -> Counts:
        """Counts of all reports: `captured == sent + spooled + sum(dropped.values())`."""
        return self.transport.counts()

    def diagnose(self, *, test: bool = True, timeout: float = 5.0) -> Diagnosis:
        """A diagnosis: the settings and their origins, whether the service takes the key, what became of all reports.

        `test` sends one more, which is stored and told to nobody. `print(notifier.diagnose())` is for people. Blocks.
        """
        from notifier.client import diagnosis  # noqa: PLC0415 - hardly ever asked

        return diagnosis.of(self, test=test, timeout=timeout)

    def close(self, timeout: float = 2.0) -> None:
        """`flush`, and stop; what has not left by then stays in the spool for the next process. Blocks."""
        self.reporting.release_all()
        self.transport.close(timeout)

    # What the middleware asks of it.

    def serving(self, loop: asyncio.AbstractEventLoop) -> None:
        """The application serves: replays run on its loop."""
        self.replays.loop = loop
        self.transport.beat()

    def abandon(self, runs: Iterable[Run]) -> None:
        """A request is over: the runs that it scheduled and that never began are lost."""
        self.tracker.abandon(runs)

    def _source(self) -> Source:
        return Source(
            service=self.options.service,
            prepare=lambda event: finish.event(event, self.options),
            prepare_run=finish.run,
            running=lambda: [run.id for run in self.tracker.runs.unfinished()],
            tasks=self.replays.names,
            replay=self.replays.start,
            # What `before_send` has not seen is nowhere but in memory.
            rough=None if self.options.before_send else finish.rough,
        )

    def _own_transport(self, spool: str | Path | bool | None) -> Transport:
        """Memory under pytest, nothing without an address or a key, else the service."""
        if not self._waits:
            from notifier.client.testing import MemoryTransport  # noqa: PLC0415 - tests alone need it

            return MemoryTransport()
        if self.options.url is None or self.options.key is None:
            return NullTransport()
        from notifier.client.dispatch import HttpTransport  # noqa: PLC0415 - where nothing is sent, it costs nothing

        return HttpTransport(self.options.url, self.options.key, spool=spool)

    def _declared(self, function: Callable[..., Any], given: dict[str, Any]) -> Callable[..., Any]:
        task = definition.describe(function, **given)
        self.replays.offer(task)
        return self.tracker.decorated(function, task)


def _interrupt(reference: weakref.ref[Notifier]) -> None:
    """The process ends: what has not ended by now never will."""
    notifier = reference()
    if notifier is not None:
        notifier.reporting.release_all()
        notifier.tracker.interrupt()


def _reset_after_fork() -> None:
    """A forked child reports nothing of its parent's, and runs none of its parent's runs."""
    for notifier in all_notifiers:
        notifier.reporting.reset_after_fork()
        notifier.tracker.reset_after_fork()


if hasattr(os, "register_at_fork"):  # pragma: no branch - not on Windows
    os.register_at_fork(after_in_child=_reset_after_fork)
