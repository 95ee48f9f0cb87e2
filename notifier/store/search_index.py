"""The search index of incidents: terms and sort orders, written in batches after the events (see `schema.search`)."""

from __future__ import annotations

import sqlalchemy as sa

from notifier.domain.severity import Severity
from notifier.domain.time import SECOND, Duration, Instant
from notifier.policy import searching
from notifier.store.compiled import execute, upsert
from notifier.store.database import Dialect, Tx
from notifier.store.json_rows import encode_rows, in_rows, json_value, rows_from_json
from notifier.store.schema import (
    BLOCK,
    CLOSED,
    Big,
    events,
    incident_order,
    incident_terms,
    incidents,
    instance,
)

INCIDENTS_AT_ONCE = 2 * BLOCK
EVENTS_AT_ONCE = 1_000
BEHIND: Duration = 10 * SECOND
"""Only older rows are indexed, since their transactions have ended by then."""

TERMS, ORDER = "terms", "order"

RANK = sa.case({severity.value: severity.rank for severity in Severity}, value=incidents.c.severity, else_=-1)


def reached(tx: Tx, name: str) -> int:
    """How far `terms` (a number) or `order` (a time) is indexed."""
    return tx.run(sa.select(instance.c.at).where(instance.c.name == name)).scalar() or 0


def catch_up(tx: Tx) -> bool:
    """Index one batch of terms and one of orders. Returns whether there may be more.

    One replica at a time does this.
    """
    with_terms, with_order = _turn(tx, TERMS), _turn(tx, ORDER)
    more_terms = with_terms is not None and _terms(tx, with_terms)
    return (with_order is not None and _order(tx, with_order)) or more_terms


def _turn(tx: Tx, name: str) -> int | None:
    """Lock the index and return how far it is written, or None if another replica is at work."""
    row = tx.run(
        sa.select(instance.c.at).where(instance.c.name == name).with_for_update(skip_locked=True)
    ).first()
    if row is not None:
        return int(row.at)
    tx.run(
        upsert(tx.dialect, instance).values(name=name, at=0).on_conflict_do_nothing(index_elements=["name"])
    )
    return None if tx.dialect == "postgresql" else 0


def _reach(tx: Tx, name: str, at: int) -> None:
    tx.run(sa.update(instance).where(instance.c.name == name).values(at=at))


def _terms(tx: Tx, after: int) -> bool:
    """Index the terms of the next incidents."""
    rows = tx.run(
        sa.select(
            incidents.c.number,
            incidents.c.project,
            incidents.c.title,
            incidents.c.labels,
            incidents.c.opened_at,
        )
        .where(incidents.c.number > after)
        .order_by(incidents.c.number)
        .limit(INCIDENTS_AT_ONCE)
    ).all()
    found: set[tuple[str, str, int]] = set()
    last = after
    for row in rows:
        if row.opened_at > tx.now - BEHIND:
            break
        block = row.number // BLOCK
        found.update(
            (row.project, term, block) for term in searching.terms(row.title, json_value(row.labels))
        )
        last = row.number
    if found:
        execute(tx, _insert_terms, {"rows": encode_rows(sorted(found))})
        _reach(tx, TERMS, last)
    return last > after and len(rows) == INCIDENTS_AT_ONCE


def _insert_terms(dialect: Dialect) -> sa.ClauseElement:
    columns = [(column.name, column.type) for column in incident_terms.c]
    rows = rows_from_json(dialect, "rows", columns)
    chosen = sa.select(*rows.c).where(sa.true())
    insert = upsert(dialect, incident_terms).from_select([name for name, _ in columns], chosen)
    return insert.on_conflict_do_nothing()


def _order(tx: Tx, after: Instant) -> bool:
    """Index the order of incidents that had events since `after`."""
    until = tx.now - BEHIND
    full = tx.run(
        sa.select(events.c.received_at)
        .where(events.c.received_at > after)
        .order_by(events.c.received_at)
        .offset(EVENTS_AT_ONCE)
        .limit(1)
    ).scalar()
    to = until if full is None else min(int(full), until)
    if to <= after:
        return False
    if execute(tx, _write_order, {"after": after, "to": to}).rowcount or full is not None:
        _reach(tx, ORDER, to)
    return full is not None and to < until


def _write_order(dialect: Dialect) -> sa.ClauseElement:
    after, to = (sa.bindparam(name, type_=Big) for name in ("after", "to"))
    active = sa.select(events.c.incident).where(events.c.received_at > after, events.c.received_at <= to)
    row = sa.select(
        incidents.c.number,
        incidents.c.project,
        sa.case({state.value: closed for state, closed in CLOSED.items()}, value=incidents.c.state),
        RANK,
        incidents.c.count,
        incidents.c.last_seen,
    ).where(incidents.c.number.in_(active))
    # A concurrent change of state waits for the lock, so that its trigger finds the row written here.
    row = row.order_by(incidents.c.number).with_for_update(read=True, of=incidents)
    insert = upsert(dialect, incident_order).from_select([column.name for column in incident_order.c], row)
    values = {name: insert.excluded[name] for name in ("severity", "count", "last_seen")}
    return insert.on_conflict_do_update(index_elements=["number"], set_=values)


def sweep(tx: Tx, after: tuple[str, str, int] | None) -> tuple[str, str, int] | None:
    """Delete terms of the next blocks without incidents. Returns where to continue, None at the end."""
    key = sa.tuple_(*incident_terms.c)
    query = sa.select(*incident_terms.c).order_by(*incident_terms.c).limit(EVENTS_AT_ONCE)
    rows = tx.run(query if after is None else query.where(key > after)).all()
    blocks = {row.block for row in rows}
    first = incidents.c.number
    gone = {
        block
        for block in blocks
        if tx.run(
            sa.select(first).where(first >= block * BLOCK, first < (block + 1) * BLOCK).limit(1)
        ).first()
        is None
    }
    old = [tuple(row) for row in rows if row.block in gone]
    if old:
        tx.run(sa.delete(incident_terms).where(in_rows(tx.dialect, incident_terms.c, old)))
    return tuple(rows[-1]) if len(rows) == EVENTS_AT_ONCE else None
