"""Task runs, and those that are dead letters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from notifier.domain.task_run import DeadLetterState, RunState, TaskRun
from notifier.domain.time import Instant
from notifier.store.database import Dialect, Tx
from notifier.store.schema import incidents, run_incidents, task_runs
from notifier.store.task_run_rows import of_project, run_of, waiting
from notifier.store.views.paging import Page, PageKey, cut, earlier, unindexed


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSearch:
    """A search for task runs of one project."""

    project: str
    task: str | None = None
    state: RunState | None = None
    service: str | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStatus:
    """The state of a run, for decisions about it."""

    state: RunState
    dead_letter: DeadLetterState | None


def find_runs(tx: Tx, search: RunSearch, *, after: PageKey | None, limit: int) -> Page[TaskRun]:
    """Runs, newest first."""
    order = [task_runs.c.created_at, task_runs.c.id]
    query = _views().where(task_runs.c.project == search.project, earlier(order, after))
    for column, value in (
        (task_runs.c.task, search.task),
        (task_runs.c.state, None if search.state is None else search.state.value),
        (task_runs.c.service, search.service),
        (task_runs.c.key, search.key),
    ):
        if value is not None:
            query = query.where(column == value)
    rows = tx.run(query.order_by(*(column.desc() for column in order)).limit(limit + 1)).all()
    return cut(rows, limit, _view, lambda row: (row.created_at, row.id))


def task_run(tx: Tx, id_: str, *, project: str | None) -> TaskRun | None:
    """The run with this id, in this project or in any if that is None."""
    query = _views().where(of_project(project), task_runs.c.id == id_)
    row = tx.run(query.order_by(task_runs.c.project).limit(1)).one_or_none()
    return None if row is None else _view(row)


def dead_run_keys(
    tx: Tx, *, project: str, task: str | None, after: PageKey | None, limit: int
) -> Sequence[tuple[Instant, str]]:
    """The keys (time and id) of failed and lost runs that wait as dead letters, latest first."""
    order = [task_runs.c.finished_at, task_runs.c.id]
    query = sa.select(*order).where(task_runs.c.project == project, waiting, earlier(order, after))
    if task is not None:
        query = query.where(task_runs.c.task == task)
    rows = tx.run(query.order_by(*(column.desc() for column in order)).limit(limit))
    return [(row.finished_at, row.id) for row in rows]


def runs_named(tx: Tx, ids: Sequence[str], *, project: str) -> dict[str, TaskRun]:
    """The runs with these ids."""
    rows = tx.run(_views().where(task_runs.c.project == project, task_runs.c.id.in_(ids)))
    return {row.id: _view(row) for row in rows}


def runs_of_incident(tx: Tx, number: int, *, most: int) -> tuple[TaskRun, ...]:
    """The runs with events in this incident, at most `most`, latest first (ids are ordered by time)."""
    chosen = (
        sa.select(run_incidents.c.project, run_incidents.c.run)
        .where(run_incidents.c.incident == number)
        .order_by(run_incidents.c.run.desc())
        .limit(most)
        .subquery()
    )
    rows = tx.run(
        _views()
        .join(chosen, sa.and_(chosen.c.project == task_runs.c.project, chosen.c.run == task_runs.c.id))
        .order_by(task_runs.c.id.desc())
    )
    return tuple(_view(row) for row in rows)


def run_statuses(tx: Tx, ids: Sequence[str], *, project: str | None) -> dict[str, RunStatus]:
    """The states of those runs that exist."""
    columns = (task_runs.c.id, task_runs.c.state, task_runs.c.letter)
    query = sa.select(*columns).where(of_project(project), task_runs.c.id.in_(ids))
    return {row.id: RunStatus(state=RunState(row.state), dead_letter=row.letter) for row in tx.run(query)}


def dead_run_ids(
    tx: Tx, *, project: str, task: str, died_by: Instant, after: str | None, limit: int
) -> tuple[str, ...]:
    """Ids of a task's runs that had become dead letters by `died_by`, in that order."""
    query = sa.select(task_runs.c.id).where(
        task_runs.c.project == project, task_runs.c.task == task, waiting, task_runs.c.finished_at <= died_by
    )
    if after is not None:
        query = query.where(task_runs.c.id > after)
    return tuple(tx.run(query.order_by(task_runs.c.id).limit(limit)).scalars())


@dataclass(frozen=True, slots=True, kw_only=True)
class RunErrors:
    """The number of a task's runs that ended with one type of error, None for no error."""

    task: str
    type: str | None
    count: int


def run_errors(tx: Tx, *, project: str, task: str | None, since: Instant, most: int) -> tuple[RunErrors, ...]:
    """Errors of failed and lost runs created since `since`, most frequent first; of each state the latest `most`."""
    some = sa.union_all(
        *(
            sa.select(
                sa.select(task_runs.c.task, _error_type(tx.dialect).label("type"))
                .where(
                    task_runs.c.project == project,
                    task_runs.c.state == state.value,
                    # Uses the index of runs that are not completed, which requires exactly this condition.
                    task_runs.c.state != sa.literal_column("'completed'"),
                    task_runs.c.created_at >= since,
                    sa.true() if task is None else task_runs.c.task == task,
                )
                .order_by(task_runs.c.created_at.desc())
                .limit(most)
                .subquery()
            )
            for state in (RunState.FAILED, RunState.LOST)
        )
    ).subquery()
    n = sa.func.count().label("n")
    rows = tx.run(
        sa.select(some.c.task, some.c.type, n)
        .group_by(some.c.task, some.c.type)
        .order_by(n.desc(), some.c.task, some.c.type)
    )
    return tuple(RunErrors(task=row.task, type=row.type, count=row.n) for row in rows)


def _error_type(dialect: Dialect) -> sa.ColumnElement[str]:
    if dialect == "sqlite":
        return sa.func.json_extract(task_runs.c.error, "$.type", type_=sa.Text())
    value: sa.ColumnElement[str] = sa.cast(task_runs.c.error, JSONB)["type"].astext
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadRuns:
    """The number of one task's runs that wait as dead letters."""

    task: str
    count: int


def count_dead_runs(tx: Tx, *, project: str, most: int, task: str | None = None) -> tuple[DeadRuns, ...]:
    """Dead runs of a project by task, most first, or of one task; if there are more than `most`, a part of them."""
    # Dead letters are few compared with the runs of a task, which an index would lead to.
    own_task = sa.true() if task is None else unindexed(task_runs.c.task) == task
    own = (task_runs.c.project == project, waiting, own_task)
    some = sa.select(task_runs.c.task).where(*own).limit(most).subquery()
    n = sa.func.count().label("n")
    rows = tx.run(sa.select(some.c.task, n).group_by(some.c.task).order_by(n.desc(), some.c.task))
    return tuple(DeadRuns(task=row.task, count=row.n) for row in rows)


def _views() -> sa.Select[Any]:
    newest = (
        sa.select(incidents.c.id)
        .select_from(run_incidents.join(incidents, incidents.c.number == run_incidents.c.incident))
        .where(run_incidents.c.project == task_runs.c.project, run_incidents.c.run == task_runs.c.id)
        .order_by(run_incidents.c.incident.desc())
        .limit(1)
        .correlate(task_runs)
        .scalar_subquery()
    )
    return sa.select(task_runs, newest.label("incident_id"))


def _view(row: sa.Row[Any]) -> TaskRun:
    return run_of(row, incident_id=row.incident_id)
