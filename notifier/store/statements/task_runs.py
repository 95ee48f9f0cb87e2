"""Task runs, read, written and locked in batches."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b

import sqlalchemy as sa

from notifier.domain.task_run import RunState, TaskRun
from notifier.domain.time import Instant
from notifier.policy import runs
from notifier.store.compiled import execute, upsert
from notifier.store.database import Dialect, Tx
from notifier.store.json_rows import encode_rows, encode_values, in_json, rows_from_json
from notifier.store.schema import processes, task_runs
from notifier.store.task_run_rows import (
    RunName,
    TaskRunRow,
    cells,
    of_project,
    row_of,
    run_of,
    unfinished,
    waiting,
)

_TEXT = sa.Text()
_LOCKS = 256
_ADVISORY = 0x6E7466


@dataclass(frozen=True, slots=True, kw_only=True)
class AbandonedRun:
    """An unfinished run of an ended process, with the process's last heartbeat and end."""

    run: TaskRun
    seen_at: Instant
    ended_at: Instant


def find(tx: Tx, names: Sequence[RunName]) -> dict[RunName, TaskRunRow]:
    """The existing ones of these runs, locked."""
    rows = map(row_of, execute(tx, _find, {"names": encode_rows(names)}))
    return {(row.run.project, row.run.id): row for row in rows}


def find_one(tx: Tx, id_: str, *, project: str | None) -> TaskRun | None:
    """The run with this id in `project`, or in any if that is None, locked."""
    query = sa.select(task_runs).where(of_project(project), task_runs.c.id == id_).with_for_update()
    row = tx.run(query.order_by(task_runs.c.project)).first()
    return None if row is None else run_of(row)


def write(tx: Tx, rows: Iterable[TaskRunRow]) -> None:
    """Insert or replace rows."""
    execute(tx, _write, {"runs": encode_rows(map(cells, rows))})


def lock(tx: Tx, names: Iterable[tuple[str, ...]], *, shared: bool = False) -> None:
    """Lock the names of runs until the commit, including those without a row yet.

    SQLite has a single writer. On PostgreSQL names are hashed to a few advisory locks, since their number is limited.
    """
    if tx.dialect == "sqlite":
        return
    keys = sorted({_lock_of(name) for name in names})
    if keys:
        function = "pg_advisory_xact_lock_shared" if shared else "pg_advisory_xact_lock"
        query = f"SELECT {function}({_ADVISORY}, k) FROM unnest(CAST(:keys AS integer[])) AS k"  # noqa: S608
        tx.run(sa.text(query), {"keys": keys}).all()


def newest_replay(tx: Tx, run: TaskRun) -> RunState | None:
    """The state of the newest run that replays this one, or None."""
    state = tx.run(
        sa.select(task_runs.c.state)
        .where(task_runs.c.project == run.project, task_runs.c.replay_of == run.id)
        # With the sum, SQLite does not scan all runs in this order.
        .order_by((task_runs.c.created_at + 0).desc(), task_runs.c.id.desc())
        .limit(1)
    ).scalar()
    return None if state is None else RunState(state)


def mark_replayed(tx: Tx, run: TaskRun) -> None:
    """Mark a dead letter as replayed."""
    tx.run(
        sa.update(task_runs)
        .where(task_runs.c.project == run.project, task_runs.c.id == run.id)
        .values(letter="replayed")
    )


def discard(tx: Tx, ids: Sequence[str], *, project: str | None) -> tuple[str, ...]:
    """Discard dead letters. Returns the ids of those discarded."""
    own = (of_project(project), task_runs.c.id.in_(ids), waiting)
    query = sa.update(task_runs).where(*own).values(letter="discarded")
    return tuple(sorted(tx.run(query.returning(task_runs.c.id)).scalars()))


