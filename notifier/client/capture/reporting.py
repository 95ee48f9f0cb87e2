"""Reports each failure once, and never disturbs the application."""

from __future__ import annotations

import random
from _thread import LockType, allocate_lock, start_new_thread
from collections.abc import Callable
from contextlib import suppress
from contextvars import copy_context
from dataclasses import replace
from typing import TYPE_CHECKING, Final, cast

from notifier.client.capture import context, events, exception_parts, json_safe, report_arguments, reported
from notifier.client.capture.events import ReportDetails
from notifier.client.capture.pending_logs import PendingLog, PendingLogs
from notifier.client.capture.reentrancy import guarded, here, in_client_code
from notifier.client.options import Ignored, Options, log
from notifier.client.transport import NullTransport, Transport

if TYPE_CHECKING:
    from notifier.client.documents import CapturedEvent
    from notifier.client.transport import Document

THREAD_TIMEOUT_S: Final = 1.0


class Reporting:
    """Turns exceptions, log records and messages into events, and passes them to the transport.

    `watched` describes what is reported automatically, for `Notifier.diagnose`.
    """

    def __init__(self, options: Options, transport: Transport) -> None:
        self.options = options
        self.transport = transport
        self.watched: set[str] = set()
        self._pending = PendingLogs(self._release)
        # Identifies this notifier's marks. Unlike `id()`, it is not reused after the notifier is gone.
        self._owner = object()

    def mark(self, error: BaseException, event_id: str | None) -> None:
        """Marks the failure as handled by this notifier. Others may still report it."""
        reported.mark(error, event_id, self._owner)

    def find_mark(self, error: BaseException) -> tuple[bool, str | None]:
        """Whether this notifier has handled the exception, and the id of its report."""
        return reported.find_mark(error, self._owner)

    def capture(self, error: BaseException | None, details: ReportDetails) -> str | None:
        """Reports a failure once, and returns its event's id. Never raises.

        If the stack is exhausted the report is made in another thread.
        """
        result: list[str | None] = []
        if here.depth:
            return None
        try:
            self._report(error, details, result)
        except RecursionError:
            # From here on no Python function is called, because the stack has no room for its frame.
            try:
                done = allocate_lock()
                done.acquire()
                start_new_thread(copy_context().run, (self._report_in_thread, error, details, result, done))
                done.acquire(timeout=THREAD_TIMEOUT_S)
            except RuntimeError:
                return None
        return result[0] if result else None

    def _report(self, error: BaseException | None, details: ReportDetails, result: list[str | None]) -> None:
        try:
            with guarded():
                result.append(self._captured(error, details))
        except RecursionError:
            raise
        except Exception:  # noqa: BLE001 - the edge between the client and what it watches
            self.transport.drop("unreadable")
            _log_error()

    def _report_in_thread(
        self, error: BaseException | None, details: ReportDetails, result: list[str | None], done: LockType
    ) -> None:
        try:
            _logging_errors(lambda: self._report(error, details, result))
        finally:
            done.release()

    def logged(self, error: BaseException, details: ReportDetails) -> None:
        """Handles a logged exception. If it may be raised further, the report is delayed."""
        within = context.attempt.get() is not None or context.request.get(None) is not None
        if not within:
            self.capture(error, details)
        elif not in_client_code():
            _logging_errors(lambda: self._hold(error, details))

    def mentioned(self, error: BaseException, details: ReportDetails) -> None:
        """Handles a record that mentions an exception in its text. If that is raised too, both are one failure."""
        if (
            not in_client_code()
            and not self.find_mark(error)[0]
            and not isinstance(self.transport, NullTransport)
        ):
            _logging_errors(lambda: self._pending.add(error, self._event(details, None), text_only=True))

    def suppress(self, error: BaseException) -> None:
        """Prevents a report of this failure, however often it was logged."""
        self._pending.claim(error)

    def release_all(self) -> None:
        """Reports all delayed logs now."""
        self._pending.release_all()

    def reset_after_fork(self) -> None:
        """Discards the parent's delayed logs in a forked child."""
        self._pending = PendingLogs(self._release)

    def _captured(self, error: BaseException | None, details: ReportDetails) -> str | None:
        if not details.checked:
            error, details = report_arguments.validated(error, details)
        if error is None:
            return self._send(None, details)
        error = reported.unwrap(error)
        reported_before, event_id = self.find_mark(error)
        if reported_before:
            return event_id
        logged = self._pending.claim(error)
        if logged is not None:
            details = _with_words(details, logged)
        event_id = self._send(error, details)
        self.mark(error, event_id)
        return event_id

    def _send(self, error: BaseException | None, details: ReportDetails) -> str | None:
        """Sends an event and returns its id. None if the options exclude it."""
        if isinstance(self.transport, NullTransport):
            return None
        reason = self._drop_reason(error)
        if reason is not None:
            self.transport.drop(reason)
            return None
        document = self._event(details, error)
        self.transport.event(cast("Document", document))
        return document["id"]

    def _event(self, details: ReportDetails, error: BaseException | None) -> CapturedEvent:
        return events.event(self.options, self._within(details), error)

    def _hold(self, error: BaseException, details: ReportDetails) -> None:
        if not self.find_mark(error)[0] and not isinstance(self.transport, NullTransport):
            self._pending.add(error, self._event(details, error))

    def _release(self, logged: PendingLog) -> None:
        """Sends a logged failure that no other report claimed."""
        if self.find_mark(logged.error)[0]:
            return
        reason = self._drop_reason(None if logged.text_only else logged.error)
        if reason is None:
            self.transport.event(cast("Document", logged.event))
        else:
            self.transport.drop(reason)
        if not logged.text_only:
            self.mark(logged.error, None if reason else logged.event["id"])

    def _within(self, details: ReportDetails) -> ReportDetails:
        """The details with the current task. Only the task's own failure refers to the run."""
        attempt = context.attempt.get()
        if details.task is not None or attempt is None:
            return details
        task = attempt.reference()
        return replace(
            details,
            task={
                "name": task["name"],
                "attempt": task["attempt"],
                "max_attempts": task["max_attempts"],
            },
            context={"task_run": task["id"], **details.context},
        )

    def _drop_reason(self, error: BaseException | None) -> str | None:
        if error is not None and any(_matches(error, ignored) for ignored in self.options.ignore):
            return "ignored"
        rate = self.options.sample_rate
        return "sampled" if rate < 1 and random.random() >= rate else None  # noqa: S311 - guards nothing


