"""Incidents as alerting reads and updates them."""

from __future__ import annotations

import sqlalchemy as sa

from notifier.domain.state import State
from notifier.domain.time import Instant
from notifier.store.compiled import Row, columns_of, reads
from notifier.store.database import Dialect
from notifier.store.json_rows import in_json, rows_from_json
from notifier.store.schema import (
    OPEN,
    Big,
    incidents,
    is_critical,
    members,
    tallies,
)
from notifier.store.search_index import RANK
from notifier.store.views import with_latest

Text = sa.Text()


class JudgedIncident(Row, frozen=True):
    """The columns of an incident on which decisions depend. `labels` is JSON text."""

    number: int
    id: str
    project: str
    environment: str
    fingerprint: str
    labels: str
    state: str
    severity: str
    count: int
    last_seen: Instant
    previous_id: str | None
    opened_at: Instant
    resolved_at: Instant | None
    resolved_by: str | None
    reopened_at: Instant | None
    acknowledged_at: Instant | None


class IncidentRow(JudgedIncident, frozen=True):
    """An incident that needs attention; `routed` is 0 or the rank of a severity plus 1."""

    routed: int


def _now() -> sa.BindParameter[int]:
    return sa.bindparam("now", type_=Big)


@reads(IncidentRow)
def attention_due(_dialect: Dialect) -> sa.ClauseElement:
    """Incidents that need attention, those that have waited longest first."""
    return _attention_due()


@reads(IncidentRow)
def urgent_attention_due(_dialect: Dialect) -> sa.ClauseElement:
    """Critical incidents that need attention, those that have waited longest first."""
    return _attention_due().where(is_critical)


def _attention_due() -> sa.Select[tuple[object, ...]]:
    return (
        sa.select(*columns_of(IncidentRow, incidents))
        .where(incidents.c.attention_at <= _now())
        .order_by(incidents.c.attention_at)
        .limit(sa.bindparam("most", type_=sa.Integer()))
        .with_for_update(skip_locked=True, of=incidents)
    )


def next_attention(_dialect: Dialect) -> sa.ClauseElement:
    return sa.select(sa.func.min(incidents.c.attention_at)).where(incidents.c.attention_at.is_not(None))


def snapshots(dialect: Dialect) -> sa.ClauseElement:
    return with_latest().where(incidents.c.number.in_(in_json(dialect, "incidents", Big)))


def recent_counts(dialect: Dialect) -> sa.ClauseElement:
    return (
        sa.select(tallies.c.incident, sa.cast(sa.func.sum(tallies.c.n), Big).label("n"))
        .where(
            tallies.c.incident.in_(in_json(dialect, "incidents", Big)),
            tallies.c.minute >= sa.bindparam("since", type_=Big),
        )
        .group_by(tallies.c.incident)
    )


def set_waiting(dialect: Dialect) -> sa.ClauseElement:
    """Let the next event wake an incident, unless one has arrived since it was read."""
    rows = rows_from_json(dialect, "rows", [("incident", Big), ("count", Big)])
    return (
        sa.update(incidents)
        .values(waiting=1)
        .where(incidents.c.number == rows.c.incident, incidents.c.count == rows.c.count)
    )


def set_routed(dialect: Dialect) -> sa.ClauseElement:
    rows = rows_from_json(dialect, "rows", [("number", Big), ("routed", incidents.c.routed.type)])
    return (
        sa.update(incidents)
        .values(attention_at=None, routed=rows.c.routed)
        .where(incidents.c.number == rows.c.number)
    )


def episode_counts(_dialect: Dialect) -> sa.ClauseElement:
    """The number of a group's incidents in each state that were notified in this episode."""
    return (
        sa.select(
            incidents.c.state,
            sa.func.count().label("n"),
            sa.cast(sa.func.sum(incidents.c.count), Big).label("events"),
        )
        .join(members, incidents.c.number == members.c.incident)
        .where(*_told_in_episode())
        .group_by(incidents.c.state)
    )


def episode_incidents(_dialect: Dialect) -> sa.ClauseElement:
    """Incidents of an episode: unresolved ones first, then by severity, then by number of events."""
    return (
        with_latest()
        .join(members, incidents.c.number == members.c.incident)
        .where(*_told_in_episode())
        .order_by(
            sa.case((incidents.c.closed == OPEN, 0), else_=1),
            RANK.desc(),
            incidents.c.count.desc(),
            sa.case((incidents.c.state == State.OPEN.value, 0), else_=1),
            incidents.c.number,
        )
        .limit(sa.bindparam("most", type_=sa.Integer()))
    )


def _told_in_episode() -> tuple[sa.ColumnElement[bool], ...]:
    return (
        members.c.group_id == sa.bindparam("group", type_=sa.Text()),
        members.c.told_at >= sa.bindparam("since", type_=Big),
    )
