"""Executes a task: attempts, retries, and their reports."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import random
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from types import AsyncGeneratorType, CoroutineType, GeneratorType
from typing import Any, Final, Protocol

from notifier.client.capture import base_exceptions, durability, events, json_safe
from notifier.client.capture.context import TaskAttempt
from notifier.client.capture.events import ReportDetails
from notifier.client.capture.reporting import Reporting
from notifier.client.options import log
from notifier.client.tasks.definition import Overrun, TaskDefinition
from notifier.client.tasks.runs import LostReason, Run

_YIELDING: Final = frozenset({GeneratorType, AsyncGeneratorType})
_VALUES: Final = frozenset({type(None), bool, int, float, str, bytes, dict, list, tuple})


class RunListener(Protocol):
    """The owner of an execution: it reports failures, and is called on each change of the run."""

    @property
    def waits_between_retries(self) -> bool: ...
    @property
    def reporting(self) -> Reporting: ...
    def changed(self, run: Run) -> None: ...


class Execution:
    """The lifecycle of one run, whatever executes it. `discards` is true if nothing uses the result."""

    __slots__ = ("args", "attempt", "discards", "kwargs", "listener", "reporting", "run", "task")

    def __init__(
        self,
        listener: RunListener,
        task: TaskDefinition,
        run: Run,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
    ) -> None:
        self.listener = listener
        self.reporting = listener.reporting
        self.args = args
        self.kwargs = kwargs
        self.task = task
        self.run = run
        self.discards = False
        self.attempt = TaskAttempt(run)

    def begin(self) -> None:
        self.run.begin()
        self.listener.changed(self.run)

    def completed(self, result: object) -> None:
        self.run.end("completed", result=result)
        self.listener.changed(self.run)

    def check_result(self, result: object) -> None:
        """Raises `TypeError` if the result is an unstarted coroutine or generator that nothing will run."""
        if self.discards and type(result) in _YIELDING:
            raise TypeError(
                "a task is a function or a coroutine function; this one answered with a generator"
            )

    def failed(self, error: Exception) -> float | None:
        """Records and reports a failed attempt. Returns the seconds until the next one, None if there is none."""
        try:
            wait = self.task.next_wait(self.run.attempt, error, jitter=random.uniform(-1, 1))  # noqa: S311 - spreads retries
        except Exception:  # noqa: BLE001 - the application's own functions
            log.exception("retry_on or backoff of %s failed, so that it is not retried", self.task.name)
            wait = None
        self.report_failure(error, final=wait is None)
        return wait if wait is None or self.listener.waits_between_retries else 0.0

    def report_failure(self, error: BaseException, *, final: bool) -> None:
        """Reports a failure according to the task's options. `final` is false if the run is retried."""
        reported, event_id = self.reporting.find_mark(error)
        if self.task.alert == "every_failure" or (final and self.task.alert != "never"):
            event_id = event_id if reported else self.reporting.capture(error, self._details())
        else:
            self.reporting.suppress(error)
        if final:
            self.reporting.mark(error, event_id)

    def end_attempt(self, error: BaseException, *, final: bool) -> None:
        """Records the end of an attempt, after its report is safe."""
        self.run.end("failed" if final else "retrying", error=events.error_document(error))
        self.listener.changed(self.run)

    def fail(self, error: BaseException, *, final: bool) -> None:
        """Reports and records a failed attempt, blocking the attempt's thread."""
        self.report_failure(error, final=final)
        if final:
            durability.wait(self.reporting.transport)
        self.end_attempt(error, final=final)

    def lost(self, why: BaseException | LostReason) -> None:
        if isinstance(why, BaseException):
            why = "cancelled" if isinstance(why, asyncio.CancelledError) else "interrupted"
        if not self.run.done:
            self.run.lose(why)
            self.listener.changed(self.run)

    def interrupted(self, error: BaseException) -> None:
        """Handles an exception outside of `Exception`, which ends the run without a retry."""
        if self.run.done:
            return
        if base_exceptions.is_failure(error):
            self.fail(error, final=True)
        else:
            self.lost(error)

    def _details(self) -> ReportDetails:
        arguments = self.run.arguments or json_safe.arguments(self.args, self.kwargs)
        return ReportDetails(
            severity=self.task.severity, task=self.attempt.reference(), context={"arguments": arguments}
        )


