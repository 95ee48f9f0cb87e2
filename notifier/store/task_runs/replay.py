"""Runs that a person asks for again: a new run, which a living process gets with the answer to its heartbeat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from notifier.domain.task_run import RunState, TaskRun
from notifier.policy import runs
from notifier.policy.runs import ReplayCandidate, ReplayRefusal
from notifier.store.compiled import execute
from notifier.store.database import Tx
from notifier.store.json_rows import encode_rows, encode_values, in_json
from notifier.store.schema import processes, task_runs
from notifier.store.task_runs.rows import Stored, cells, run_of
from notifier.store.task_runs.statements import waiting, write

HANDED_AT_ONCE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """What a process is asked to run: `id` is the new run's."""

    id: str
    replay_of: str | None
    task: str
    key: str | None
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One run that was asked for again: the id of the new one, or why there is none; and how the old one stands."""

    state: RunState
    new_id: str | None
    refusal: ReplayRefusal | None


def ask(tx: Tx, id_: str, *, project: str | None, new_id: str) -> Asked | None:
    """Ask for one run again, under a new id; None: there is none of this id in `project` (in any, where that is None).

    An id may stand for a run in several projects: then the caller's must be named.
    """
    query = sa.select(task_runs).where(task_runs.c.id == id_).with_for_update()
    if project is not None:
        query = query.where(task_runs.c.project == project)
    row = tx.run(query.order_by(task_runs.c.project)).first()
    if row is None:
        return None
    run = run_of(row)
    candidate = ReplayCandidate(
        state=run.state,
        replayable=run.replayable,
        has_arguments=run.arguments is not None,
        newest_replay=_newest_replay(tx, run),
    )
    refusal = runs.replay_refusal(candidate)
    if refusal is not None:
        return Asked(state=run.state, new_id=None, refusal=refusal)
    replay = runs.replay(run, id_=new_id, now=tx.now)
    execute(tx, write, {"runs": encode_rows([cells(Stored(run=replay, letter=None, asked_at=tx.now))])})
    tx.run(
        sa.update(task_runs)
        .where(task_runs.c.project == run.project, task_runs.c.id == run.id)
        .values(letter="replayed")
    )
    return Asked(state=run.state, new_id=new_id, refusal=None)


def discard(tx: Tx, ids: Sequence[str], *, project: str | None) -> tuple[str, ...]:
    """Give dead letters up by a person's word. Those that were."""
    query = sa.update(task_runs).where(task_runs.c.id.in_(ids), waiting).values(letter="discarded")
    if project is not None:
        query = query.where(task_runs.c.project == project)
    return tuple(sorted(tx.run(query.returning(task_runs.c.id)).scalars()))


def hand_out(tx: Tx, *, project: str, service: str, process: str, tasks: Sequence[str]) -> tuple[Replay, ...]:
    """What waits for a process that has one of these tasks: given again until it is known to have it.

    What was handed to another process is that one's, until it has ended.
    """
    owner = processes.alias("owner")
    lives = sa.exists().where(
        owner.c.project == task_runs.c.project, owner.c.id == task_runs.c.process, owner.c.ended_at.is_(None)
    )
    query = (
        sa.select(task_runs)
        .where(
            task_runs.c.project == project,
            task_runs.c.asked_at.is_not(None),
            task_runs.c.service == service,
            task_runs.c.task.in_(in_json(tx.dialect, "tasks", sa.Text())),
            sa.or_(task_runs.c.process.is_(None), task_runs.c.process == process, ~lives),
        )
        .order_by(task_runs.c.asked_at, task_runs.c.id)
        .limit(HANDED_AT_ONCE)
        .with_for_update(of=task_runs, skip_locked=True)
    )
    found = [run_of(row) for row in tx.run(query, {"tasks": encode_values(tasks)})]
    new = [run.id for run in found if run.process != process]
    if new:
        tx.run(
            sa.update(task_runs)
            .where(task_runs.c.project == project, task_runs.c.id.in_(new))
            .values(process=process)
        )
    return tuple(map(_order, found))


def _order(run: TaskRun) -> Replay:
    return Replay(
        id=run.id,
        replay_of=run.replay_of,
        task=run.task,
        key=run.key,
        arguments=run.arguments or {"args": [], "kwargs": {}},
    )


def _newest_replay(tx: Tx, run: TaskRun) -> RunState | None:
    state = tx.run(
        sa.select(task_runs.c.state)
        .where(task_runs.c.project == run.project, task_runs.c.replay_of == run.id)
        .order_by(task_runs.c.created_at.desc(), task_runs.c.id.desc())
        .limit(1)
    ).scalar()
    return None if state is None else RunState(state)