def waiting_replays(
    tx: Tx, *, project: str, service: str, process: str, tasks: Sequence[str], most: int
) -> list[TaskRun]:
    """Replays of these tasks that are not assigned to another living process, oldest first, locked.

    PostgreSQL rereads a row that was changed before it was locked, but not the processes in the condition, so that a
    process with a concurrent assignment would count as dead. A second statement sees it.
    """
    owner = processes.alias("owner")
    lives = sa.exists().where(
        owner.c.project == task_runs.c.project, owner.c.id == task_runs.c.process, owner.c.ended_at.is_(None)
    )
    free = sa.or_(task_runs.c.process.is_(None), task_runs.c.process == process, ~lives)
    oldest = [task_runs.c.asked_at, task_runs.c.id]
    query = (
        sa.select(task_runs.c.id)
        .where(
            task_runs.c.project == project,
            task_runs.c.asked_at.is_not(None),
            task_runs.c.service == service,
            task_runs.c.task.in_(in_json(tx.dialect, "tasks", _TEXT)),
            free,
        )
        .order_by(*oldest)
        .limit(most)
        .with_for_update(of=task_runs, skip_locked=True)
    )
    locked = tx.run(query, {"tasks": encode_values(tasks).text}).scalars().all()
    if not locked:
        return []
    again = sa.select(task_runs).where(task_runs.c.project == project, task_runs.c.id.in_(locked), free)
    return [run_of(row) for row in tx.run(again.order_by(*oldest))]


def assign(tx: Tx, *, project: str, ids: Sequence[str], process: str) -> None:
    """Assign runs to a process."""
    tx.run(
        sa.update(task_runs)
        .where(task_runs.c.project == project, task_runs.c.id.in_(ids))
        .values(process=process)
    )


def confirm_running(tx: Tx, *, project: str, ids: Sequence[str], process: str) -> None:
    """Confirm that a process is executing these runs; those declared lost continue."""
    named = [task_runs.c.project == project, task_runs.c.id.in_(in_json(tx.dialect, "running", _TEXT))]
    running = {"running": encode_values(ids).text}
    elsewhere = sa.or_(task_runs.c.process.is_distinct_from(process), task_runs.c.asked_at.is_not(None))
    tx.run(
        sa.update(task_runs).where(*named, unfinished, elsewhere).values(process=process, asked_at=None),
        running,
    )
    guessed = runs.GUESSED_STEP
    back = guessed - runs.PROCESSING_STEP
    decided = sa.case((task_runs.c.letter.in_(["replayed", "discarded"]), task_runs.c.letter))
    tx.run(
        sa.update(task_runs)
        .where(*named, task_runs.c.state == RunState.LOST.value, task_runs.c.rank % runs.STEPS == guessed)
        .values(
            state=RunState.PROCESSING.value,
            rank=task_runs.c.rank - back,
            finished_at=None,
            error=None,
            letter=decided,
            process=process,
        ),
        running,
    )


def abandoned(tx: Tx, before: Instant, *, most: int) -> list[AbandonedRun]:
    """Unfinished runs of processes that have ended without a heartbeat since `before`.

    Their processes are locked, so that other replicas skip these runs.
    """
    owner = sa.and_(processes.c.project == task_runs.c.project, processes.c.id == task_runs.c.process)
    query = (
        sa.select(task_runs, processes.c.seen_at, processes.c.ended_at)
        .select_from(processes.join(task_runs, owner))
        .where(
            processes.c.ended_at.is_not(None),
            processes.c.seen_at <= before,
            unfinished,
            # An unconfirmed replay is assigned to another process.
            task_runs.c.asked_at.is_(None),
        )
        .limit(most)
        .with_for_update(of=processes, skip_locked=True)
    )
    return [
        AbandonedRun(run=run_of(row), seen_at=row.seen_at, ended_at=row.ended_at) for row in tx.run(query)
    ]


def _lock_of(name: tuple[str, ...]) -> int:
    return int.from_bytes(blake2b("\0".join(name).encode(), digest_size=4).digest()) % _LOCKS


def _find(dialect: Dialect) -> sa.ClauseElement:
    rows = rows_from_json(dialect, "names", [("project", _TEXT), ("id", _TEXT)])
    named = sa.and_(task_runs.c.project == rows.c.project, task_runs.c.id == rows.c.id)
    query = sa.select(task_runs).select_from(rows.join(task_runs, named))
    if dialect == "sqlite":
        return query
    return query.order_by(task_runs.c.project, task_runs.c.id).with_for_update(of=task_runs)


def _write(dialect: Dialect) -> sa.ClauseElement:
    rows = rows_from_json(dialect, "runs", [(column.name, column.type) for column in task_runs.c])
    names = [column.name for column in task_runs.c]
    insert = upsert(dialect, task_runs).from_select(
        names, sa.select(*rows.c).where(sa.true()), include_defaults=False
    )
    values = {name: insert.excluded[name] for name in names if name not in {"project", "id"}}
    return insert.on_conflict_do_update(index_elements=["project", "id"], set_=values)