async def run_async(
    execution: Execution,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    begun: Awaitable[Any] | None = None,
) -> Any:
    """Runs a coroutine function with its retries. Raises the last attempt's exception.

    `begun` is the awaitable that the first attempt has returned already.
    """
    task = execution.task
    outer = execution.attempt.enter()
    try:
        while True:
            if begun is None:
                execution.begin()
            try:
                result, begun = begun or task.function(*args, **kwargs), None
                while True:
                    result = await (result if task.timeout is None else _with_timeout(task.timeout, result))
                    # A wrapper that only returned a coroutine has not run anything yet.
                    if type(result) is not CoroutineType:
                        break
                execution.check_result(result)
            except Exception as error:
                wait = execution.failed(error)
                if wait is None:
                    await durability.wait_async(execution.reporting.transport)
                execution.end_attempt(error, final=wait is None)
                if wait is None:
                    raise
            else:
                execution.completed(result)
                return result
            await asyncio.sleep(wait)
    except BaseException as ended:
        execution.interrupted(ended)
        raise
    finally:
        execution.attempt.leave(outer)


def run_sync(execution: Execution, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """Runs a plain function with its retries, in the calling thread.

    A function may return an unstarted awaitable, as a lambda around a coroutine function or a lazy query does. It is
    awaited on the event loop that waits for this thread, else it is returned to the caller.
    """
    task = execution.task
    outer = execution.attempt.enter()
    try:
        while True:
            execution.begin()
            try:
                if task.timeout is None:
                    result = task.function(*args, **kwargs)
                else:
                    result = _in_thread(task.timeout, lambda: task.function(*args, **kwargs))
                execution.check_result(result)
            except Exception as error:
                wait = execution.failed(error)
                if wait is None:
                    durability.wait(execution.reporting.transport)
                execution.end_attempt(error, final=wait is None)
                if wait is None:
                    raise
            else:
                if _is_awaitable(type(result)):
                    return _run_coroutine(run_async(execution, args, kwargs, result))
                execution.completed(result)
                return result
            time.sleep(wait)
    except BaseException as ended:
        execution.interrupted(ended)
        raise
    finally:
        execution.attempt.leave(outer)


def _is_awaitable(kind: type) -> bool:
    """Whether the type is awaitable. The object is not asked, because it may run code. Futures run by themselves."""
    if kind is CoroutineType or kind in _VALUES:
        return kind is CoroutineType
    mro = type.__getattribute__(kind, "__mro__")
    return asyncio.Future not in mro and any("__await__" in type.__getattribute__(k, "__dict__") for k in mro)


def _run_coroutine(call: Coroutine[Any, Any, Any]) -> Any:
    """The coroutine's result if an event loop waits for this thread, else the coroutine for the caller to await."""
    workers = base_exceptions.worker_threads()
    if workers is None or not base_exceptions.in_worker_thread():
        return call
    return workers.run(lambda: call)


async def _with_timeout(seconds: float, call: Awaitable[Any]) -> Any:
    try:
        async with asyncio.timeout(seconds) as limit:
            return await call
    except TimeoutError as error:
        if limit.expired() and not error.args:
            error.args = (f"it did not end within {seconds:g} s",)
        raise


def _in_thread(seconds: float, call: Callable[[], Any]) -> Any:
    """Calls in a thread and waits that long. Threads cannot be stopped: `Overrun` leaves it running."""
    future: concurrent.futures.Future[Any] = concurrent.futures.Future()
    inner = contextvars.copy_context()

    def work() -> None:
        try:
            future.set_result(inner.run(call))
        except BaseException as error:  # noqa: BLE001 - raised again in the waiting thread
            future.set_exception(error)

    threading.Thread(target=work, name="notifier-task", daemon=True).start()
    try:
        return future.result(seconds)
    except TimeoutError:
        if future.done():
            raise
        raise Overrun(f"it did not end within {seconds:g} s, and its thread may still run") from None
