"""Tracks task runs: executed here, or by a queue's worker with its own retries."""

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
    """Options of a queue integration, as in `Notifier.task`."""

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
    """The runs of one notifier, whose changes it sends to the service.

    `waits_between_retries` is False in tests, where retries follow at once. `declared` counts the decorated tasks.
    """

    def __init__(self, reporting: Reporting, *, waits_between_retries: bool) -> None:
        self.reporting = reporting
        self.transport = reporting.transport
        self.waits_between_retries = waits_between_retries
        self.runs = RunRegistry()
        self.declared = 0
        self._service, self._environment = reporting.options.service, reporting.options.environment

    def changed(self, run: Run) -> None:
        """Sends the current state of a run."""
        if run.done:
            self.runs.finish(run)
        self.transport.run(cast("Document", run.change(self._service, self._environment)))

    def register(self, run: Run) -> None:
        """Adds a run that begins later in this process, and sends it."""
        self.adopt(run)
        self.changed(run)

    def adopt(self, run: Run) -> None:
        """Takes ownership of the run: if the process dies, the run is lost."""
        self.runs.add(run)
        self.transport.beat()

    def release(self, run: Run) -> None:
        """Gives up ownership of a run that is back in its queue, where any process may take it."""
        self.runs.release(run)

    def abandon(self, runs: Iterable[Run]) -> None:
        """Marks the runs of a finished request that never began as lost."""
        for run in runs:
            if run.waits and not run.done:
                run.lose("dropped")
                self.changed(run)

    def interrupt(self) -> None:
        """Marks all unfinished runs as lost at the end of the process."""
        for run in self.runs.unfinished():
            run.lose("interrupted")
            self.changed(run)

    def reset_after_fork(self) -> None:
        """Forgets the parent's runs in a forked child."""
        self.runs = RunRegistry()

    def decorated(self, function: Callable[..., Any], task: TaskDefinition) -> Callable[..., Any]:
        """Wraps a function so that each call is a run of the task."""
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
        """A function that executes this run, a coroutine function if the task's function is one."""
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
        """A run that a queue's worker executes; see `Notifier.track`."""
        task = TaskDefinition(
            name=name[:NAME_CHARS], function=definition.placeholder, is_async=False, **options
        )
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
        """Within the block, the next call of this run's task is counted as this run."""
        return _expecting(run)


class Tracked:
    """A run executed elsewhere: `queued` when it is sent, then `processing` and a result for each attempt.

    Attempts may be in different processes, each with its own `Tracked` for the same id. A queued run belongs to no
    process, so that it is not lost with its previous one.
    """

    def __init__(self, tracker: RunTracker, run_execution: Execution) -> None:
        self._tracker = tracker
        self._execution = run_execution
        self._outer: TaskAttempt | None = None

    @property
    def run(self) -> Run:
        return self._execution.run

    def queued(self) -> None:
        """Records that the run was sent, and waits for a worker."""
        if self._tracker.runs.get(self.run.id) is not None:
            return  # a worker in this process was faster
        self.run.queued = True
        self._tracker.changed(self.run)

    def processing(self, attempt: int | None = None) -> None:
        """Starts an attempt, the next one or the given number. Failures logged within it are reported at its end."""
        run = self.run
        if attempt is not None:
            run.attempt, run.waits = attempt, True
        run.queued = False
        self._tracker.adopt(run)
        self._execution.begin()
        self._outer = self._execution.attempt.enter()

    def retrying(self, error: BaseException) -> None:
        """Records a failed attempt that the queue will retry."""
        self.run.queued = True
        self._execution.fail(error, final=False)
        self._tracker.release(self.run)
        self._leave()

    def completed(self, result: object = None) -> None:
        self._execution.completed(result)
        self._leave()

    def failed(self, error: BaseException, *, expected: bool = False) -> None:
        """Records the final failure. An `expected` error, declared by its task, is not reported."""
        if expected:
            self._tracker.reporting.mark(error, None)
        self._execution.fail(error, final=True)
        self._leave()

    def lost(self, reason: LostReason = "cancelled") -> None:
        """Records that the run was taken away before it ended."""
        self._execution.lost(reason)
        self._leave()

    def _leave(self) -> None:
        self._execution.attempt.leave(self._outer)
