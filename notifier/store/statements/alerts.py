"""Repeatedly posted alerts, and the incidents they belong to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import sqlalchemy as sa

from notifier.domain.state import State
from notifier.domain.time import Instant
from notifier.store.compiled import Row, columns_of, execute, reads, upsert
from notifier.store.database import Dialect, Tx
from notifier.store.json_rows import encode_rows, encode_values, in_json, in_parts, rows_from_json
from notifier.store.schema import OPEN, Big, alert_ends, incidents
from notifier.store.statements.intake import Identity

_KEY = ("project", "environment", "fingerprint")
_IDENTITY = [(name, sa.Text()) for name in _KEY]


class AlertRow(Row, frozen=True):
    """A stored alert. `document` is JSON text: labels, annotations and generatorURL as posted."""

    project: str
    environment: str
    fingerprint: str
    starts_at: Instant
    ends_at: Instant | None
    ended_at: Instant | None
    updated_at: Instant
    document: str


class NewestIncident(Row, frozen=True):
    """The unresolved incident of an identity, or else its newest resolved one."""

    project: str
    environment: str
    fingerprint: str
    number: int
    state: str
    resolved_by: str | None
    waiting: int

    @property
    def resolved(self) -> bool:
        return self.state == State.RESOLVED.value


class DueAlert(Row, frozen=True):
    """An alert whose end has passed, and the number of its unresolved incident."""

    project: str
    environment: str
    fingerprint: str
    incident: int | None


def known(tx: Tx, identities: Sequence[Identity]) -> dict[Identity, AlertRow]:
    """The known ones of these alerts, locked. Alerts are locked before incidents."""
    rows = _known(tx, identities=encode_rows(identities))
    return {(row.project, row.environment, row.fingerprint): row for row in rows}


def newest(tx: Tx, identities: Sequence[Identity]) -> dict[Identity, NewestIncident]:
    """The newest incident of each identity, locked."""
    rows = _newest(tx, identities=encode_rows(identities))
    return {(row.project, row.environment, row.fingerprint): row for row in rows}


def write(tx: Tx, alerts: Iterable[AlertRow]) -> None:
    """Insert or replace alerts."""
    rows = [tuple(getattr(alert, name) for name in AlertRow.__struct_fields__) for alert in alerts]
    for part in in_parts(rows):
        execute(tx, _write, {"alerts": part})


def refresh(tx: Tx, numbers: Sequence[int]) -> None:
    """Update `last_seen` of these incidents without counting an event."""
    execute(tx, _refresh, {"incidents": encode_values(numbers), "now": tx.now})


def _is(table: sa.Table, rows: sa.Subquery | sa.Table) -> sa.ColumnElement[bool]:
    return sa.and_(*(table.c[name] == rows.c[name] for name in _KEY))


@reads(AlertRow)
def _known(dialect: Dialect) -> sa.ClauseElement:
    rows = rows_from_json(dialect, "identities", _IDENTITY)
    found = sa.select(*columns_of(AlertRow, alert_ends)).select_from(
        rows.join(alert_ends, _is(alert_ends, rows))
    )
    if dialect == "sqlite":
        return found
    return found.order_by(*(alert_ends.c[name] for name in _KEY)).with_for_update(of=alert_ends)


@reads(NewestIncident)
def _newest(dialect: Dialect) -> sa.ClauseElement:
    rows = rows_from_json(dialect, "identities", _IDENTITY)
    own = incidents.alias("own")
    closed = (
        sa.select(sa.case((sa.func.min(own.c.closed) == OPEN, OPEN), else_=sa.func.max(own.c.closed)))
        .where(*(own.c[name] == rows.c[name] for name in _KEY))
        .correlate(rows)
        .scalar_subquery()
    )
    last = sa.and_(_is(incidents, rows), incidents.c.closed == closed)
    found = sa.select(*columns_of(NewestIncident, incidents)).select_from(rows.join(incidents, last))
    if dialect == "sqlite":
        return found
    return found.order_by(*(incidents.c[name] for name in _KEY)).with_for_update(of=incidents)


def _write(dialect: Dialect) -> sa.ClauseElement:
    names = [column.name for column in alert_ends.c]
    rows = rows_from_json(dialect, "alerts", [(column.name, column.type) for column in alert_ends.c])
    writing = upsert(dialect, alert_ends).from_select(names, sa.select(*rows.c).where(sa.true()))
    return writing.on_conflict_do_update(
        index_elements=list(_KEY),
        set_={name: writing.excluded[name] for name in names if name not in _KEY},
    )


def _refresh(dialect: Dialect) -> sa.ClauseElement:
    now = sa.bindparam("now", type_=Big)
    woken = sa.func.coalesce(incidents.c.attention_at, now)
    return (
        sa.update(incidents)
        .where(incidents.c.number.in_(in_json(dialect, "incidents", Big)), incidents.c.closed == OPEN)
        .values(
            last_seen=sa.case((incidents.c.last_seen < now, now), else_=incidents.c.last_seen),
            attention_at=sa.case((incidents.c.waiting == 1, woken), else_=incidents.c.attention_at),
            waiting=0,
        )
    )


@reads(DueAlert)
def due(_dialect: Dialect) -> sa.ClauseElement:
    """Alerts whose end is at or before `before`, earliest first, locked."""
    its = sa.and_(_is(incidents, alert_ends), incidents.c.closed == OPEN)
    return (
        sa.select(*(alert_ends.c[name] for name in _KEY), incidents.c.number.label("incident"))
        .select_from(alert_ends.outerjoin(incidents, its))
        .where(alert_ends.c.ends_at <= sa.bindparam("before", type_=Big))
        .order_by(alert_ends.c.ends_at)
        .limit(sa.bindparam("most", type_=sa.Integer()))
        .with_for_update(skip_locked=True, of=alert_ends)
    )


def lock_open(dialect: Dialect) -> sa.ClauseElement:
    """The numbers of those incidents that are unresolved and not locked by others, locked."""
    these = incidents.c.number.in_(in_json(dialect, "incidents", Big))
    return (
        sa.select(incidents.c.number)
        .where(these, incidents.c.closed == OPEN)
        .with_for_update(skip_locked=True)
    )


def end(dialect: Dialect) -> sa.ClauseElement:
    """Mark alerts of these identities as over."""
    rows = rows_from_json(dialect, "identities", _IDENTITY)
    return sa.update(alert_ends).values(ends_at=None).where(_is(alert_ends, rows))


def next_end(_dialect: Dialect) -> sa.ClauseElement:
    """The earliest end of an alert that is not over."""
    return sa.select(sa.func.min(alert_ends.c.ends_at)).where(alert_ends.c.ends_at.is_not(None))
