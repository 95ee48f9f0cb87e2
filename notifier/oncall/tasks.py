"""Tasks: results of their runs, their errors, and dead letters."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from notifier.domain.time import Instant, parse_positive_duration
from notifier.oncall.dead_letters import MAX_COUNTED
from notifier.oncall.errors import Unreadable
from notifier.store import views
from notifier.store.database import Database, Tx
from notifier.store.views import RunErrors, TaskFigures

__all__ = ["SPANS", "RunErrors", "TaskFigures", "TaskSummary", "read"]

MAX_FAILURES = 1_000
"""The number of the latest failed runs, and of lost ones, whose errors are read."""
SPANS: Sequence[str] = ("1h", "24h", "7d", "14d")


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSummary:
    """One task in a span. `errors` are those of its latest failures, most frequent first. `dead` counts them all."""

    figures: TaskFigures
    errors: tuple[RunErrors, ...]
    dead: int


async def read(
    database: Database, *, project: str, since: str, task: str | None = None
) -> tuple[TaskSummary, ...]:
    """The tasks that ran within a duration, the busiest first, and all tasks with dead letters.

    With `task`, only that one.
    """
    if since not in SPANS:
        raise Unreadable("since", f"choose one of {', '.join(SPANS)}")

    def work(tx: Tx) -> tuple[TaskSummary, ...]:
        begin = tx.now - parse_positive_duration(since)
        return _summaries(
            views.task_figures(tx, project=project, since=begin, task=task),
            _by_task(tx, project, begin, task),
            {
                dead.task: dead.count
                for dead in views.count_dead_runs(tx, project=project, task=task, most=MAX_COUNTED)
            },
        )

    return await database.read(work)


def _by_task(tx: Tx, project: str, begin: Instant, task: str | None) -> Mapping[str, Sequence[RunErrors]]:
    errors = defaultdict(list)
    for each in views.run_errors(tx, project=project, task=task, since=begin, most=MAX_FAILURES):
        errors[each.task].append(each)
    return errors


def _summaries(
    figures: Sequence[TaskFigures], errors: Mapping[str, Sequence[RunErrors]], dead: Mapping[str, int]
) -> tuple[TaskSummary, ...]:
    ran = [
        TaskSummary(figures=each, errors=tuple(errors.get(each.task, ())), dead=dead.get(each.task, 0))
        for each in figures
    ]
    names = {each.task for each in figures}
    idle = [
        TaskSummary(
            figures=TaskFigures(
                task=task, runs=0, completed=0, failed=0, retries=0, p50_ms=None, p95_ms=None
            ),
            errors=(),
            dead=count,
        )
        for task, count in sorted(dead.items())
        if task not in names
    ]
    return (*ran, *idle)
