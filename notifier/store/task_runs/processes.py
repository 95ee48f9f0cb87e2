"""Processes of applications: their heartbeats, and the runs of those that are gone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import sqlalchemy as sa

from notifier.domain.task_run import RunState, TaskRun
from notifier.domain.time import SECOND, Duration, Instant
from notifier.policy import runs
from notifier.store.compiled import execute
from notifier.store.database import Tx
from notifier.store.json_rows import encode_values, in_json, json_text
from notifier.store.schema import processes, task_runs
from notifier.store.task_runs.replay import Replay, hand_out
from notifier.store.task_runs.rows import run_of
from notifier.store.task_runs.statements import beat as beat_statement
from notifier.store.task_runs.statements import unfinished
from notifier.store.task_runs.upsert import upsert

INTERVAL: Duration = 10 * SECOND
"""Between two heartbeats."""
SILENCE: Duration = 3 * INTERVAL
"""After which a process is taken for dead, and after which one that said goodbye has told all it knew."""
ENDED_AT_ONCE = 100
LOST_AT_ONCE = 200
REPORTS_AT_MOST = 10_000
_decode = msgspec.json.Decoder().decode


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat:
    """One heartbeat. `running` are ids of runs, `tasks` names of tasks that may be replayed there.

    `reports` is what its client says became of its reports, `ended` its goodbye.
    """

    project: str
    process: str
    service: str
    running: Sequence[str]
    tasks: Sequence[str]
    reports: Mapping[str, Any] | None
    ended: bool


def beat(tx: Tx, one: Beat) -> tuple[Replay, ...]:
    """Note a sign of life; what the process is asked to run."""
    row = {
        "project": one.project,
        "id": one.process,
        "service": one.service,
        "seen_at": tx.now,
        "ended_at": tx.now if one.ended else None,
        "running": json_text(list(one.running)),
        "tasks": json_text(list(one.tasks)),
        "reports": None if one.reports is None else json_text(one.reports),
    }
    execute(tx, beat_statement, row)
    if one.running:
        _runs_there(tx, one)
    if one.ended or not one.tasks:
        return ()
    return hand_out(tx, project=one.project, service=one.service, process=one.process, tasks=one.tasks)


def _runs_there(tx: Tx, one: Beat) -> None:
    """Its runs are this process's; those that were taken for lost go on: the client knows better than our guess."""
    named = [
        task_runs.c.project == one.project,
        task_runs.c.id.in_(in_json(tx.dialect, "running", sa.Text())),
    ]
    running = {"running": encode_values(one.running)}
    elsewhere = sa.or_(task_runs.c.process.is_distinct_from(one.process), task_runs.c.asked_at.is_not(None))
    tx.run(
        sa.update(task_runs).where(*named, unfinished, elsewhere).values(process=one.process, asked_at=None),
        running,
    )
    guessed = runs.GUESSED_STEP
    back = guessed - runs.PROCESSING_STEP
    kept = sa.case((task_runs.c.letter.in_(["replayed", "discarded"]), task_runs.c.letter))
    tx.run(
        sa.update(task_runs)
        .where(*named, task_runs.c.state == RunState.LOST.value, task_runs.c.rank % runs.STEPS == guessed)
        .values(
            state=RunState.PROCESSING.value,
            rank=task_runs.c.rank - back,
            finished_at=None,
            error=None,
            letter=kept,
            process=one.process,
        ),
        running,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """What one look at the processes has ended: the runs that are lost by it, and whether there is more to do."""

    lost: tuple[TaskRun, ...]
    ended: tuple[TaskRun, ...]
    more: bool


def look(tx: Tx, *, silence: Duration = SILENCE) -> Gone:
    """End the processes that have been silent for too long, and lose what they, or those before them, left unfinished.

    A process said goodbye where it ended at its last sign of life.
    """
    silent = _end_silent(tx, tx.now - silence)
    rows = _left_behind(tx, tx.now - silence)
    changes = [
        runs.lost(run_of(row), seen_at=row.seen_at, goodbye=row.ended_at == row.seen_at) for row in rows
    ]
    ended = upsert(tx, changes).ended if changes else ()
    lost = tuple(run for run in ended if run.state is RunState.LOST)
    return Gone(lost=lost, ended=ended, more=silent == ENDED_AT_ONCE or len(rows) == LOST_AT_ONCE)


def _end_silent(tx: Tx, before: Instant) -> int:
    query = (
        sa.select(processes.c.project, processes.c.id)
        .where(processes.c.ended_at.is_(None), processes.c.seen_at <= before)
        .order_by(processes.c.seen_at)
        .limit(ENDED_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    names = [tuple(row) for row in tx.run(query)]
    if names:
        key = sa.tuple_(processes.c.project, processes.c.id)
        tx.run(sa.update(processes).where(key.in_(names)).values(ended_at=tx.now))
    return len(names)


def _left_behind(tx: Tx, before: Instant) -> Sequence[sa.Row[Any]]:
    """Unfinished runs of ended processes. The process is locked: another replica leaves them alone meanwhile."""
    owner = sa.and_(processes.c.project == task_runs.c.project, processes.c.id == task_runs.c.process)
    query = (
        sa.select(task_runs, processes.c.seen_at, processes.c.ended_at)
        .select_from(processes.join(task_runs, owner))
        .where(
            processes.c.ended_at.is_not(None),
            processes.c.seen_at <= before,
            unfinished,
            # What was handed out and never seen there is handed to another process.
            task_runs.c.asked_at.is_(None),
        )
        .limit(LOST_AT_ONCE)
        .with_for_update(of=processes, skip_locked=True)
    )
    return tx.run(query).all()


@dataclass(frozen=True, slots=True, kw_only=True)
class Alive:
    """What metrics show: how many processes live, and their clients' reports by service and outcome."""

    processes: int
    reports: Mapping[tuple[str, str], int]


def alive(tx: Tx) -> Alive:
    """One look. Reports of ended processes count as long as their rows are kept, for they were sent all the same.

    What waited with a process that has ended is another's by now: whoever takes it over counts it as captured.
    """
    living = tx.run(
        sa.select(sa.func.count()).select_from(processes).where(processes.c.ended_at.is_(None))
    ).scalar_one()
    rows = tx.run(
        sa.select(processes.c.service, processes.c.reports, processes.c.ended_at)
        .where(processes.c.reports.is_not(None))
        .order_by(processes.c.seen_at.desc())
        .limit(REPORTS_AT_MOST)
    )
    totals: dict[tuple[str, str], int] = {}
    for row in rows:
        told = {
            outcome: sum(n.values()) if isinstance(n, dict) else n
            for outcome, n in _decode(row.reports).items()
        }
        if row.ended_at is not None:
            told["captured"] = told.get("captured", 0) - told.pop("spooled", 0)
        for outcome, count in told.items():
            totals[row.service, outcome] = totals.get((row.service, outcome), 0) + count
    return Alive(processes=int(living), reports=totals)
