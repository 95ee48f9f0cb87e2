"""Incidents, samples, tallies and event ids, read and written in batches for commits of events.

Each statement is compiled once per engine, since compiling costs more than executing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from notifier.domain.severity import Severity
from notifier.domain.state import State
from notifier.domain.time import Instant
from notifier.policy.fingerprint import VERSION
from notifier.policy.lifecycle import IncidentBefore, IncidentChange
from notifier.store.compiled import execute, upsert
from notifier.store.database import Dialect, SerializationConflict, Tx
from notifier.store.json_rows import encode_rows, in_parts, json_text, json_value, rows_from_json
from notifier.store.schema import OPEN, Big, event_ids, events, incidents, tallies
from notifier.store.schema.events import of_earlier_version

Identity = tuple[str, str, str]
"""Project, environment and fingerprint."""
EventName = tuple[str, str]
"""Project and id."""
Sample = tuple[int, int, str, Instant, Instant, str]
"""The incident's number, the count that the event made; the event's id, `at`, `received_at` and document."""

_OPENED = State.OPEN.value
# A dictionary, since `value` of an enumeration costs ten times as much.
_SEVERITY = {severity: severity.value for severity in Severity}


def known_ids(tx: Tx, names: Sequence[EventName]) -> dict[EventName, str | None]:
    """The stored ones of these events, each with the id of its incident, or None if it resolved nothing."""
    rows = execute(tx, _find_ids, {"ids": encode_rows(names)})
    return {(row.project, row.event_id): row.incident_id for row in rows}


def claim_ids(tx: Tx, ids: Sequence[tuple[str, str, int, Instant]]) -> None:
    """Store event ids given by senders: project, id, the incident's number, the time.

    Raises `SerializationConflict` if one was stored concurrently.
    """
    if execute(tx, _insert_ids, {"ids": encode_rows(ids)}).rowcount < len(ids):
        raise SerializationConflict


def open_incidents(tx: Tx, identities: Sequence[Identity]) -> dict[Identity, IncidentBefore]:
    """The unresolved incidents of these identities, locked."""
    return dict(map(_incident, execute(tx, _find_open, {"identities": encode_rows(identities)})))


def newest_resolved(tx: Tx, identities: Sequence[Identity]) -> dict[Identity, IncidentBefore]:
    """The newest resolved incident of each of these identities without an unresolved one, locked."""
    return dict(map(_incident, execute(tx, _find_resolved, {"identities": encode_rows(identities)})))


def has_earlier_version(tx: Tx, since: Instant) -> bool:
    """Whether an incident of an earlier fingerprint version is unresolved, or was resolved since `since`."""
    return execute(tx, _any_of_earlier_version, {"since": since}).first() is not None


def find_earlier_version(
    tx: Tx, identities: Sequence[Identity], since: Instant
) -> list[tuple[Identity, IncidentBefore]]:
    """The incidents of these identities by earlier rules, unresolved and newest ones first, locked."""
    rows = execute(tx, _find_of_earlier_version, {"identities": encode_rows(identities), "since": since})
    return list(map(_incident, rows))


def take_over(tx: Tx, fingerprints: Sequence[tuple[int, str]]) -> None:
    """Replace the fingerprints of these incidents, by number, with those of the current rules."""
    rows = [(number, fingerprint, VERSION) for number, fingerprint in fingerprints]
    try:
        execute(tx, _take_over, {"incidents": encode_rows(rows)})
    except IntegrityError:  # Another replica has just opened one.
        raise SerializationConflict from None


def insert_incidents(tx: Tx, new: Iterable[tuple[str, IncidentChange]]) -> dict[str, int]:
    """Open incidents. Returns their numbers by id; raises `SerializationConflict` if another replica was faster."""
    now = tx.now
    rows = []
    for id_, change in new:
        first = change.counted[0]
        rows.append((
            id_, first.project, first.environment, first.fingerprint, OPEN, _OPENED, first.title,
            _SEVERITY[change.severity], json_text(change.labels), json_text(change.varying) if change.varying else "[]",
            len(change.counted), 0, now, change.first_seen, change.last_seen, change.previous_id, now, 0, 0,
            change.last_seen, VERSION,
        ))  # fmt: skip
    numbers: dict[str, int] = {}
    for part in in_parts(rows):
        inserted: Iterable[Any] = execute(tx, _insert_incidents, {"incidents": part})
        numbers.update((id_, number) for number, id_ in inserted)
    if len(numbers) < len(rows):
        raise SerializationConflict
    return numbers


def update_incidents(tx: Tx, changes: Iterable[IncidentChange]) -> None:
    """Update incidents after their events.

    Rows of which only figures change have a statement of their own, since SQLite updates each index whose columns are
    set, even to the same value.
    """
    now = tx.now
    rows = []
    figures = []
    for change in changes:
        incident = change.incident
        assert incident is not None
        if not change.attention:
            figures.append((
                incident.number, incident.count + len(change.counted), incident.late + change.late,
                change.first_seen, change.last_seen,
            ))  # fmt: skip
            continue
        resolved = change.kind == "resolved"
        rows.append((
            incident.number, change.state.value, incident.number if change.state is State.RESOLVED else OPEN,
            change.severity.value, json_text(change.labels), json_text(change.varying),
            incident.count + len(change.counted), incident.late + change.late, change.first_seen, change.last_seen,
            change.resolved_at, "event" if resolved else None, now,
        ))  # fmt: skip
    if rows:
        execute(tx, _update_incidents, {"incidents": encode_rows(rows)})
    if figures:
        execute(tx, _update_figures, {"incidents": encode_rows(figures)})


def insert_samples(tx: Tx, samples: Sequence[Sample]) -> None:
    for part in in_parts(samples):
        execute(tx, _insert_events, {"events": part})


def delete_samples(tx: Tx, samples: Sequence[tuple[int, int]]) -> None:
    """Delete samples by incident and count."""
    execute(tx, _delete_events, {"dropped": encode_rows(samples)})


def add_tallies(tx: Tx, counts: Sequence[tuple[int, Instant, int]]) -> None:
    """Add events to the tallies of incidents: rows of (number, start of the minute, events)."""
    execute(tx, _upsert_tallies, {"tallies": encode_rows(counts)})


def _incident(row: Any) -> tuple[Identity, IncidentBefore]:
    incident = IncidentBefore(
        number=row.number,
        id=row.id,
        state=State(row.state),
        severity=Severity(row.severity),
        labels=json_value(row.labels),
        varying=() if row.varying == "[]" else tuple(json_value(row.varying)),
        count=row.count,
        late=row.late,
        first_seen=row.first_seen,
        last_seen=row.last_seen,
        resolved_at=row.resolved_at,
        waiting=bool(row.waiting),
    )
    return (row.project, row.environment, row.fingerprint), incident


_TEXT = sa.Text()
_IDENTITY = [("project", _TEXT), ("environment", _TEXT), ("fingerprint", _TEXT)]


_INCIDENT = (
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


def _find_ids(dialect: Dialect) -> sa.ClauseElement:
    rows = rows_from_json(dialect, "ids", [("project", _TEXT), ("id", _TEXT)])
    same = sa.and_(event_ids.c.project == rows.c.project, event_ids.c.id == rows.c.id)
    return sa.select(
        event_ids.c.project, event_ids.c.id.label("event_id"), incidents.c.id.label("incident_id")
    ).select_from(rows.join(event_ids, same).outerjoin(incidents, incidents.c.number == event_ids.c.incident))


def _find_open(dialect: Dialect) -> sa.ClauseElement:
    rows = rows_from_json(dialect, "identities", _IDENTITY)
    query = sa.select(*_INCIDENT).select_from(
        rows.join(incidents, sa.and_(_is(rows), incidents.c.closed == OPEN))
    )
    return query if dialect == "sqlite" else query.order_by(*_INCIDENT[:3]).with_for_update(of=incidents)


def _find_resolved(dialect: Dialect) -> sa.ClauseElement:
    rows = rows_from_json(dialect, "identities", _IDENTITY)
    newest = sa.select(sa.func.max(incidents.c.closed)).where(_is(rows)).correlate(rows).scalar_subquery()
    last = sa.and_(_is(rows), incidents.c.closed == newest, incidents.c.closed > OPEN)
    query = sa.select(*_INCIDENT).select_from(rows.join(incidents, last))
    return query if dialect == "sqlite" else query.order_by(*_INCIDENT[:3]).with_for_update(of=incidents)


def _of_earlier_version() -> sa.ColumnElement[bool]:
    """Whether an incident of an earlier version may continue: it is unresolved, or was resolved since `since`."""
    since = sa.bindparam("since", type_=Big)
    lately = sa.or_(incidents.c.resolved_at.is_(None), incidents.c.resolved_at >= since)
    return sa.and_(of_earlier_version, lately)


def _any_of_earlier_version(dialect: Dialect) -> sa.ClauseElement:
    del dialect
    return sa.select(incidents.c.number).where(_of_earlier_version()).limit(1)


def _find_of_earlier_version(dialect: Dialect) -> sa.ClauseElement:
    """Unresolved incidents first, and newest ones first among them."""
    rows = rows_from_json(dialect, "identities", _IDENTITY)
    query = (
        sa.select(*_INCIDENT)
        .select_from(rows.join(incidents, sa.and_(_is(rows), _of_earlier_version())))
        .order_by(incidents.c.resolved_at.is_not(None), incidents.c.number.desc())
    )
    return query if dialect == "sqlite" else query.with_for_update(of=incidents)


def _take_over(dialect: Dialect) -> sa.ClauseElement:
    rows = rows_from_json(dialect, "incidents", [("number", Big), ("fingerprint", _TEXT), ("version", Big)])
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


def _insert_incidents(dialect: Dialect) -> sa.ClauseElement:
    rows = rows_from_json(dialect, "incidents", [(column.name, column.type) for column in _NEW])
    # Without `WHERE true`, SQLite would parse ON CONFLICT as a join condition.
    selected = sa.select(*rows.c).where(sa.true())
    insert = upsert(dialect, incidents).from_select(
        [column.name for column in _NEW], selected, include_defaults=False
    )
    return insert.on_conflict_do_nothing().returning(incidents.c.number, incidents.c.id)


def _update_incidents(dialect: Dialect) -> sa.ClauseElement:
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
            waiting=0,
        )
        .where(incidents.c.number == rows.c.number)
    )


def _update_figures(dialect: Dialect) -> sa.ClauseElement:
    names = ["number", "count", "late", "first_seen", "last_seen"]
    rows = rows_from_json(dialect, "incidents", [(name, Big) for name in names])
    values = {name: rows.c[name] for name in names[1:]}
    return sa.update(incidents).values(**values).where(incidents.c.number == rows.c.number)


def _insert_events(dialect: Dialect) -> sa.ClauseElement:
    rows = rows_from_json(dialect, "events", [(column.name, column.type) for column in events.c])
    return sa.insert(events).from_select([column.name for column in events.c], sa.select(*rows.c))


def _delete_events(dialect: Dialect) -> sa.ClauseElement:
    rows = rows_from_json(dialect, "dropped", [("incident", Big), ("seq", Big)])
    pairs = sa.tuple_(events.c.incident, events.c.seq)
    return sa.delete(events).where(pairs.in_(sa.select(rows.c.incident, rows.c.seq)))


def _insert_ids(dialect: Dialect) -> sa.ClauseElement:
    rows = rows_from_json(dialect, "ids", [(column.name, column.type) for column in event_ids.c])
    selected = sa.select(*rows.c).where(sa.true())
    return (
        upsert(dialect, event_ids)
        .from_select([c.name for c in event_ids.c], selected)
        .on_conflict_do_nothing()
    )


def _upsert_tallies(dialect: Dialect) -> sa.ClauseElement:
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
