"""A run that a queue's worker drives: it tells what happens, and does its own retrying."""

from __future__ import annotations

from typing import Protocol, TypedDict

from notifier.client.capture import context
from notifier.client.tasks.definition import Alert
from notifier.client.tasks.execution import Attempt, Execution
from notifier.client.tasks.runs import Reason, Run


class TrackOptions(TypedDict, total=False):
    """What a queue's hook may be told: as in `Notifier.task`."""

    severity: str
    alert: Alert
    store_args: bool


class Keeper(Protocol):
    """What a run needs of the notifier."""

    def run(self, id_: str) -> Run | None: ...
    def mark(self, error: BaseException, event_id: str | None) -> None: ...
    def changed(self, run: Run) -> None: ...
    def take(self, run: Run) -> None: ...
    def release(self, run: Run) -> None: ...


class Tracked:
    """One run from outside: `queued` where it is sent, then for each attempt `processing` and what becomes of it.

    Each attempt may be in another process, with a `Tracked` of its own for the same id: what waits in a queue is no
    process's, so that it is not lost with the one that had it last.
    """

    def __init__(self, keeper: Keeper, execution: Execution) -> None:
        self._keeper = keeper
        self._execution = execution
        self._outer: Attempt | None = None

    @property
    def run(self) -> Run:
        return self._execution.run

    def queued(self) -> None:
        """It was sent, and waits for a worker."""
        if self._keeper.run(self.run.id) is not None:
            return  # a worker in this very process was faster
        self.run.queued = True
        self._keeper.changed(self.run)

    def processing(self, attempt: int | None = None) -> None:
        """An attempt begins, the next one or that number; what is logged within it waits for its end."""
        run = self.run
        if attempt is not None:
            run.attempt, run.waits = attempt, True
        run.queued = False
        self._keeper.take(run)
        self._execution.begin()
        self._outer = self._execution.attempt.enter()

    def retrying(self, error: BaseException) -> None:
        """It failed, and the queue will try again."""
        self.run.queued = True
        self._execution.ended_badly(error, final=False)
        self._keeper.release(self.run)
        self._leave()

    def completed(self, result: object = None) -> None:
        self._execution.completed(result)
        self._leave()

    def failed(self, error: BaseException, *, expected: bool = False) -> None:
        """It failed for the last time. What its task declared to be `expected` is not reported."""
        if expected:
            self._keeper.mark(error, None)
        self._execution.ended_badly(error, final=True)
        self._leave()

    def lost(self, reason: Reason = "cancelled") -> None:
        """It was taken away before it ended."""
        self._execution.lost(reason)
        self._leave()

    def _leave(self) -> None:
        """The end may be told in another thread than the one it ran in."""
        if context.attempt.get() is self._execution.attempt:
            context.attempt.set(self._outer)
