"""Recovery: failed runs that later runs made good, and incidents whose events came from runs.

States are literals where a partial index has them in its condition, since SQLite does not use it for a parameter.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from notifier.domain.state import State
from notifier.store.compiled import Build, execute, upsert
from notifier.store.database import Dialect, Tx
from notifier.store.json_rows import encode_rows, rows_from_json
from notifier.store.schema import OPEN, Big, incidents, run_incidents, task_runs
from notifier.store.task_run_rows import RunName

RECOVERED = "recovered"

_Columns = list[tuple[str, sa.types.TypeEngine[Any]]]
_TEXT = sa.Text()
_NAME: _Columns = [("project", _TEXT), ("id", _TEXT)]
_KEYED: _Columns = [
    ("project", _TEXT),
    ("task", _TEXT),
    ("service", _TEXT),
    ("key", _TEXT),
    ("finished_at", Big),
]
_ended_badly = task_runs.c.state.in_([sa.literal_column("'failed'"), sa.literal_column("'lost'")])
_not_recovered = sa.func.coalesce(task_runs.c.letter, "") != sa.literal_column("'recovered'")
_failing = run_incidents.c.well == sa.literal_column("0")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveredRun:
    """A run that a later one has recovered; `replay_of` is the run that it replays."""

    name: RunName
    replay_of: RunName | None


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentOfRuns:
    """An unresolved incident with events of runs; `events` is the number of all its events."""

    number: int
    events: int


def recover_named(tx: Tx, names: Sequence[RunName]) -> list[RecoveredRun]:
    """Recover those of the named runs that failed, but were made good before they were reported."""
    return _recover(tx, _recover_named, {"names": names})


def recover_keyed(tx: Tx, keys: Sequence[tuple[object, ...]]) -> list[RecoveredRun]:
    """Recover failed runs when a run with the same key completes: project, task, service, key, time."""
    return _recover(tx, _recover_keyed, {"keys": keys})


def recover_replayed(tx: Tx, names: Sequence[RunName]) -> list[RecoveredRun]:
    """Recover the failed ones of the named runs, whose replays have succeeded."""
    return _recover(tx, _recover_replayed, {"names": names})


def succeeded_runs(tx: Tx, names: Iterable[RunName]) -> set[RunName]:
    """The named runs that have succeeded. Waits for concurrent transactions that recover one of them."""
    rows = execute(tx, _find_well, {"names": encode_rows(sorted(names))})
    return {(row.project, row.id) for row in rows if row.well}


def mark_failed_runs(tx: Tx, names: Iterable[RunName]) -> None:
    """Note that the incidents with events of these runs have not recovered."""
    execute(tx, _mark_failing, {"names": encode_rows(sorted(names))})


def mark_succeeded(tx: Tx, names: Iterable[RunName]) -> list[IncidentOfRuns]:
    """Note that these runs have succeeded. Returns the incidents that may have recovered by that, locked."""
    parameters = {"names": encode_rows(sorted(names))}
    rows = execute(tx, _find_incidents, parameters).all()
    execute(tx, _mark_well, parameters)
    return [IncidentOfRuns(number=row.number, events=row.events) for row in rows]


def has_failing(tx: Tx, number: int) -> bool:
    """Whether the incident has an event of a run that has not succeeded, or is not known."""
    return execute(tx, _find_failing, {"number": number}).first() is not None


def events_of_runs(tx: Tx, number: int) -> int:
    """The number of the incident's events that came from runs."""
    return int(execute(tx, _count_events, {"number": number}).scalar_one())


def add_events(tx: Tx, counts: Mapping[tuple[str, str, int], int]) -> None:
    """Add to the number of a run's events in an incident: rows of (project, run, incident number)."""
    execute(tx, _link, {"links": encode_rows((*key, n) for key, n in sorted(counts.items()))})


def resolve(tx: Tx, numbers: Sequence[int]) -> None:
    """Resolve these incidents, by number, as recovered."""
    tx.run(
        sa.update(incidents)
        .where(incidents.c.number.in_(numbers))
        .values(
            state=State.RESOLVED.value,
            closed=incidents.c.number,
            resolved_at=tx.now,
            resolved_by=RECOVERED,
            waiting=0,
            attention_at=sa.func.coalesce(incidents.c.attention_at, tx.now),
        )
    )


def _recover(
    tx: Tx, statement: Build, rows: Mapping[str, Sequence[tuple[object, ...]]]
) -> list[RecoveredRun]:
    if not all(rows.values()):
        return []
    recovered = execute(tx, statement, {name: encode_rows(values) for name, values in rows.items()})
    return [
        RecoveredRun(
            name=(row.project, row.id),
            replay_of=None if row.replay_of is None else (row.project, row.replay_of),
        )
        for row in recovered
    ]


def _is_well(table: sa.FromClause) -> sa.ColumnElement[bool]:
    """Whether a run has completed or was recovered by a later one; false, never NULL, without a row."""
    return sa.or_(
        sa.func.coalesce(table.c.state, "") == sa.literal_column("'completed'"),
        sa.func.coalesce(table.c.letter, "") == sa.literal_column("'recovered'"),
    )


