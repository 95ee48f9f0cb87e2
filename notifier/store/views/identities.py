"""Other incidents of a problem: earlier ones, and a later one if it has recurred."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from notifier.domain.incident import Incident
from notifier.domain.severity import Severity
from notifier.domain.time import Instant
from notifier.store.database import Tx
from notifier.store.schema import OPEN, audit, incidents


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierIncident:
    """A resolved incident. `note` is the last note about it, written by `noted_by`."""

    id: str
    number: int
    title: str
    severity: Severity
    count: int
    opened_at: Instant
    resolved_at: Instant | None
    resolved_by: str | None
    note: str | None
    noted_by: str | None


def earlier_incidents(tx: Tx, incident: Incident, *, most: int) -> tuple[EarlierIncident, ...]:
    """Resolved incidents of the same identity before this one, and its `previous_id`, newest first."""
    columns = (*incidents.c, *(_last_note(column).label(name) for name, column in _NOTE.items()))
    before = sa.and_(*_identity(incident), incidents.c.closed > OPEN, incidents.c.closed < incident.number)
    rows = tx.run(sa.select(*columns).where(before).order_by(incidents.c.closed.desc()).limit(most)).all()
    # After an upgrade of the rules, the previous incident may have another fingerprint.
    if incident.previous_id is not None and incident.previous_id not in {row.id for row in rows}:
        named = sa.select(*columns).where(
            incidents.c.id == incident.previous_id, incidents.c.project == incident.project
        )
        rows = [*rows, *tx.run(named)]
    return tuple(_earlier(row) for row in sorted(rows, key=lambda row: row.number, reverse=True)[:most])


def later_incident(tx: Tx, incident: Incident) -> tuple[int, str] | None:
    """Number and id of the newest incident of the same identity, or None if this is the newest."""
    later = sa.or_(incidents.c.closed == OPEN, incidents.c.closed > incident.number)
    row = tx.run(
        sa.select(incidents.c.number, incidents.c.id)
        .where(*_identity(incident), later, incidents.c.number > incident.number)
        .order_by(incidents.c.number.desc())
        .limit(1)
    ).one_or_none()
    return None if row is None else (row.number, row.id)


_NOTE = {"note": audit.c.detail, "noted_by": audit.c.actor}


def _identity(incident: Incident) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        incidents.c.project == incident.project,
        incidents.c.environment == incident.environment,
        incidents.c.fingerprint == incident.fingerprint,
    )


def _last_note(column: sa.Column[Any]) -> sa.ScalarSelect[Any]:
    return (
        sa.select(column)
        .where(audit.c.subject == incidents.c.id, audit.c.action == "note")
        .order_by(audit.c.at.desc(), audit.c.id.desc())
        .limit(1)
        .correlate(incidents)
        .scalar_subquery()
    )


def _earlier(row: sa.Row[Any]) -> EarlierIncident:
    return EarlierIncident(
        id=row.id,
        number=row.number,
        title=row.title,
        severity=Severity(row.severity),
        count=row._mapping["count"],  # noqa: SLF001 - `count` is also a method of the row
        opened_at=row.opened_at,
        resolved_at=row.resolved_at,
        resolved_by=row.resolved_by,
        note=row.note,
        noted_by=row.noted_by,
    )
