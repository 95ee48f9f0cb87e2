"""Incidents that no event has reached for long."""

from __future__ import annotations

import sqlalchemy as sa

from notifier.domain.state import State
from notifier.domain.time import Instant
from notifier.store.compiled import Row, reads
from notifier.store.database import Dialect
from notifier.store.json_rows import in_json
from notifier.store.schema import Big, alert_ends, incidents, monitors, still_wrong

# Spelt as in the partial index: a bound value would keep SQLite from using it.
_UNRESOLVED = incidents.c.closed == sa.literal_column("0")


class QuietIncident(Row, frozen=True):
    """An incident's number, and when an event or a person's reopening last reached it (milliseconds).

    Of an alert that has an end of its own, and of a monitor that is still to be heard of, that is now.
    """

    number: int
    active_at: Instant


def active_at() -> sa.ColumnElement[int]:
    """The moment of `QuietIncident.active_at`; `now` is a parameter."""
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
    """Unresolved incidents whose `quiet_since` is not after `before`, the quietest first, locked."""
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
    """Resolve incidents, and let alerting look at them; `by` says what did it, no person having done so."""
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
    """Let incidents count as quiet since an event or a reopening last reached them."""
    return sa.update(incidents).where(_these(dialect)).values(quiet_since=active_at())


def next_quiet(_dialect: Dialect) -> sa.ClauseElement:
    """The earliest `quiet_since` of an unresolved incident."""
    return sa.select(sa.func.min(incidents.c.quiet_since)).where(_UNRESOLVED)
