"""What people and programs look at: rows as domain values."""

from __future__ import annotations

import json

import sqlalchemy as sa

from notifier.domain.event import Severity
from notifier.domain.incident import Incident, State
from notifier.store.schema import events, incidents


def with_latest() -> sa.Select:  # type: ignore[type-arg]
    """Incidents with their newest sample's document as `latest`."""
    newest = (
        sa.select(events.c.document)
        .where(events.c.incident == incidents.c.number)
        .order_by(events.c.seq.desc())
        .limit(1)
        .correlate(incidents)
        .scalar_subquery()
    )
    return sa.select(incidents, newest.label("latest"))


def incident_of(row: sa.Row, url: str | None) -> Incident:  # type: ignore[type-arg]
    """One row of `with_latest`; `url` is the base of links."""
    return Incident(
        id=row.id,
        number=row.number,
        project=row.project,
        environment=row.environment,
        fingerprint=row.fingerprint,
        title=row.title,
        state=State(row.state),
        severity=Severity(row.severity),
        labels=json.loads(row.labels),
        varying=tuple(json.loads(row.varying)),
        count=row.count,
        first_seen=row.first_seen,
        last_seen=row.last_seen,
        acknowledged_by=row.acknowledged_by,
        resolved_at=row.resolved_at,
        previous_id=row.previous_id,
        url=None if url is None else f"{url}/incidents/{row.number}",
        latest_event=None if row.latest is None else json.loads(row.latest),
    )
