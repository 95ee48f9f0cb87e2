"""Runs of tasks: started here, or driven by a queue's worker that does its own retrying."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import Any, TypedDict, Unpack, cast

from notifier.client.capture.context import TaskAttempt
from notifier.client.capture.reporting import Reporting
from notifier.client.options import NAME_CHARS
from notifier.client.tasks import definition, execution
from notifier.client.tasks.definition import Alert, TaskDefinition
from notifier.client.tasks.execution import Execution
from notifier.client.tasks.runs import LostReason, Run, RunRegistry
from notifier.client.transport import Document


class TrackOptions(TypedDict, total=False):
    """Options of a queue's hook: as in `Notifier.task`."""

    severity: str
    alert: Alert
    store_args: bool


_awaited: ContextVar[Run | None] = ContextVar("notifier_awaited_run", default=None)


@contextmanager
def _expecting(run: Run) -> Iterator[None]:
    token = _awaited.set(run)
    try:
        yield
    finally:
        _awaited.reset(token)


class RunTracker:
    """The runs of one notifier, and their changes on the way to the service.

    `waits_between_retries` is False in a test run: a retry follows at once. `declared` counts the decorated tasks.
    """

    def __init__(self, reporting: Reporting, *, waits_between_retries: bool) -> None:
        self.reporting = reporting
        self.transport = reporting.transport
        self.waits_between_retries = waits_between_retries
        self.runs = RunRegistry()
        self.declared = 0
        self._service, self._environment = reporting.options.service, reporting.options.environment

    def changed(self, run: Run) -> None:
        """The service is told how this run stands."""
        if run.done:
            self.runs.finish(run)
        self.transport.run(cast("Document", run.change(self._service, self._environment)))

    def register(self, run: Run) -> None:
        """A run that begins later is this process's, and the service is told of it."""
        self.adopt(run)
        self.changed(run)

    def adopt(self, run: Run) -> None:
        """The run is this process's from now on: should the process die, the run is lost."""
        self.runs.add(run)
        self.transport.beat()

    def release(self, run: Run) -> None:
        """The run is back in its queue, and any process may take it next."""
        self.runs.release(run)

    def abandon(self, runs: Iterable[Run]) -> None:
        """A request is over: the runs that it scheduled and that never began are lost."""
        for run in runs:
            if run.waits and not run.done:
                run.lose("dropped")
                self.changed(run)

    def interrupt(self) -> None:
        """The process ends: every run that has not ended is lost."""
        for run in self.runs.unfinished():
            run.lose("interrupted")
            self.changed(run)

    def reset_after_fork(self) -> None:
        """A forked child runs none of its parent's runs."""
        self.runs = RunRegistry()

    def decorated(self, function: Callable[..., Any], task: TaskDefinition) -> Callable[..., Any]:
        """The function, each call of it a run of the task."""
        self.declared += 1
        if task.is_async:

            @functools.wraps(function)
            async def call_async(*args: Any, **kwargs: Any) -> Any:
                return await execution.run_async(self._execution(task, args, kwargs), args, kwargs)

            definition.attach(call_async, task)
            return call_async

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            return execution.run_sync(self._execution(task, args, kwargs), args, kwargs)

        definition.attach(call, task)
        return call

    def started(
        self, task: TaskDefinition, run: Run, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> Callable[[], Any]:
        """A function that executes this run: a coroutine function where the task's function is one."""
        steps = Execution(self, task, run, args, kwargs)
        steps.discards = True
        if task.is_async:

            async def start_async() -> Any:
                return await execution.run_async(steps, args, kwargs)

            definition.attach(start_async, task)
            return start_async

        def start_sync() -> Any:
            return execution.run_sync(steps, args, kwargs)

        definition.attach(start_sync, task)
        return start_sync

    def track(
        self,
        name: str,
        *,
        id_: str | None,
        attempt: int,
        max_attempts: int | None,
        queued_at: float | None,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        **options: Unpack[TrackOptions],
    ) -> Tracked:
        """A run that a queue's worker drives: `Notifier.track`."""
        task = TaskDefinition(name=name[:NAME_CHARS], function=definition.nothing, is_async=False, **options)
        run = task.new_run(tuple(args), kwargs)
        run.id = id_ or run.id
        run.attempt, run.max_attempts = attempt, max_attempts
        run.created_at = queued_at or run.created_at
        return Tracked(self, Execution(self, task, run, tuple(args), kwargs))

    def _execution(self, task: TaskDefinition, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Execution:
        run = _awaited.get()
        if run is None or run.task != task.name or not run.waits or run.done:
            run = task.new_run(args, kwargs)
        self.adopt(run)
        return Execution(self, task, run, args, kwargs)

    def expecting(self, run: Run) -> AbstractContextManager[None]:
        """The next call of this run's task within is this run's."""
        return _expecting(run)


class Tracked:
    """One run from outside: `queued` where it is sent, then for each attempt `processing` and how the attempt ended.

    Each attempt may be in another process, with a `Tracked` of its own for the same id: what waits in a queue is no
    process's, so that it is not lost with the process that had it last.
    """

    def __init__(self, tracker: RunTracker, run_execution: Execution) -> None:
        self._tracker = tracker
        self._execution = run_execution
        self._outer: TaskAttempt | None = None

    @property
    def run(self) -> Run:
        return self._execution.run

    def queued(self) -> None:
        """The run was sent, and waits for a worker."""
        if self._tracker.runs.get(self.run.id) is not None:
            return  # a worker in this very process was faster
        self.run.queued = True
        self._tracker.changed(self.run)

    def processing(self, attempt: int | None = None) -> None:
        """An attempt begins, the next one or that number; failures that are logged within it wait for its end."""
        run = self.run
        if attempt is not None:
            run.attempt, run.waits = attempt, True
        run.queued = False
        self._tracker.adopt(run)
        self._execution.begin()
        self._outer = self._execution.attempt.enter()

    def retrying(self, error: BaseException) -> None:
        """The attempt failed, and the queue will try again."""
        self.run.queued = True
        self._execution.ended_badly(error, final=False)
        self._tracker.release(self.run)
        self._leave()

    def completed(self, result: object = None) -> None:
        self._execution.completed(result)
        self._leave()

    def failed(self, error: BaseException, *, expected: bool = False) -> None:
        """The run failed for good. An error that its task declared to be `expected` is not reported."""
        if expected:
            self._tracker.reporting.mark(error, None)
        self._execution.ended_badly(error, final=True)
        self._leave()

    def lost(self, reason: LostReason = "cancelled") -> None:
        """The run was taken away before it ended."""
        self._execution.lost(reason)
        self._leave()

    def _leave(self) -> None:
        self._execution.attempt.leave(self._outer)
