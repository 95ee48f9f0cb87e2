"""Incidents that have received no event for long."""

from __future__ import annotations

import sqlalchemy as sa

from notifier.domain.state import State
from notifier.domain.time import Instant
from notifier.store.compiled import Row, reads
from notifier.store.database import Dialect
from notifier.store.json_rows import in_json
from notifier.store.schema import Big, alert_ends, incidents, monitors, still_wrong

# A literal, as in the partial index; with a bound value SQLite would not use it.
_UNRESOLVED = incidents.c.closed == sa.literal_column("0")


class QuietIncident(Row, frozen=True):
    """An incident's number, and the time of its last event or reopening.

    For an alert with an end of its own, and for a monitor that is still expected, that time is now.
    """

    number: int
    active_at: Instant


def active_at() -> sa.ColumnElement[int]:
    """SQL for `QuietIncident.active_at`, with the parameter `now`."""
    reopened_at = sa.func.coalesce(incidents.c.reopened_at, incidents.c.opened_at)
    fires = sa.exists().where(
        alert_ends.c.project == incidents.c.project,
        alert_ends.c.environment == incidents.c.environment,
        alert_ends.c.fingerprint == incidents.c.fingerprint,
        alert_ends.c.ends_at.is_not(None),
    )
    still = sa.exists().where(
        monitors.c.fingerprint == incidents.c.fingerprint,
        monitors.c.project == incidents.c.project,
        monitors.c.environment == incidents.c.environment,
        still_wrong,
    )
    return sa.case(
        (sa.or_(fires, still), sa.bindparam("now", type_=Big)),
        (incidents.c.last_seen > reopened_at, incidents.c.last_seen),
        else_=reopened_at,
    )


@reads(QuietIncident)
def quiet_incidents(_dialect: Dialect) -> sa.ClauseElement:
    """Unresolved incidents with `quiet_since` at or before `before`, longest quiet first, locked."""
    return (
        sa.select(incidents.c.number, active_at().label("active_at"))
        .where(_UNRESOLVED, incidents.c.quiet_since <= sa.bindparam("before", type_=Big))
        .order_by(incidents.c.quiet_since)
        .limit(sa.bindparam("most", type_=sa.Integer()))
        .with_for_update(skip_locked=True)
    )


def _these(dialect: Dialect) -> sa.ColumnElement[bool]:
    return incidents.c.number.in_(in_json(dialect, "incidents", Big))


def resolve_incidents(dialect: Dialect) -> sa.ClauseElement:
    """Resolve incidents and let alerting look at them. `by` says what resolved them, as no person did."""
    now = sa.bindparam("now", type_=Big)
    return (
        sa.update(incidents)
        .where(_these(dialect))
        .values(
            state=State.RESOLVED.value,
            closed=incidents.c.number,
            resolved_at=now,
            resolved_by=sa.bindparam("by", type_=sa.Text()),
            waiting=0,
            attention_at=sa.func.coalesce(incidents.c.attention_at, now),
        )
    )


def move_quiet_since(dialect: Dialect) -> sa.ClauseElement:
    """Update `quiet_since` to the time of the last event or reopening."""
    return sa.update(incidents).where(_these(dialect)).values(quiet_since=active_at())


def next_quiet(_dialect: Dialect) -> sa.ClauseElement:
    """The earliest `quiet_since` of an unresolved incident."""
    return sa.select(sa.func.min(incidents.c.quiet_since)).where(_UNRESOLVED)
