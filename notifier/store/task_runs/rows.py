"""A task run as a row, and back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import msgspec
import sqlalchemy as sa

from notifier.domain.task_run import DeadLetterState, Replayable, RunState, TaskRun
from notifier.domain.time import Instant
from notifier.policy import runs
from notifier.store.database import Tx
from notifier.store.json_rows import json_text
from notifier.store.schema import task_runs

Name = tuple[str, str]
"""A run's project and id."""

_decode = msgspec.json.Decoder().decode
_LOCKS = 256
_ADVISORY = 0x6E7466


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """One row: the run, what it is as a dead letter, and since when it waits for a process, where it is a replay."""

    run: TaskRun
    letter: DeadLetterState | None
    asked_at: Instant | None


def stored(row: sa.Row[Any]) -> Stored:
    return Stored(run=run_of(row), letter=row.letter, asked_at=row.asked_at)


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
        result=_value(row.result),
        error=_value(row.error),
        key=row.key,
        process=row.process,
        replay_of=row.replay_of,
        arguments=_value(row.arguments),
        replayable=Replayable(row.replayable),
        incident_id=incident_id,
    )


def cells(one: Stored) -> tuple[object, ...]:
    """The row's values, in the order of the table's columns."""
    run = one.run
    row = {
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
        "letter": one.letter,
        "asked_at": one.asked_at,
    }
    return tuple(row[column.name] for column in task_runs.c)


def hold(tx: Tx, names: Iterable[tuple[str, ...]], *, shared: bool = False) -> None:
    """Until the commit, nobody else changes runs of these names, nor adds one: there is no row yet to lock.

    SQLite has one writer. On PostgreSQL a name is one of a few locks, for a server has only so many.
    """
    if tx.dialect == "sqlite":
        return
    keys = sorted({_lock(name) for name in names})
    if keys:
        function = "pg_advisory_xact_lock_shared" if shared else "pg_advisory_xact_lock"
        query = f"SELECT {function}({_ADVISORY}, k) FROM unnest(CAST(:keys AS integer[])) AS k"  # noqa: S608
        tx.run(sa.text(query), {"keys": keys}).all()


def _lock(name: tuple[str, ...]) -> int:
    return int.from_bytes(blake2b("\0".join(name).encode(), digest_size=4).digest()) % _LOCKS


def _text(value: object) -> str | None:
    return None if value is None else json_text(value)


def _value(document: str | None) -> Any:
    return None if document is None else _decode(document)
