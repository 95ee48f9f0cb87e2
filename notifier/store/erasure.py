"""Export and erasure of data about a subject (a label's value or a person) in all tables, with correct accounting.

Data of the operator is not touched: keys, configurations, recipients and counters.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from notifier.domain.data_subject import DataSubject
from notifier.domain.state import State
from notifier.policy.searching import TERM_CHARS, terms
from notifier.store import incident_removal, ledger, schema, silences
from notifier.store.database import Tx
from notifier.store.incident_removal import LIVE
from notifier.store.json_rows import in_rows
from notifier.store.schema import (
    action_tokens,
    alert_ends,
    answered_callbacks,
    attempts,
    audit,
    deliveries,
    event_ids,
    incident_terms,
    incidents,
    members,
    notifications,
    sessions,
    task_runs,
)

BATCH = 500

_OPERATORS = {
    *(
        "api_keys",
        "configurations",
        "instance",
        "ledger",
        "targets",
        answered_callbacks.name,
        "incident_order",
    ),
    *(
        "event_figures",
        "run_figures",
        "run_durations",
        "delivery_figures",
        "pending_sign_ins",
        "sign_in_links",
    ),
    incident_terms.name,
}
_SECRETS = {"hash", "browser"}
_GONE_WITH_IT = (sessions, action_tokens)
"""Tables whose rows are deleted as a whole."""

Row = Mapping[str, Any]


def tables() -> tuple[sa.Table, ...]:
    """The tables to search, including those that later versions add."""
    return tuple(table for table in schema.metadata.sorted_tables if table.name not in _OPERATORS)


def found(
    tx: Tx, table: sa.Table, subject: DataSubject, project: str | None, after: Sequence[Any] | None
) -> list[Row]:
    """The next rows about the subject in key order, for a label including those of its incidents.

    `project` None is all.
    """
    conditions = [_has(tx, table, subject)]
    if subject.label is not None:
        conditions += _of_its_incidents(tx, table, subject)
    key = list(table.primary_key)
    query = sa.select(table).where(sa.or_(*conditions)).order_by(*key).limit(BATCH)
    if project is not None:
        query = query.where(_of_project(table, project))
    if after is not None:
        values = [sa.literal(value, column.type) for column, value in zip(key, after, strict=True)]
        query = query.where(sa.tuple_(*key) > sa.tuple_(*values))
    return [dict(row) for row in tx.run(query).mappings()]


def key_of(table: sa.Table, row: Row) -> list[Any]:
    return [row[column.name] for column in table.primary_key]


def holds(table: sa.Table, row: Row, subject: DataSubject) -> bool:
    """Whether the row itself contains the subject, as whole words."""
    return any(row[name] is not None and subject.is_in(row[name]) for name in _texts(table))


def unfinished(tx: Tx, subject: DataSubject) -> tuple[int, int]:
    """The numbers of unfinished incidents and of unsent deliveries about the subject."""
    open_ = 0
    if subject.label is not None:
        waiting = sa.exists().where(
            members.c.incident == incidents.c.number, members.c.changed_at.is_not(None)
        )
        over = sa.and_(
            incidents.c.state == State.RESOLVED.value, incidents.c.attention_at.is_(None), ~waiting
        )
        open_ = _count(tx, incidents, _labelled(tx, subject), ~over)
    relevant_exception = sa.exists().where(
        notifications.c.id == deliveries.c.notification, _has(tx, notifications, subject)
    )
    live = deliveries.c.state.in_(LIVE)
    return open_, _count(tx, deliveries, live, sa.or_(_has(tx, deliveries, subject), relevant_exception))


def incidents_of(tx: Tx, subject: DataSubject) -> list[int]:
    """The numbers of a batch of incidents with the label."""
    return list(tx.run(sa.select(incidents.c.number).where(_labelled(tx, subject)).limit(BATCH)).scalars())


def remove_incidents(tx: Tx, numbers: Sequence[int]) -> None:
    """Delete incidents with their samples, notes, ids and links."""
    rows = tx.run(
        sa.select(incidents, incidents.c.count.label("events")).where(incidents.c.number.in_(numbers))
    ).all()
    identities = [(row.project, row.environment, row.fingerprint) for row in rows]
    ends = alert_ends.c["project", "environment", "fingerprint"]
    for statement in (
        sa.delete(event_ids).where(event_ids.c.incident.in_(numbers)),
        sa.delete(action_tokens).where(action_tokens.c.incident.in_(numbers)),
        sa.delete(audit).where(audit.c.subject.in_([row.id for row in rows])),
        sa.delete(alert_ends).where(in_rows(tx.dialect, ends, identities)),
    ):
        tx.run(statement)
    incident_removal.remove(tx, rows)


def deliveries_of(tx: Tx, subject: DataSubject) -> list[str]:
    """The ids of a batch of finished deliveries about the subject; `unfinished` counts the others."""
    relevant_exception = sa.select(notifications.c.id).where(_has(tx, notifications, subject))
    over = sa.select(deliveries.c.id).where(deliveries.c.state.not_in(LIVE)).limit(BATCH)
    its = sa.or_(_has(tx, deliveries, subject), deliveries.c.notification.in_(relevant_exception))
    return list(tx.run(over.where(its)).scalars())


def remove_deliveries(tx: Tx, ids: Sequence[str]) -> None:
    tx.run(sa.delete(attempts).where(attempts.c.delivery.in_(ids)))
    gone = tx.run(sa.delete(deliveries).where(deliveries.c.id.in_(ids), deliveries.c.state.not_in(LIVE)))
    ledger.add(tx, {"pruned_deliveries": gone.rowcount})


def notifications_of(tx: Tx, subject: DataSubject) -> list[str]:
    """The ids of a batch of notifications about the subject without remaining deliveries."""
    left = sa.exists().where(deliveries.c.notification == notifications.c.id)
    query = sa.select(notifications.c.id).where(_has(tx, notifications, subject), ~left).limit(BATCH)
    return list(tx.run(query).scalars())


def remove_notifications(tx: Tx, ids: Sequence[str]) -> None:
    tx.run(sa.delete(notifications).where(notifications.c.id.in_(ids)))


def silences_of(tx: Tx, subject: DataSubject) -> list[str]:
    """The ids of silences that match on the label."""
    table = schema.silences
    return list(tx.run(sa.select(table.c.id).where(_in(tx, table.c.matchers, subject))).scalars())


def terms_of(tx: Tx, subject: DataSubject) -> list[Sequence[Any]]:
    """The keys of a batch of search terms that contain the subject."""
    term = incident_terms.c.term
    if subject.label is not None:
        meant: sa.ColumnElement[bool] = term.in_(terms("", {subject.label: subject.text}))
    else:
        text = sa.literal(subject.text.casefold()[:TERM_CHARS], sa.Text)
        meant = (sa.func.instr if tx.dialect == "sqlite" else sa.func.strpos)(term, text) > 0
    return [tuple(row) for row in tx.run(sa.select(incident_terms).where(meant).limit(BATCH))]


def remove_terms(tx: Tx, keys: Sequence[Sequence[Any]]) -> None:
    tx.run(sa.delete(incident_terms).where(in_rows(tx.dialect, incident_terms.c, keys)))


def again(tx: Tx, table: sa.Table, row: Row) -> Row | None:
    """Read a row again and lock it; None if it was deleted."""
    now = tx.run(sa.select(table).where(_is(table, row)).with_for_update()).mappings().one_or_none()
    return None if now is None else dict(now)


def remove_from(tx: Tx, table: sa.Table, row: Row, subject: DataSubject) -> None:
    """Remove the subject from a row. The row is deleted if the subject is in its key, or it is useless without it."""
    mine = _is(table, row)
    changed: dict[str, str | None] = {
        name: clean
        for name in _texts(table)
        if row[name] is not None and (clean := subject.without(row[name])) != row[name]
    }
    if table in _GONE_WITH_IT or changed.keys() & {column.name for column in table.primary_key}:
        tx.run(sa.delete(table).where(mine))
        return
    if table is schema.silences and "matchers" in changed:
        silences.remove(tx, [row["id"]])  # Without the matcher, the silence would match something else.
        return
    if table is task_runs and "arguments" in changed:
        changed |= {"arguments": None, "replayable": "no"}  # Changed arguments must not be run again.
    tx.run(sa.update(table).where(mine).values(changed))


def _is(table: sa.Table, row: Row) -> sa.ColumnElement[bool]:
    return sa.and_(*(column == row[column.name] for column in table.primary_key))


def _texts(table: sa.Table) -> Iterator[str]:
    return (
        column.name for column in table.c if isinstance(column.type, sa.Text) and column.name not in _SECRETS
    )


def _has(tx: Tx, table: sa.Table, subject: DataSubject) -> sa.ColumnElement[bool]:
    """Whether any text of a row contains the subject. In SQL, a name also matches as part of a longer word."""
    return sa.or_(sa.false(), *(_in(tx, table.c[name], subject) for name in _texts(table)))


def _in(tx: Tx, column: sa.ColumnElement[str], subject: DataSubject) -> sa.ColumnElement[bool]:
    position = sa.func.instr if tx.dialect == "sqlite" else sa.func.strpos
    text = column if subject.label is not None else sa.func.lower(column)
    return sa.or_(*(position(text, sa.literal(needle, sa.Text)) > 0 for needle in subject.needles))


def _labelled(tx: Tx, subject: DataSubject) -> sa.ColumnElement[bool]:
    position = sa.func.instr if tx.dialect == "sqlite" else sa.func.strpos
    return position(incidents.c.labels, sa.literal(subject.pair, sa.Text)) > 0


def _of_its_incidents(tx: Tx, table: sa.Table, subject: DataSubject) -> Iterator[sa.ColumnElement[bool]]:
    its = sa.select(incidents).where(_labelled(tx, subject)).subquery()
    if "incident" in table.c:
        yield table.c.incident.in_(sa.select(its.c.number))
    if table is audit:
        yield audit.c.subject.in_(sa.select(its.c.id))


def _of_project(table: sa.Table, project: str) -> sa.ColumnElement[bool]:
    """Whether a row belongs to a project. Rows without a project, such as sessions, are for administrators only."""
    if "project" in table.c:
        return table.c.project == project
    if "incident" in table.c:
        return table.c.incident.in_(sa.select(incidents.c.number).where(incidents.c.project == project))
    if table is attempts:
        return attempts.c.delivery.in_(sa.select(deliveries.c.id).where(deliveries.c.project == project))
    return sa.false()


def _count(tx: Tx, table: sa.Table, *conditions: sa.ColumnElement[bool]) -> int:
    return int(tx.run(sa.select(sa.func.count()).select_from(table).where(*conditions)).scalar_one())
