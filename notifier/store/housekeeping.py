"""Deletion of old rows in small batches, except for what is undelivered; and database figures for metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from notifier.domain.time import HOUR, Duration, Instant
from notifier.store import (
    incident_removal,
    ledger,
)
from notifier.store.database import Tx
from notifier.store.incident_removal import LIVE
from notifier.store.json_rows import in_rows
from notifier.store.schema import (
    OPEN,
    alert_ends,
    deliveries,
    event_ids,
    events,
    incidents,
    members,
    monitors,
    notifications,
    processes,
    silences,
    tallies,
    task_runs,
)
from notifier.store.sizes import bytes_in_use
from notifier.store.statements.intake import add_tallies
from notifier.store.task_run_rows import unfinished

BATCH = 500
IDS_BATCH = 2_000
INCIDENTS_WALKED = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseFigures:
    """Figures of the database, for metrics."""

    bytes: int
    oldest_age: Duration
    by_state: Mapping[str, int]


def size(tx: Tx) -> int:
    """Bytes in use: on SQLite without free pages, on PostgreSQL the size of the database."""
    if tx.dialect == "postgresql":
        return int(tx.run(sa.text("SELECT pg_database_size(current_database())")).scalar_one())
    return bytes_in_use(tx)


def delete_old_ids(tx: Tx, before: Instant, *, after: tuple[str, str] | None) -> tuple[str, str] | None:
    """Delete old ids among the next ones in order. Returns where to continue, None at the end."""
    key = sa.tuple_(event_ids.c.project, event_ids.c.id)
    query = sa.select(event_ids.c.project, event_ids.c.id, event_ids.c.at).order_by(
        event_ids.c.project, event_ids.c.id
    )
    if after is not None:
        query = query.where(key > after)
    rows = tx.run(query.limit(IDS_BATCH)).all()
    old = [(row.project, row.id) for row in rows if row.at < before]
    if old:
        tx.run(sa.delete(event_ids).where(in_rows(tx.dialect, event_ids.c["project", "id"], old)))
    return (rows[-1].project, rows[-1].id) if len(rows) == IDS_BATCH else None


def delete_old_samples(tx: Tx, before: Instant, *, shed_name: ledger.CounterName | None = None) -> int:
    """Delete old samples, except for the newest one of each unresolved incident."""
    newest = sa.select(incidents.c.count).where(
        incidents.c.number == events.c.incident, incidents.c.closed == OPEN
    )
    rows = tx.run(
        sa.select(events.c.incident, events.c.seq)
        .where(events.c.received_at < before, events.c.seq != sa.func.coalesce(newest.scalar_subquery(), -1))
        .order_by(events.c.received_at)
        .limit(BATCH)
    ).all()
    if rows:
        tx.run(sa.delete(events).where(in_rows(tx.dialect, events.c["incident", "seq"], rows)))
        if shed_name is not None:
            ledger.add(tx, {shed_name: len(rows)})
    return len(rows)


def delete_old_deliveries(tx: Tx, before: Instant, *, shed_name: ledger.CounterName | None = None) -> int:
    """Delete old finished deliveries with their attempts.

    Dead letters are kept as long as retention says; shedding does not delete them.
    """
    states = ("delivered", "coalesced", "superseded", "discarded") + (() if shed_name else ("dead",))
    carrying = deliveries.alias("carrying")
    ids = list(
        tx.run(
            sa.select(deliveries.c.id)
            .where(deliveries.c.state.in_(states), deliveries.c.finished_at < before)
            .where(~sa.exists().where(carrying.c.id == deliveries.c.carried_by, carrying.c.state.in_(LIVE)))
            .order_by(deliveries.c.finished_at)
            .limit(BATCH)
        ).scalars()
    )
    if ids:
        tx.run(sa.delete(deliveries).where(deliveries.c.id.in_(ids)))
        counts: dict[ledger.CounterName, int] = {"pruned_deliveries": len(ids)}
        if shed_name is not None:
            counts[shed_name] = len(ids)
        ledger.add(tx, counts)
    return len(ids)


def delete_old_notifications(tx: Tx, before: Instant) -> int:
    """Delete old notifications that have no deliveries left."""
    ids = list(
        tx.run(
            sa.select(notifications.c.id)
            .where(notifications.c.at < before)
            .where(~sa.exists().where(deliveries.c.notification == notifications.c.id))
            .order_by(notifications.c.at)
            .limit(BATCH)
        ).scalars()
    )
    if ids:
        tx.run(sa.delete(notifications).where(notifications.c.id.in_(ids)))
    return len(ids)


def delete_old_incidents(tx: Tx, before: Instant) -> int:
    """Delete old resolved incidents with everything that refers to them, once nothing remains to be notified."""
    waiting = sa.exists().where(members.c.incident == incidents.c.number, members.c.changed_at.is_not(None))
    rows = tx.run(
        sa.select(incidents.c.number, incidents.c.count.label("events"), incidents.c.labels)
        .where(incidents.c.resolved_at < before, incidents.c.attention_at.is_(None), ~waiting)
        .order_by(incidents.c.resolved_at)
        .limit(BATCH)
        .with_for_update(skip_locked=True)
    ).all()
    incident_removal.remove(tx, rows)
    return len(rows)


def delete_old_silences(tx: Tx, before: Instant) -> int:
    """Delete old silences, unless a member has yet to react to the end."""
    holding = sa.exists().where(members.c.hold_ref == silences.c.id)
    ids = list(
        tx.run(
            sa.select(silences.c.id)
            .where(silences.c.ends_at < before, ~holding)
            .order_by(silences.c.ends_at)
            .limit(BATCH)
        ).scalars()
    )
    if ids:
        tx.run(sa.delete(silences).where(silences.c.id.in_(ids)))
    return len(ids)


def delete_old_monitors(tx: Tx, before: Instant) -> int:
    """Delete monitors that expect nothing and have not checked in since `before`."""
    over = (monitors.c.due_at.is_(None), monitors.c.at < before)
    return tx.run(sa.delete(monitors).where(*over)).rowcount


def delete_old_alerts(tx: Tx, before: Instant) -> int:
    """Delete alerts that ended before `before`."""
    key = alert_ends.c["project", "environment", "fingerprint"]
    over = (alert_ends.c.ends_at.is_(None), alert_ends.c.updated_at < before)
    rows = tx.run(sa.select(*key).where(*over).limit(BATCH)).all()
    if rows:
        tx.run(sa.delete(alert_ends).where(in_rows(tx.dialect, key, rows)))
    return len(rows)


def delete_old_task_runs(tx: Tx, before: Instant, *, shed_name: ledger.CounterName | None = None) -> int:
    """Delete old task runs, finished or not, except for those that a living process is running.

    Shedding deletes completed runs only.
    """
    owner = sa.exists().where(
        processes.c.project == task_runs.c.project,
        processes.c.id == task_runs.c.process,
        processes.c.ended_at.is_(None),
    )
    query = sa.select(task_runs.c.project, task_runs.c.id).where(
        task_runs.c.created_at < before, ~sa.and_(unfinished, owner)
    )
    if shed_name is not None:
        query = query.where(task_runs.c.state == "completed")
    names = tx.run(query.order_by(task_runs.c.created_at).limit(BATCH)).all()
    if names:
        tx.run(sa.delete(task_runs).where(in_rows(tx.dialect, task_runs.c["project", "id"], names)))
        if shed_name is not None:
            ledger.add(tx, {shed_name: len(names)})
    return len(names)


def delete_old_processes(tx: Tx, before: Instant) -> int:
    """Delete processes that ended long ago and have no unfinished runs left."""
    left = sa.exists().where(
        task_runs.c.project == processes.c.project, task_runs.c.process == processes.c.id, unfinished
    )
    query = sa.select(processes.c.project, processes.c.id).where(processes.c.ended_at < before, ~left)
    names = tx.run(query.limit(BATCH)).all()
    if names:
        tx.run(sa.delete(processes).where(in_rows(tx.dialect, processes.c["project", "id"], names)))
    return len(names)


def merge_old_minutes(tx: Tx, before: Instant, *, after: int) -> int | None:
    """Replace a batch of tallies by minute with tallies by hour, among the incidents that follow number `after`.

    Returns where to continue, None at the end.
    """
    own = (tallies.c.incident > after, tallies.c.incident <= after + INCIDENTS_WALKED)
    hour = before // HOUR * HOUR
    key = tallies.c["incident", "minute"]
    old = sa.select(*key).where(*own, tallies.c.minute < hour, tallies.c.minute % HOUR != 0).limit(BATCH)
    rows = tx.run(sa.delete(tallies).where(sa.tuple_(*key).in_(old)).returning(*tallies.c)).all()
    if rows:
        add_tallies(tx, [(row.incident, row.minute // HOUR * HOUR, row.n) for row in rows])
    if len(rows) == BATCH:
        return after
    further = sa.select(sa.func.min(tallies.c.incident)).where(tallies.c.incident > after + INCIDENTS_WALKED)
    number = tx.run(further).scalar()
    return None if number is None else int(number) - 1


def figures(tx: Tx) -> DatabaseFigures:
    """Read the figures. Cheap enough for every few seconds: only live rows are counted individually."""
    oldest = tx.run(
        sa.select(sa.func.min(deliveries.c.created_at)).where(deliveries.c.state.in_(LIVE))
    ).scalar()
    return DatabaseFigures(
        bytes=size(tx),
        oldest_age=0 if oldest is None else max(0, tx.now - oldest),
        by_state=ledger.running_by_state(tx),
    )
