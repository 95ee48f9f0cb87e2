"""Timers: future times, and times that ages count from, which are moved if the clock was set back or stood still.

One row stores when time was last kept, another until when nothing is deleted for its age because the clock may be
wrong. On PostgreSQL the server's clock is used, since a replica that stood still may not know yet how late it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from notifier.domain.time import MINUTE, Duration, Instant
from notifier.store import backups
from notifier.store.compiled import upsert
from notifier.store.database import SERVER_MOMENT, Tx
from notifier.store.incident_removal import LIVE
from notifier.store.replicas import is_replica
from notifier.store.schema import (
    OPEN,
    action_tokens,
    alert_ends,
    deliveries,
    groups,
    incident_order,
    incidents,
    instance,
    members,
    monitors,
    pending_sign_ins,
    processes,
    sessions,
    sign_in_links,
    targets,
    task_runs,
)
from notifier.store.statements.quiet import active_at

ROW = "clock"
RETENTION_ROW = "retention_waits"
NEAR: Duration = MINUTE
"""Timers due within this time are not moved: they may have been set since the clock was corrected, and are due
soon."""

_WAITS = deliveries.c.state.in_(LIVE)
_UNRESOLVED = incidents.c.closed == OPEN


@dataclass(frozen=True, slots=True, kw_only=True)
class _Timers:
    """The columns of a table that hold times to wait for, or times from which durations count.

    `set_by` is the column with the time at which a row's timers were set, if there is one.
    """

    table: sa.Table
    columns: tuple[str, ...]
    set_by: str | None = None
    where: sa.ColumnElement[bool] | None = None


_TIMERS = (
    _Timers(
        table=incidents,
        columns=("attention_at", "opened_at", "first_seen", "last_seen", "reopened_at", "resolved_at"),
    ),
    _Timers(table=incident_order, columns=("last_seen",)),
    _Timers(table=groups, columns=("due_at", "acts_until", "last_told_at", "episode_at")),
    _Timers(
        table=members,
        columns=("changed_at", "repeat_at", "escalate_at", "told_at", "first_told_at", "critical_at"),
        set_by="told_at",
    ),
    _Timers(table=deliveries, columns=("due_at", "fallback_at", "lease_until"), where=_WAITS),
    _Timers(
        table=targets,
        columns=("due_at", "tokens_at", "cool_until", "last_sent_at", "storm_at", "gone_at"),
    ),
    _Timers(table=monitors, columns=("due_at", "due_from", "at"), set_by="at"),
    _Timers(table=processes, columns=("seen_at",)),
    _Timers(table=task_runs, columns=("asked_at",)),
    _Timers(table=instance, columns=("at",), where=is_replica()),
    _Timers(table=action_tokens, columns=("expires_at",), set_by="created_at"),
    _Timers(table=sessions, columns=("seen_at", "expires_at"), set_by="created_at"),
    _Timers(table=sign_in_links, columns=("expires_at",)),
    _Timers(table=pending_sign_ins, columns=("expires_at",)),
)


def moment(tx: Tx) -> Instant:
    """The current time, by the clock of `noted`."""
    if tx.dialect == "sqlite":
        return tx.now
    return int(tx.run(sa.text(SERVER_MOMENT)).scalar_one())


def noted(tx: Tx, *, lock: bool = False) -> Instant | None:
    """When time was last kept, or None if never."""
    query = sa.select(instance.c.at).where(instance.c.name == ROW)
    return tx.run(query.with_for_update() if lock else query).scalar()


def note(tx: Tx, now: Instant) -> None:
    """Record that time is being kept now."""
    _write(tx, ROW, now)


def retention_waits_until(tx: Tx) -> Instant | None:
    """Until when nothing is deleted for its age, or None if that is not in the future."""
    ahead = instance.c.name == RETENTION_ROW, instance.c.at > tx.now
    return tx.run(sa.select(instance.c.at).where(*ahead)).scalar()


def let_retention_wait(tx: Tx, until: Instant) -> None:
    """Delete nothing for its age until that time."""
    _write(tx, RETENTION_ROW, until)


def _write(tx: Tx, name: str, at: Instant) -> None:
    row = upsert(tx.dialect, instance).values(name=name, at=at)
    tx.run(row.on_conflict_do_update(index_elements=["name"], set_={"at": row.excluded.at}))


def move_back(tx: Tx, by: Duration, now: Instant) -> None:
    """Move timers back after the clock was set back by `by` milliseconds.

    Timers known to have been set since then stay, and so do times given by people, who meant the correct clock. What
    `move_on` moved when the clock went ahead is moved back, and old data may be deleted again.
    """
    edge, quiet = now + NEAR, incidents.c.quiet_since
    tx.run(sa.update(incidents).where(_UNRESOLVED, quiet > edge).values(quiet_since=quiet - by))
    for timers in _TIMERS:
        columns = [timers.table.c[name] for name in timers.columns]
        moved = {column.name: sa.case((column > edge, column - by), else_=column) for column in columns}
        update = sa.update(timers.table).where(sa.or_(*(column > edge for column in columns))).values(**moved)
        if timers.set_by is not None:
            set_at = sa.func.coalesce(timers.table.c[timers.set_by], 0)
            update = update.where(~set_at.between(now - NEAR, edge))
        tx.run(update if timers.where is None else update.where(timers.where))
    # The end of an alert is its sender's, unless the alert arrived while the clock was wrong.
    alert = {name: alert_ends.c[name] - by for name in ("ends_at", "updated_at")}
    tx.run(sa.update(alert_ends).where(alert_ends.c.updated_at > edge).values(**alert))
    backups.move_back(tx, by, edge)
    ends = deliveries.c.expires_at
    tx.run(sa.update(deliveries).where(_WAITS, ends > now + by).values(expires_at=ends - by))
    tx.run(sa.delete(instance).where(instance.c.name == RETENTION_ROW))


def move_on(tx: Tx, by: Duration, now: Instant) -> None:
    """Exclude an outage of `by` milliseconds from the time allowed to deliveries and incidents."""
    later = {name: deliveries.c[name] + by for name in ("expires_at", "fallback_at")}
    tx.run(sa.update(deliveries).where(_WAITS).values(**later))
    active = active_at()
    since = sa.case((incidents.c.quiet_since > active, incidents.c.quiet_since), else_=active)
    tx.run(sa.update(incidents).where(_UNRESOLVED).values(quiet_since=since + by), {"now": now})
