"""The statements about runs, compiled once per engine.

States are spelt out where a partial index has them in its condition: SQLite uses none for what is a parameter.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from notifier.store.compiled import upsert
from notifier.store.database import Dialect
from notifier.store.json_rows import rows_from_json
from notifier.store.schema import OPEN, Big, incidents, processes, run_incidents, task_runs

_Columns = list[tuple[str, sa.types.TypeEngine[Any]]]

Text = sa.Text()
_NAME: _Columns = [("project", Text), ("id", Text)]
_KEYED: _Columns = [("project", Text), ("task", Text), ("service", Text), ("key", Text), ("finished_at", Big)]


def _spelt(column: sa.ColumnElement[str], values: Iterable[str]) -> sa.ColumnElement[bool]:
    return column.in_([sa.literal_column(f"'{value}'") for value in values])


unfinished = _spelt(task_runs.c.state, ("pending", "processing", "retrying"))
waiting = task_runs.c.letter == sa.literal_column("'waiting'")
_ended_badly = _spelt(task_runs.c.state, ("failed", "lost"))
_not_recovered = sa.func.coalesce(task_runs.c.letter, "") != sa.literal_column("'recovered'")


def ended_well(table: sa.FromClause) -> sa.ColumnElement[bool]:
    """Completed itself, or made good by a later run: false, never NULL, where there is no row."""
    return sa.or_(
        sa.func.coalesce(table.c.state, "") == sa.literal_column("'completed'"),
        sa.func.coalesce(table.c.letter, "") == sa.literal_column("'recovered'"),
    )


def _named(rows: sa.Subquery) -> sa.ColumnElement[bool]:
    return sa.and_(task_runs.c.project == rows.c.project, task_runs.c.id == rows.c.id)


def find(dialect: Dialect) -> sa.ClauseElement:
    rows = rows_from_json(dialect, "names", _NAME)
    found = sa.select(task_runs).select_from(rows.join(task_runs, _named(rows)))
    if dialect == "sqlite":
        return found
    return found.order_by(task_runs.c.project, task_runs.c.id).with_for_update(of=task_runs)


def write(dialect: Dialect) -> sa.ClauseElement:
    rows = rows_from_json(dialect, "runs", [(column.name, column.type) for column in task_runs.c])
    names = [column.name for column in task_runs.c]
    insert = upsert(dialect, task_runs).from_select(
        names, sa.select(*rows.c).where(sa.true()), include_defaults=False
    )
    values = {name: insert.excluded[name] for name in names if name not in {"project", "id"}}
    return insert.on_conflict_do_update(index_elements=["project", "id"], set_=values)


_MADE_GOOD = (task_runs.c.project, task_runs.c.id, task_runs.c.replay_of)


def recover_named(dialect: Dialect) -> sa.ClauseElement:
    """Of the named, those that ended badly and were made good before they came here."""
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
        again.c.project == task_runs.c.project, again.c.replay_of == task_runs.c.id, ended_well(again)
    )
    return _recovering().where(_named(rows), sa.or_(by_key, by_replay))


def recover_keyed(dialect: Dialect) -> sa.ClauseElement:
    """What ended badly before a run of the same key completed."""
    rows = rows_from_json(dialect, "keys", _KEYED)
    return _recovering().where(
        task_runs.c.project == rows.c.project,
        task_runs.c.task == rows.c.task,
        task_runs.c.key == rows.c.key,
        task_runs.c.service == rows.c.service,
        task_runs.c.finished_at <= rows.c.finished_at,
    )


def recover_replayed(dialect: Dialect) -> sa.ClauseElement:
    """What ended badly and was run again by the named."""
    rows = rows_from_json(dialect, "names", _NAME)
    return _recovering().where(_named(rows))


def _recovering() -> sa.Update:
    return (
        sa.update(task_runs)
        .where(_ended_badly, _not_recovered)
        .values(letter=sa.literal_column("'recovered'"))
        .returning(*_MADE_GOOD)
    )


def find_well(dialect: Dialect) -> sa.ClauseElement:
    """The named, and whether they have ended well. Whoever is making one of them good is waited for, and waits."""
    rows = rows_from_json(dialect, "names", _NAME)
    found = sa.select(task_runs.c.project, task_runs.c.id, ended_well(task_runs).label("well")).select_from(
        rows.join(task_runs, _named(rows))
    )
    if dialect == "sqlite":
        return found
    return found.order_by(task_runs.c.project, task_runs.c.id).with_for_update(read=True, of=task_runs)


def _link_of(rows: sa.Subquery) -> sa.ColumnElement[bool]:
    return sa.and_(run_incidents.c.project == rows.c.project, run_incidents.c.run == rows.c.id)


_failing = run_incidents.c.well == sa.literal_column("0")


def find_incidents(dialect: Dialect) -> sa.ClauseElement:
    """The incidents that are not resolved and count events of the named runs, which were not known to be well."""
    rows = rows_from_json(dialect, "names", _NAME)
    links = rows.join(run_incidents, sa.and_(_link_of(rows), _failing))
    numbers = sa.select(run_incidents.c.incident).select_from(links)
    found = sa.select(incidents.c.number, incidents.c.count.label("events")).where(
        incidents.c.number.in_(numbers), incidents.c.closed == OPEN
    )
    if dialect == "sqlite":
        return found
    return found.order_by(
        incidents.c.project, incidents.c.environment, incidents.c.fingerprint
    ).with_for_update(of=incidents)


def mark_well(dialect: Dialect) -> sa.ClauseElement:
    rows = rows_from_json(dialect, "names", _NAME)
    return sa.update(run_incidents).values(well=sa.literal_column("1")).where(_link_of(rows), _failing)


def mark_failing(dialect: Dialect) -> sa.ClauseElement:
    rows = rows_from_json(dialect, "names", _NAME)
    return sa.update(run_incidents).values(well=sa.literal_column("0")).where(_link_of(rows), ~_failing)


def count_events(_dialect: Dialect) -> sa.ClauseElement:
    """How many of an incident's events came from runs."""
    return sa.select(sa.func.coalesce(sa.func.sum(run_incidents.c.n), 0)).where(
        run_incidents.c.incident == sa.bindparam("number", type_=Big)
    )


def find_failing(_dialect: Dialect) -> sa.ClauseElement:
    """One run of an incident that has not ended well, be it that nothing is known of it yet."""
    of_incident = run_incidents.c.incident == sa.bindparam("number", type_=Big)
    return sa.select(run_incidents.c.run).where(of_incident, _failing).limit(1)


def link(dialect: Dialect) -> sa.ClauseElement:
    names = ["project", "run", "incident", "n"]
    rows = rows_from_json(dialect, "links", [(name, run_incidents.c[name].type) for name in names])
    chosen = sa.select(*rows.c).where(sa.true())
    insert = upsert(dialect, run_incidents).from_select(names, chosen, include_defaults=False)
    return insert.on_conflict_do_update(
        index_elements=["project", "run", "incident"], set_={"n": run_incidents.c.n + insert.excluded.n}
    )


def beat(dialect: Dialect) -> sa.ClauseElement:
    names = [column.name for column in processes.c]
    values = {name: sa.bindparam(name, type_=processes.c[name].type) for name in names}
    insert = upsert(dialect, processes).values(**values)
    new = {name: insert.excluded[name] for name in names if name not in {"project", "id", "reports"}}
    reports = sa.func.coalesce(insert.excluded.reports, processes.c.reports)
    return insert.on_conflict_do_update(index_elements=["project", "id"], set_={**new, "reports": reports})