def _with_words(details: ReportDetails, logged: CapturedEvent) -> ReportDetails:
    """The details extended by what was logged with the failure. Request and run are those of the report."""
    values = {name: value for name, value in logged["context"].items() if name not in {"request", "task_run"}}
    return replace(
        details,
        message=details.message or logged.get("message"),
        context={**values, **details.context},
        # `logger.exception` sets the level by habit; only `critical` is a deliberate choice.
        severity="critical" if logged["severity"] == "critical" else details.severity,
    )


def _matches(error: BaseException, ignored: Ignored) -> bool:
    """Whether the error is of an ignored class, or a group of only such errors."""
    return exception_parts.all_match(lambda inner: _is_one(type(inner), ignored), error)


def _is_one(kind: type[BaseException], ignored: Ignored) -> bool:
    if isinstance(ignored, type):
        return issubclass(kind, ignored)
    names = map(json_safe.name_of, type.__getattribute__(kind, "__mro__"))
    return any(ignored in {name, name.rpartition(".")[2]} for name in names)


def _logging_errors(call: Callable[[], None]) -> None:
    """Runs `call`. An error of the client is logged and not raised."""
    try:
        with guarded():
            call()
    except Exception:  # noqa: BLE001 - the edge between the client and what it watches
        _log_error()


def _log_error() -> None:
    with suppress(Exception):  # the failure's text may raise too
        log.exception("a failure could not be reported")
