"""Recovery: runs that a later one has made good, and incidents of which nothing but such runs is left."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from notifier.domain.incident import State
from notifier.domain.task_run import RunState, TaskRun
from notifier.policy import runs
from notifier.store.compiled import Build, execute
from notifier.store.database import Tx
from notifier.store.json_rows import encode_rows
from notifier.store.schema import incidents
from notifier.store.task_runs.rows import Name
from notifier.store.task_runs.statements import (
    count_events,
    find_failing,
    find_incidents,
    find_well,
    mark_failing,
    mark_well,
    recover_keyed,
    recover_named,
    recover_replayed,
)

RECOVERED = "recovered"


def settle(tx: Tx, ended: Sequence[TaskRun]) -> None:
    """After runs have ended: what they have made good, what has made them good, and which incidents are over by it.

    `ended` are those that are final and were not so before, or ended otherwise. Their order does not matter.
    """
    completed = [run for run in ended if run.state is RunState.COMPLETED]
    others = [run for run in ended if run.state is not RunState.COMPLETED]
    well = {(run.project, run.id) for run in completed}
    parents = {(run.project, run.replay_of) for run in completed if run.replay_of is not None}
    made_good = _recover(tx, recover_named, names=[(run.project, run.id) for run in others])
    keys = [
        (run.project, run.task, run.service, run.key, run.finished_at)
        for run in completed
        if run.key is not None
    ]
    made_good += _recover(tx, recover_keyed, keys=keys)
    while True:
        well |= {(row.project, row.id) for row in made_good}
        parents |= {(row.project, row.replay_of) for row in made_good if row.replay_of is not None}
        if not parents:
            break
        # Each turn recovers runs that were not: it ends, also where runs replay each other in a circle.
        made_good, parents = _recover(tx, recover_replayed, names=sorted(parents)), set()
    failing = {(run.project, run.id) for run in others} - well
    if failing:
        # One that was made good may have gone on, and failed later.
        execute(tx, mark_failing, {"names": encode_rows(sorted(failing))})
    _resolve(tx, well)


def after_events(tx: Tx, names: Iterable[Name]) -> None:
    """After events of runs were counted: where the runs had ended well before, their incidents may be over already."""
    rows = execute(tx, find_well, {"names": encode_rows(sorted(names))})
    _resolve(tx, {(row.project, row.id) for row in rows if row.well})


def _recover(tx: Tx, statement: Build, **rows: Sequence[Sequence[object]]) -> list[sa.Row[Any]]:
    ((name, values),) = rows.items()
    return list(execute(tx, statement, {name: encode_rows(values)})) if values else []


def _resolve(tx: Tx, well: set[Name]) -> None:
    if not well:
        return
    names = {"names": encode_rows(sorted(well))}
    rows = execute(tx, find_incidents, names).all()
    execute(tx, mark_well, names)
    over = [row.number for row in rows if _recovery(tx, row.number, row.events) == "recovered"]
    if over:
        tx.run(
            sa.update(incidents)
            .where(incidents.c.number.in_(over))
            .values(
                state=State.RESOLVED.value,
                closed=incidents.c.number,
                resolved_at=tx.now,
                resolved_by=RECOVERED,
                waiting=0,
                attention_at=sa.func.coalesce(incidents.c.attention_at, tx.now),
            )
        )
        tx.signal("attention")


def _recovery(tx: Tx, number: int, count: int) -> runs.Recovery:
    # The cheaper question first: an index has the failing ones.
    failing = execute(tx, find_failing, {"number": number}).first() is not None
    of_runs = 0 if failing else int(execute(tx, count_events, {"number": number}).scalar_one())
    return runs.recovery(count=count, of_runs=count if failing else of_runs, failing=failing)
