"""Monitors, each with its incident."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from notifier.domain.monitor import MonitorSchedule, MonitorState
from notifier.domain.time import Instant
from notifier.store.compiled import columns_of
from notifier.store.database import Tx
from notifier.store.json_rows import in_rows
from notifier.store.monitor_rows import MonitorName, MonitorRow
from notifier.store.schema import OPEN, incidents, monitors
from notifier.store.views.paging import Page, PageKey, cut, earlier

_ORDER = (monitors.c.at, monitors.c.environment, monitors.c.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitorStatus:
    """A monitor in a list. `incident_id` is its unresolved incident."""

    name: str
    environment: str
    service: str
    state: MonitorState
    at: Instant
    duration_ms: float | None
    severity: str
    schedule: MonitorSchedule | None
    declared_by: str | None
    due_at: Instant | None
    incident_id: str | None


def find_monitors(tx: Tx, *, project: str, after: PageKey | None, limit: int) -> Page[MonitorStatus]:
    """Monitors of one project, most recent check-in first."""
    query = _statuses().where(monitors.c.project == project, earlier(_ORDER, after))
    rows = tx.run(query.order_by(*(column.desc() for column in _ORDER)).limit(limit + 1)).all()
    return cut(rows, limit, _status, lambda row: (row.at, row.environment, row.name))


def monitors_named(tx: Tx, names: Collection[MonitorName]) -> dict[MonitorName, MonitorStatus]:
    """The monitors with these names."""
    key = monitors.c["project", "environment", "name"]
    rows = tx.run(_statuses().where(in_rows(tx.dialect, key, names)))
    return {(row.project, row.environment, row.name): _status(row) for row in rows}


def _statuses() -> sa.Select[Any]:
    its = sa.and_(
        incidents.c.project == monitors.c.project,
        incidents.c.environment == monitors.c.environment,
        incidents.c.fingerprint == monitors.c.fingerprint,
        incidents.c.closed == OPEN,
    )
    return sa.select(*columns_of(MonitorRow, monitors), incidents.c.id.label("incident_id")).select_from(
        monitors.outerjoin(incidents, its)
    )


def _status(row: Any) -> MonitorStatus:
    *cells, incident_id = row
    own = MonitorRow(*cells)
    return MonitorStatus(
        name=own.name,
        environment=own.environment,
        service=own.service,
        state=own.trouble or own.status,
        at=own.at,
        duration_ms=own.duration_ms,
        severity=own.severity or "error",
        schedule=own.expects(),
        declared_by=own.declared_by,
        due_at=own.due_at,
        incident_id=incident_id,
    )
