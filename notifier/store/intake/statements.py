"""The hot path's statements, compiled once per engine: the compiler would cost more than the engine."""

from __future__ import annotations

import sqlalchemy as sa

from notifier.store.compiled import upsert
from notifier.store.database import Dialect
from notifier.store.json_rows import rows_from_json
from notifier.store.schema import OPEN, Big, event_ids, events, incidents, tallies

Text = sa.Text()


_IDENTITY = [("project", Text), ("environment", Text), ("fingerprint", Text)]


_STANDING = (
    incidents.c.project, incidents.c.environment, incidents.c.fingerprint, incidents.c.number, incidents.c.id,
    incidents.c.state, incidents.c.severity, incidents.c.labels, incidents.c.varying, incidents.c.count,
    incidents.c.late, incidents.c.first_seen, incidents.c.last_seen, incidents.c.resolved_at, incidents.c.waiting,
)  # fmt: skip


def _is(rows: sa.Subquery) -> sa.ColumnElement[bool]:
    return sa.and_(
        incidents.c.project == rows.c.project,
        incidents.c.environment == rows.c.environment,
        incidents.c.fingerprint == rows.c.fingerprint,
    )


def find_ids(dialect: Dialect) -> sa.ClauseElement:
    rows = rows_from_json(dialect, "ids", [("project", Text), ("id", Text)])
    found = sa.and_(event_ids.c.project == rows.c.project, event_ids.c.id == rows.c.id)
    return sa.select(
        event_ids.c.project, event_ids.c.id.label("event_id"), incidents.c.id.label("incident_id")
    ).select_from(
        rows.join(event_ids, found).outerjoin(incidents, incidents.c.number == event_ids.c.incident)
    )


def find_open(dialect: Dialect) -> sa.ClauseElement:
    rows = rows_from_json(dialect, "identities", _IDENTITY)
    found = sa.select(*_STANDING).select_from(
        rows.join(incidents, sa.and_(_is(rows), incidents.c.closed == OPEN))
    )
    return found if dialect == "sqlite" else found.order_by(*_STANDING[:3]).with_for_update(of=incidents)


def find_resolved(dialect: Dialect) -> sa.ClauseElement:
    rows = rows_from_json(dialect, "identities", _IDENTITY)
    newest = sa.select(sa.func.max(incidents.c.closed)).where(_is(rows)).correlate(rows).scalar_subquery()
    one = sa.and_(_is(rows), incidents.c.closed == newest, incidents.c.closed > OPEN)
    found = sa.select(*_STANDING).select_from(rows.join(incidents, one))
    return found if dialect == "sqlite" else found.order_by(*_STANDING[:3]).with_for_update(of=incidents)


def _of_first_version() -> sa.ColumnElement[bool]:
    """Incidents that an identity of the present rules may go on: unresolved, or resolved since a moment."""
    since = sa.bindparam("since", type_=Big)
    lately = sa.or_(incidents.c.resolved_at.is_(None), incidents.c.resolved_at >= since)
    return sa.and_(incidents.c.version == sa.literal_column("1"), lately)


def any_of_first_version(dialect: Dialect) -> sa.ClauseElement:
    del dialect
    return sa.select(incidents.c.number).where(_of_first_version()).limit(1)


def find_of_first_version(dialect: Dialect) -> sa.ClauseElement:
    """Unresolved ones first, of those the newest first."""
    rows = rows_from_json(dialect, "identities", _IDENTITY)
    found = (
        sa.select(*_STANDING)
        .select_from(rows.join(incidents, sa.and_(_is(rows), _of_first_version())))
        .order_by(incidents.c.resolved_at.is_not(None), incidents.c.number.desc())
    )
    return found if dialect == "sqlite" else found.with_for_update(of=incidents)


def take_over(dialect: Dialect) -> sa.ClauseElement:
    rows = rows_from_json(dialect, "taken", [("number", Big), ("fingerprint", Text), ("version", Big)])
    return (
        sa.update(incidents)
        .values(fingerprint=rows.c.fingerprint, version=rows.c.version)
        .where(incidents.c.number == rows.c.number)
    )


_NEW = [
    incidents.c.id, incidents.c.project, incidents.c.environment, incidents.c.fingerprint, incidents.c.closed,
    incidents.c.state, incidents.c.title, incidents.c.severity, incidents.c.labels, incidents.c.varying,
    incidents.c.count, incidents.c.late, incidents.c.opened_at, incidents.c.first_seen, incidents.c.last_seen,
    incidents.c.previous_id, incidents.c.attention_at, incidents.c.waiting, incidents.c.routed, incidents.c.quiet_since,
    incidents.c.version,
]  # fmt: skip


def insert_incidents(dialect: Dialect) -> sa.ClauseElement:
    rows = rows_from_json(dialect, "incidents", [(column.name, column.type) for column in _NEW])
    # `WHERE true` keeps SQLite from reading ON CONFLICT as a join's ON.
    chosen = sa.select(*rows.c).where(sa.true())
    insert = upsert(dialect, incidents).from_select(
        [column.name for column in _NEW], chosen, include_defaults=False
    )
    return insert.on_conflict_do_nothing().returning(incidents.c.number, incidents.c.id)


def update_incidents(dialect: Dialect) -> sa.ClauseElement:
    names = [
        "number", "state", "closed", "severity", "labels", "varying", "count", "late", "first_seen", "last_seen",
        "resolved_at", "resolved_by", "attention_at",
    ]  # fmt: skip
    rows = rows_from_json(dialect, "incidents", [(name, incidents.c[name].type) for name in names])
    values = {name: rows.c[name] for name in names[1:-2]}
    return (
        sa.update(incidents)
        .values(
            **values,
            resolved_by=sa.func.coalesce(rows.c.resolved_by, incidents.c.resolved_by),
            attention_at=sa.func.coalesce(incidents.c.attention_at, rows.c.attention_at),
            waiting=sa.case((rows.c.attention_at.is_not(None), 0), else_=incidents.c.waiting),
        )
        .where(incidents.c.number == rows.c.number)
    )


def insert_events(dialect: Dialect) -> sa.ClauseElement:
    rows = rows_from_json(dialect, "events", [(column.name, column.type) for column in events.c])
    return sa.insert(events).from_select([column.name for column in events.c], sa.select(*rows.c))


def delete_events(dialect: Dialect) -> sa.ClauseElement:
    rows = rows_from_json(dialect, "dropped", [("incident", Big), ("seq", Big)])
    pairs = sa.tuple_(events.c.incident, events.c.seq)
    return sa.delete(events).where(pairs.in_(sa.select(rows.c.incident, rows.c.seq)))


def insert_ids(dialect: Dialect) -> sa.ClauseElement:
    rows = rows_from_json(dialect, "ids", [(column.name, column.type) for column in event_ids.c])
    chosen = sa.select(*rows.c).where(sa.true())
    return (
        upsert(dialect, event_ids).from_select([c.name for c in event_ids.c], chosen).on_conflict_do_nothing()
    )


def upsert_tallies(dialect: Dialect) -> sa.ClauseElement:
    rows = rows_from_json(dialect, "tallies", [("incident", Big), ("minute", Big), ("n", Big)])
    summed = (
        sa.select(rows.c.incident, rows.c.minute, sa.cast(sa.func.sum(rows.c.n), Big))
        .where(sa.true())
        .group_by(rows.c.incident, rows.c.minute)
    )
    insert = upsert(dialect, tallies).from_select(["incident", "minute", "n"], summed)
    return insert.on_conflict_do_update(
        index_elements=["incident", "minute"], set_={"n": tallies.c.n + insert.excluded.n}
    )
