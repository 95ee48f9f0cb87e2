"""Running a task: attempts, retries, and what is said of each."""

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

from notifier.client.capture import endings, events, json_safe, settling
from notifier.client.capture.context import TaskAttempt
from notifier.client.capture.events import ReportDetails
from notifier.client.capture.reporting import Reporting
from notifier.client.options import log
from notifier.client.tasks.definition import Overrun, TaskDefinition
from notifier.client.tasks.runs import LostReason, Run

_YIELDING: Final = frozenset({GeneratorType, AsyncGeneratorType})
_VALUES: Final = frozenset({type(None), bool, int, float, str, bytes, dict, list, tuple})


class RunListener(Protocol):
    """The starter of an execution, as the execution knows it: it reports, and hears of each change of the run."""

    @property
    def waits_between_retries(self) -> bool: ...
    @property
    def reporting(self) -> Reporting: ...
    def changed(self, run: Run) -> None: ...


class Execution:
    """The life of one run, whoever drives it. `discards`: nobody takes the result."""

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

    def answered(self, result: object) -> None:
        """Raises `TypeError` where nothing has run yet, and nobody is there who would make it run."""
        if self.discards and type(result) in _YIELDING:
            raise TypeError(
                "a task is a function or a coroutine function; this one answered with a generator"
            )

    def failed(self, error: Exception) -> float | None:
        """An attempt failed, and that is told: seconds until the next one, None where there is none."""
        try:
            wait = self.task.next_wait(self.run.attempt, error, jitter=random.uniform(-1, 1))  # noqa: S311 - spreads retries
        except Exception:  # noqa: BLE001 - the application's own functions
            log.exception("retry_on or backoff of %s failed, so that it is not retried", self.task.name)
            wait = None
        self.tell(error, final=wait is None)
        return wait if wait is None or self.listener.waits_between_retries else 0.0

    def tell(self, error: BaseException, *, final: bool) -> None:
        """Say what is to be said of a failure that whoever drives this run retries, or not."""
        reported, event_id = self.reporting.marked(error)
        if self.task.alert == "every_failure" or (final and self.task.alert != "never"):
            event_id = event_id if reported else self.reporting.capture(error, self._details())
        else:
            self.reporting.forget(error)
        if final:
            self.reporting.mark(error, event_id)

    def over(self, error: BaseException, *, final: bool) -> None:
        """The attempt has ended, once what was told of it is safe."""
        self.run.end("failed" if final else "retrying", error=events.structured(error))
        self.listener.changed(self.run)

    def ended_badly(self, error: BaseException, *, final: bool) -> None:
        """All of it at once, in the thread of the attempt."""
        self.tell(error, final=final)
        if final:
            settling.wait(self.reporting.transport)
        self.over(error, final=final)

    def lost(self, why: BaseException | LostReason) -> None:
        if isinstance(why, BaseException):
            why = "cancelled" if isinstance(why, asyncio.CancelledError) else "interrupted"
        if not self.run.done:
            self.run.lose(why)
            self.listener.changed(self.run)

    def broken_off(self, error: BaseException) -> None:
        """An exception that is no `Exception` ended the run, which is not retried."""
        if self.run.done:
            return
        if endings.is_failure(error):
            self.ended_badly(error, final=True)
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
    """Run a coroutine function to its end, with its retries. Raises what its last attempt raised.

    `begun`: what the first attempt has answered already, and nobody has awaited.
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
                    result = await (result if task.timeout is None else _in_time(task.timeout, result))
                    # A wrapper that only makes the coroutine of what it wraps has done nothing yet.
                    if type(result) is not CoroutineType:
                        break
                execution.answered(result)
            except Exception as error:
                wait = execution.failed(error)
                if wait is None:
                    await settling.wait_async(execution.reporting.transport)
                execution.over(error, final=wait is None)
                if wait is None:
                    raise
            else:
                execution.completed(result)
                return result
            await asyncio.sleep(wait)
    except BaseException as ended:
        execution.broken_off(ended)
        raise
    finally:
        execution.attempt.leave(outer)


def run_sync(execution: Execution, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """The same for a plain function, in the thread that calls it.

    One that answers with a coroutine, as a lambda around a coroutine function does, or with a query that runs when it
    is awaited, has done nothing yet: it is awaited on the loop that waits for this thread, else by whoever called.
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
                execution.answered(result)
            except Exception as error:
                wait = execution.failed(error)
                if wait is None:
                    settling.wait(execution.reporting.transport)
                execution.over(error, final=wait is None)
                if wait is None:
                    raise
            else:
                if _wants_to_be_awaited(type(result)):
                    return _to_its_end(run_async(execution, args, kwargs, result))
                execution.completed(result)
                return result
            time.sleep(wait)
    except BaseException as ended:
        execution.broken_off(ended)
        raise
    finally:
        execution.attempt.leave(outer)


def _wants_to_be_awaited(kind: type) -> bool:
    """Not asked of the object itself, which may do anything. A future's work goes on without it."""
    if kind is CoroutineType or kind in _VALUES:
        return kind is CoroutineType
    mro = type.__getattribute__(kind, "__mro__")
    return asyncio.Future not in mro and any("__await__" in type.__getattribute__(k, "__dict__") for k in mro)


def _to_its_end(call: Coroutine[Any, Any, Any]) -> Any:
    """The coroutine's result, where a loop waits for this thread; else the coroutine, for whoever called to await."""
    workers = endings.worker_threads()
    if workers is None or not endings.in_worker_thread():
        return call
    return workers.run(lambda: call)


async def _in_time(seconds: float, call: Awaitable[Any]) -> Any:
    try:
        async with asyncio.timeout(seconds) as limit:
            return await call
    except TimeoutError as error:
        if limit.expired() and not error.args:
            error.args = (f"it did not end within {seconds:g} s",)
        raise


def _in_thread(seconds: float, call: Callable[[], Any]) -> Any:
    """Call in a thread of its own and wait that long. A thread cannot be stopped: `Overrun` leaves it running."""
    future: concurrent.futures.Future[Any] = concurrent.futures.Future()
    inner = contextvars.copy_context()

    def work() -> None:
        try:
            future.set_result(inner.run(call))
        except BaseException as error:  # noqa: BLE001 - it is raised where somebody waits for it
            future.set_exception(error)

    threading.Thread(target=work, name="notifier-task", daemon=True).start()
    try:
        return future.result(seconds)
    except TimeoutError:
        if future.done():
            raise
        raise Overrun(f"it did not end within {seconds:g} s, and its thread may still run") from None