def _named(rows: sa.Subquery) -> sa.ColumnElement[bool]:
    return sa.and_(task_runs.c.project == rows.c.project, task_runs.c.id == rows.c.id)


def _recover_named(dialect: Dialect) -> sa.ClauseElement:
    """Recover those of the named runs that failed, but were made good before they were reported."""
    rows = rows_from_json(dialect, "names", _NAME)
    later, again = task_runs.alias("later"), task_runs.alias("again")
    by_key = sa.exists().where(
        later.c.project == task_runs.c.project,
        later.c.task == task_runs.c.task,
        later.c.key == task_runs.c.key,
        later.c.service == task_runs.c.service,
        later.c.state == "completed",
        later.c.finished_at >= task_runs.c.finished_at,
    )
    by_replay = sa.exists().where(
        again.c.project == task_runs.c.project, again.c.replay_of == task_runs.c.id, _is_well(again)
    )
    return _recovering().where(_named(rows), sa.or_(by_key, by_replay))


def _recover_keyed(dialect: Dialect) -> sa.ClauseElement:
    """Recover failed runs before a completed one with the same key."""
    rows = rows_from_json(dialect, "keys", _KEYED)
    return _recovering().where(
        task_runs.c.project == rows.c.project,
        task_runs.c.task == rows.c.task,
        task_runs.c.key == rows.c.key,
        task_runs.c.service == rows.c.service,
        task_runs.c.finished_at <= rows.c.finished_at,
    )


def _recover_replayed(dialect: Dialect) -> sa.ClauseElement:
    """Recover the failed ones of the named runs, since a replay has succeeded."""
    rows = rows_from_json(dialect, "names", _NAME)
    return _recovering().where(_named(rows))


def _recovering() -> sa.Update:
    return (
        sa.update(task_runs)
        .where(_ended_badly, _not_recovered)
        .values(letter=sa.literal_column("'recovered'"))
        .returning(task_runs.c.project, task_runs.c.id, task_runs.c.replay_of)
    )


def _find_well(dialect: Dialect) -> sa.ClauseElement:
    """The named runs, and whether they have succeeded. Waits for concurrent recoveries."""
    rows = rows_from_json(dialect, "names", _NAME)
    query = sa.select(task_runs.c.project, task_runs.c.id, _is_well(task_runs).label("well")).select_from(
        rows.join(task_runs, _named(rows))
    )
    if dialect == "sqlite":
        return query
    return query.order_by(task_runs.c.project, task_runs.c.id).with_for_update(read=True, of=task_runs)


def _link_of(rows: sa.Subquery) -> sa.ColumnElement[bool]:
    return sa.and_(run_incidents.c.project == rows.c.project, run_incidents.c.run == rows.c.id)


def _find_incidents(dialect: Dialect) -> sa.ClauseElement:
    """The unresolved incidents with events of the named runs that were not known to have succeeded."""
    rows = rows_from_json(dialect, "names", _NAME)
    links = rows.join(run_incidents, sa.and_(_link_of(rows), _failing))
    numbers = sa.select(run_incidents.c.incident).select_from(links)
    query = sa.select(incidents.c.number, incidents.c.count.label("events")).where(
        incidents.c.number.in_(numbers), incidents.c.closed == OPEN
    )
    if dialect == "sqlite":
        return query
    return query.order_by(
        incidents.c.project, incidents.c.environment, incidents.c.fingerprint
    ).with_for_update(of=incidents)


def _mark_well(dialect: Dialect) -> sa.ClauseElement:
    rows = rows_from_json(dialect, "names", _NAME)
    return sa.update(run_incidents).values(well=sa.literal_column("1")).where(_link_of(rows), _failing)


def _mark_failing(dialect: Dialect) -> sa.ClauseElement:
    rows = rows_from_json(dialect, "names", _NAME)
    return sa.update(run_incidents).values(well=sa.literal_column("0")).where(_link_of(rows), ~_failing)


def _count_events(_dialect: Dialect) -> sa.ClauseElement:
    """The number of an incident's events that came from runs."""
    return sa.select(sa.func.coalesce(sa.func.sum(run_incidents.c.n), 0)).where(
        run_incidents.c.incident == sa.bindparam("number", type_=Big)
    )


def _find_failing(_dialect: Dialect) -> sa.ClauseElement:
    """A run of an incident that has not succeeded, or is not known."""
    of_incident = run_incidents.c.incident == sa.bindparam("number", type_=Big)
    return sa.select(run_incidents.c.run).where(of_incident, _failing).limit(1)


def _link(dialect: Dialect) -> sa.ClauseElement:
    names = ["project", "run", "incident", "n"]
    rows = rows_from_json(dialect, "links", [(name, run_incidents.c[name].type) for name in names])
    selected = sa.select(*rows.c).where(sa.true())
    insert = upsert(dialect, run_incidents).from_select(names, selected, include_defaults=False)
    return insert.on_conflict_do_update(
        index_elements=["project", "run", "incident"], set_={"n": run_incidents.c.n + insert.excluded.n}
    )
