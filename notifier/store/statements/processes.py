"""Processes of applications: their heartbeats, and the reports of their clients."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from notifier.domain.time import Instant
from notifier.store.compiled import execute, upsert
from notifier.store.database import Dialect, Tx
from notifier.store.json_rows import in_rows, json_value
from notifier.store.schema import processes

REPORTS_AT_MOST = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessReports:
    """The reports of a process's client, counted by outcome. `ended` says whether the process has ended."""

    service: str
    reports: Mapping[str, Any]
    ended: bool


def write(tx: Tx, values: Mapping[str, object]) -> None:
    """Write a process with these values of its columns; `reports` of None keeps the stored ones."""
    execute(tx, _write, values)


def end_silent(tx: Tx, before: Instant, *, most: int) -> int:
    """End processes without a heartbeat since `before`, longest silent first. Returns how many."""
    query = (
        sa.select(processes.c.project, processes.c.id)
        .where(processes.c.ended_at.is_(None), processes.c.seen_at <= before)
        .order_by(processes.c.seen_at)
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    names = tx.run(query).all()
    if names:
        own = in_rows(tx.dialect, processes.c["project", "id"], names)
        tx.run(sa.update(processes).where(own).values(ended_at=tx.now))
    return len(names)


def count_living(tx: Tx) -> int:
    query = sa.select(sa.func.count()).select_from(processes).where(processes.c.ended_at.is_(None))
    return int(tx.run(query).scalar_one())


def reports(tx: Tx) -> list[ProcessReports]:
    """The reports of the processes with the latest heartbeats, including ended ones."""
    rows = tx.run(
        sa.select(processes.c.service, processes.c.reports, processes.c.ended_at)
        .where(processes.c.reports.is_not(None))
        .order_by(processes.c.seen_at.desc())
        .limit(REPORTS_AT_MOST)
    )
    return [
        ProcessReports(service=row.service, reports=json_value(row.reports), ended=row.ended_at is not None)
        for row in rows
    ]


def _write(dialect: Dialect) -> sa.ClauseElement:
    names = [column.name for column in processes.c]
    values = {name: sa.bindparam(name, type_=processes.c[name].type) for name in names}
    insert = upsert(dialect, processes).values(**values)
    new = {name: insert.excluded[name] for name in names if name not in {"project", "id", "reports"}}
    reports = sa.func.coalesce(insert.excluded.reports, processes.c.reports)
    return insert.on_conflict_do_update(index_elements=["project", "id"], set_={**new, "reports": reports})
