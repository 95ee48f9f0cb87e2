"""Conversion between task runs and rows, and conditions shared by several statements.

States are literals where a partial index has them in its condition, since SQLite does not use it for a parameter.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from notifier.domain.task_run import DeadLetterState, Replayable, RunState, TaskRun
from notifier.domain.time import Instant
from notifier.policy import runs
from notifier.store.json_rows import json_text, json_value
from notifier.store.schema import api_keys, task_runs

RunName = tuple[str, str]
"""Project and id."""


def _spelt(column: sa.ColumnElement[str], values: Iterable[str]) -> sa.ColumnElement[bool]:
    return column.in_([sa.literal_column(f"'{value}'") for value in values])


unfinished = _spelt(task_runs.c.state, ("pending", "processing", "retrying"))
waiting = task_runs.c.letter == sa.literal_column("'waiting'")


def of_project(project: str | None) -> sa.ColumnElement[bool]:
    """Whether a run belongs to this project, or to any if that is None.

    Keys of runs begin with the project, so that an id without one would be searched in the whole table. Every project
    is named by some API key, and revoked keys are kept.
    """
    if project is None:
        return task_runs.c.project.in_(sa.select(api_keys.c.project))
    return task_runs.c.project == project


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRunRow:
    """A row: the run, its state as a dead letter, and for a replay since when it waits for a process."""

    run: TaskRun
    dead_letter: DeadLetterState | None
    asked_at: Instant | None


def run_of(row: sa.Row[Any], *, incident_id: str | None = None) -> TaskRun:
    return TaskRun(
        project=row.project,
        id=row.id,
        task=row.task,
        service=row.service,
        environment=row.environment,
        state=RunState(row.state),
        attempt=row.attempt,
        max_attempts=row.max_attempts,
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        duration_ms=row.duration_ms,
        result=_decoded(row.result),
        error=_decoded(row.error),
        key=row.key,
        process=row.process,
        replay_of=row.replay_of,
        arguments=_decoded(row.arguments),
        replayable=Replayable(row.replayable),
        incident_id=incident_id,
    )


def row_of(row: sa.Row[Any]) -> TaskRunRow:
    return TaskRunRow(run=run_of(row), dead_letter=row.letter, asked_at=row.asked_at)


def cells(row: TaskRunRow) -> tuple[object, ...]:
    """The row's values in the order of the table's columns."""
    run = row.run
    values = {
        "project": run.project,
        "id": run.id,
        "task": run.task,
        "service": run.service,
        "environment": run.environment,
        "state": run.state.value,
        "rank": runs.rank(run),
        "attempt": run.attempt,
        "max_attempts": run.max_attempts,
        "created_at": run.created_at,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
        "duration_ms": run.duration_ms,
        "result": _text(run.result),
        "error": _text(run.error),
        "key": run.key,
        "process": run.process,
        "replay_of": run.replay_of,
        "arguments": _text(run.arguments),
        "replayable": run.replayable.value,
        "letter": row.dead_letter,
        "asked_at": row.asked_at,
    }
    return tuple(values[column.name] for column in task_runs.c)


def _text(value: object) -> str | None:
    return None if value is None else json_text(value)


def _decoded(document: str | None) -> Any:
    return None if document is None else json_value(document)
