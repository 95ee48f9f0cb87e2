"""Unresolved incidents of a project as alerts, with what their senders posted and their groups."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from notifier.domain.time import Instant
from notifier.store.compiled import Row, columns_of, reads
from notifier.store.database import Dialect, Tx
from notifier.store.json_rows import encode_values, in_json
from notifier.store.schema import OPEN, Big, alert_ends, groups, incidents, members
from notifier.store.views.paging import unindexed


class UnresolvedAlert(Row, frozen=True):
    """An incident, and what was posted if it is an alert. `labels` and `document` are JSON text."""

    number: int
    id: str
    environment: str
    fingerprint: str
    title: str
    state: str
    labels: str
    first_seen: Instant
    last_seen: Instant
    starts_at: Instant | None
    ends_at: Instant | None
    updated_at: Instant | None
    document: str | None


class AlertMembership(Row, frozen=True):
    """A group of an incident. `labels` are the group's, as JSON text."""

    incident: int
    group_id: str
    held_by: str | None
    hold_ref: str | None
    route: str
    labels: str


def unresolved(tx: Tx, project: str, *, most: int) -> list[UnresolvedAlert]:
    """The newest unresolved incidents, newest first."""
    query = sa.select(incidents.c.number).where(
        unindexed(incidents.c.project) == project, incidents.c.closed == OPEN
    )
    # Uses the index of unresolved incidents, of which there may be a handful among a million.
    numbers = tx.run(query.where(incidents.c.quiet_since >= 0).limit(most + 1)).scalars().all()
    if len(numbers) > most:
        numbers = tx.run(query.order_by(incidents.c.number.desc()).limit(most)).scalars().all()
    found = _by_numbers(tx, incidents=encode_values(numbers))
    return sorted(found, key=lambda row: row.number, reverse=True)


def memberships(tx: Tx, numbers: Sequence[int]) -> list[AlertMembership]:
    """The groups of these incidents."""
    return _memberships(tx, incidents=encode_values(numbers))


@reads(UnresolvedAlert)
def _by_numbers(dialect: Dialect) -> sa.ClauseElement:
    its = sa.and_(
        alert_ends.c.project == incidents.c.project,
        alert_ends.c.environment == incidents.c.environment,
        alert_ends.c.fingerprint == incidents.c.fingerprint,
        alert_ends.c.ends_at.is_not(None),
    )
    return (
        sa.select(*columns_of(UnresolvedAlert, incidents, alert_ends))
        .select_from(incidents.outerjoin(alert_ends, its))
        .where(incidents.c.number.in_(in_json(dialect, "incidents", Big)))
    )


@reads(AlertMembership)
def _memberships(dialect: Dialect) -> sa.ClauseElement:
    return (
        sa.select(
            members.c.incident,
            members.c.group_id,
            members.c.held_by,
            members.c.hold_ref,
            groups.c.route,
            groups.c.labels,
        )
        .join(groups, groups.c.id == members.c.group_id)
        .where(members.c.incident.in_(in_json(dialect, "incidents", Big)))
        .order_by(members.c.group_id, members.c.incident)
    )
