"""Running figures of events, updated when events are counted and when incidents are deleted (see `schema.figures`).

Figures of runs and deliveries are maintained by triggers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from notifier.domain.time import Instant
from notifier.policy.lifecycle import IncidentChange
from notifier.store.compiled import execute, upsert
from notifier.store.database import Dialect, Tx
from notifier.store.json_rows import encode_rows, encode_values, in_json, rows_from_json
from notifier.store.schema import (
    Big,
    api_keys,
    delivery_figures,
    event_figures,
    incidents,
    run_durations,
    run_figures,
    tallies,
)
from notifier.store.schema.triggers import DURATION_STEPS, STEPS


def record(tx: Tx, changes: Sequence[tuple[int, IncidentChange]]) -> None:
    """Add the counted events of these incidents, identified by number. Must precede the update of their tallies."""
    moved: list[tuple[int, str, str]] = []
    counted: dict[tuple[str, str], tuple[int, Instant, Instant]] = {}
    for number, change in changes:
        type_ = change.labels.get("exception", "")
        before = change.incident
        if before is not None and before.labels is not change.labels:
            was = before.labels.get("exception", "")
            if was != type_:
                moved.append((number, was, type_))
        if change.counted:
            key = (change.counted[0].project, type_)
            n, first, last = counted.get(key, (0, change.first_seen, change.last_seen))
            counted[key] = (
                n + len(change.counted),
                min(first, change.first_seen),
                max(last, change.last_seen),
            )
    if moved:
        move_events(tx, moved)
    now = tx.now
    rows = [
        (step, project, now - now % step, type_, tx.replica, n, first, last)
        for step in STEPS
        for (project, type_), (n, first, last) in sorted(counted.items())
    ]
    if rows:
        execute(tx, _add_events, {"rows": encode_rows(rows)})


def move_events(tx: Tx, incidents_: Sequence[tuple[int, str, str]]) -> None:
    """Move the events of incidents to another exception type: rows of (number, old type, new type)."""
    for number, was, now in incidents_:
        for type_, sign in ((was, -1), (now, 1)):
            execute(
                tx,
                _add_tallies,
                {"numbers": encode_values([number]), "type": type_, "sign": sign, "replica": tx.replica},
            )


def forget_events(tx: Tx, numbers_by_type: Iterable[tuple[str, Sequence[int]]]) -> None:
    """Subtract the events of incidents that are about to be deleted; numbers by exception type."""
    for type_, numbers in numbers_by_type:
        execute(
            tx,
            _add_tallies,
            # Rows of their own, so that housekeeping and ingest never wait for each other.
            {
                "numbers": encode_values(numbers),
                "type": type_,
                "sign": -1,
                "replica": f"{tx.replica} housekeeping",
            },
        )


def forget_old(tx: Tx, *, events_before: Instant, others_before: Instant, most: int) -> int:
    """Delete old figures, and those that have become zero.

    Stops after the first table and step from which rows were deleted. Returns how many, 0 if there are none left.
    """
    projects = list(tx.run(sa.select(api_keys.c.project).distinct()).scalars())
    for table, value, steps, before in (
        (event_figures, None, STEPS[:1], events_before),
        (event_figures, event_figures.c.n, STEPS[1:], events_before),
        (run_figures, run_figures.c.runs, STEPS, others_before),
        (run_durations, run_durations.c.n, DURATION_STEPS, others_before),
        (delivery_figures, delivery_figures.c.n, STEPS, others_before),
    ):
        key = sa.tuple_(*table.primary_key.columns)
        for step in steps:
            for project in projects:
                old = sa.select(*table.primary_key.columns).where(
                    table.c.step == step,
                    table.c.project == project,
                    table.c.at < before,
                    sa.true() if value is None else value == 0,
                )
                gone = tx.run(sa.delete(table).where(key.in_(old.limit(most)))).rowcount
                if gone:
                    return gone
    return 0


def _steps() -> sa.Subquery:
    return sa.union_all(
        *(sa.select(sa.literal_column(str(step), Big).label("step")) for step in STEPS)
    ).subquery("s")


def _add_events(dialect: Dialect) -> sa.ClauseElement:
    rows = rows_from_json(dialect, "rows", [(column.name, column.type) for column in event_figures.c])
    return _adding(dialect, sa.select(*rows.c).where(sa.true()))


def _add_tallies(dialect: Dialect) -> sa.ClauseElement:
    """Add the current tallies of incidents to a type, multiplied by a sign."""
    counted = (
        sa.select(
            incidents.c.project,
            sa.bindparam("type", type_=sa.Text()).label("type"),
            tallies.c.minute.label("at"),
            sa.cast(sa.func.sum(tallies.c.n) * sa.bindparam("sign", type_=sa.Integer()), Big).label("n"),
            sa.func.min(incidents.c.first_seen).label("first_seen"),
            sa.func.max(incidents.c.last_seen).label("last_seen"),
        )
        .select_from(incidents.join(tallies, tallies.c.incident == incidents.c.number))
        .where(incidents.c.number.in_(in_json(dialect, "numbers", Big)))
        .group_by(incidents.c.project, tallies.c.minute)
        .subquery("counted")
    )
    steps = _steps()
    start = (counted.c.at - counted.c.at % steps.c.step).label("start")
    summed = (
        sa.select(
            steps.c.step,
            counted.c.project,
            start,
            counted.c.type,
            sa.bindparam("replica", type_=sa.Text()),
            sa.cast(sa.func.sum(counted.c.n), Big),
            sa.func.min(counted.c.first_seen),
            sa.func.max(counted.c.last_seen),
        )
        .select_from(counted.join(steps, sa.true()))
        .group_by(steps.c.step, counted.c.project, start, counted.c.type)
    )
    return _adding(dialect, summed)


def _adding(dialect: Dialect, rows: sa.Select[Any]) -> sa.ClauseElement:
    insert = upsert(dialect, event_figures).from_select([column.name for column in event_figures.c], rows)
    old, new = event_figures.c, insert.excluded
    least, most = (sa.func.min, sa.func.max) if dialect == "sqlite" else (sa.func.least, sa.func.greatest)
    return insert.on_conflict_do_update(
        index_elements=["step", "project", "at", "type", "replica"],
        set_={
            "n": old.n + new.n,
            "first_seen": least(old.first_seen, new.first_seen),
            "last_seen": most(old.last_seen, new.last_seen),
        },
    )
