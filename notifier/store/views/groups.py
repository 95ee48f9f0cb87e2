"""Groups: what waits to be notified, until when, and what holds it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from notifier.domain.notification import HeldBy
from notifier.domain.time import Instant
from notifier.store.database import Tx
from notifier.store.json_rows import json_value
from notifier.store.schema import OPEN, groups, incidents, members
from notifier.store.views.paging import Page, PageKey, cut, earlier, unindexed

SHOWN_AT_MOST = 20
SORTED_AT_MOST = 5_000
ASKED_AT_ONCE = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingIncident:
    """An incident that its group has yet to notify: since when, and what holds it (None: only the group's timing)."""

    id: str
    number: int
    title: str
    since: Instant
    held_by: HeldBy | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupView:
    """A waiting group.

    `route` is the route's key. `due_at` is its next decision, None if only an event can wake it. `changed` counts
    members that are yet to be decided, `held` held members by reason; `waiting` shows at most 20 of both.
    """

    id: str
    project: str
    route: str
    labels: Mapping[str, str]
    created_at: Instant
    due_at: Instant | None
    last_told_at: Instant | None
    members: int
    changed: int
    held: Mapping[str, int]
    waiting: tuple[WaitingIncident, ...]


_Held = defaultdict[str, dict[str, int]]
_held = sa.and_(members.c.held_by.is_not(None), members.c.changed_at.is_(None))


def find_groups(tx: Tx, *, project: str, after: PageKey | None, limit: int) -> Page[GroupView]:
    """Groups that are due at some time, or hold an unresolved incident; newest first."""
    is_open = _is_open(tx)
    # Selected by these two conditions, since there may be as many groups as incidents.
    holding = sa.select(members.c.group_id).where(members.c.held_by.is_not(None), is_open)
    due = sa.select(groups.c.id).where(groups.c.due_at.is_not(None))
    order = [groups.c.created_at, groups.c.id]
    rows = tx.run(
        sa.select(groups)
        .where(
            unindexed(groups.c.project) == project, groups.c.id.in_(holding.union(due)), earlier(order, after)
        )
        .order_by(*(column.desc() for column in order))
        .limit(limit + 1)
    ).all()
    ids = [row.id for row in rows[:limit]]
    totals, waiting, held = _totals(tx, ids), defaultdict[str, list[sa.Row[Any]]](list), _Held(dict)
    for row in _longest_held(tx, ids, is_open):
        held[row.group_id][row.held_by] = row.n
        waiting[row.group_id].append(row)
    for id_, (_, changed) in totals.items():
        if changed:
            waiting[id_] += _to_be_told(tx, id_, changed)

    def view(row: sa.Row) -> GroupView:  # type: ignore[type-arg]
        count, changed = totals[row.id]
        return GroupView(
            id=row.id,
            project=row.project,
            route=row.route,
            labels=json_value(row.labels),
            created_at=row.created_at,
            due_at=row.due_at,
            last_told_at=row.last_told_at,
            members=count,
            changed=changed,
            held=held[row.id],
            waiting=_newest(waiting[row.id]),
        )

    return cut(rows, limit, view, lambda row: (row.created_at, row.id))


def _is_open(tx: Tx) -> sa.ColumnElement[bool]:
    """Whether a member's incident is unresolved: by a list of those, or by lookups if there are too many."""
    # A literal, as in the index, so that SQLite reads nothing else.
    live = incidents.c.closed == sa.literal_column(str(OPEN))
    unresolved = sa.select(incidents.c.number).where(live, incidents.c.quiet_since >= 0)
    if tx.run(unresolved.offset(ASKED_AT_ONCE).limit(1)).first() is None:
        # With the sum, SQLite does not look up each of them in each group.
        return (members.c.incident + 0).in_(unresolved)
    own = sa.select(sa.literal(1)).where(incidents.c.number == members.c.incident, incidents.c.closed == OPEN)
    return own.correlate(members).exists()


def _totals(tx: Tx, ids: Sequence[str]) -> dict[str, tuple[int, int]]:
    """The numbers of members and of changed members of each group, counted in two indexes."""

    def counts(*chosen: sa.ColumnElement[bool]) -> dict[str, int]:
        query = sa.select(members.c.group_id, sa.func.count().label("n")).where(
            members.c.group_id.in_(ids), *chosen
        )
        return {row.group_id: int(row.n) for row in tx.run(query.group_by(members.c.group_id))}

    every, changed = counts(), counts(members.c.changed_at.is_not(None))
    return {id_: (every.get(id_, 0), changed.get(id_, 0)) for id_ in ids}


_COLUMNS = (
    members.c.group_id,
    members.c.held_by,
    incidents.c.id,
    incidents.c.number,
    incidents.c.title,
    sa.func.coalesce(members.c.changed_at, members.c.joined_at).label("since"),
)


def _longest_held(tx: Tx, ids: Sequence[str], is_open: sa.ColumnElement[bool]) -> Sequence[sa.Row[Any]]:
    """The newest incidents held for each reason in each of these groups, with their number (`n`)."""
    alike: dict[str, Any] = {"partition_by": [members.c.group_id, members.c.held_by]}
    ranked = (
        sa.select(
            members.c.group_id,
            members.c.incident,
            sa.func.row_number().over(**alike, order_by=members.c.incident.desc()).label("place"),
            sa.func.count().over(**alike).label("n"),
        )
        .where(members.c.group_id.in_(ids), _held, is_open)
        .subquery()
    )
    query = (
        sa.select(*_COLUMNS, ranked.c.n)
        .select_from(ranked)
        .join(
            members,
            sa.and_(members.c.group_id == ranked.c.group_id, members.c.incident == ranked.c.incident),
        )
        .join(incidents, incidents.c.number == members.c.incident)
        .where(ranked.c.place <= SHOWN_AT_MOST)
    )
    return tx.run(query).all()


def _to_be_told(tx: Tx, id_: str, changed: int) -> Sequence[sa.Row[Any]]:
    """The newest changed members of a group. A few are sorted; many are read in the order of the index."""
    newest = members.c.incident if changed > SORTED_AT_MOST else members.c.incident + 0
    query = (
        sa.select(*_COLUMNS)
        .select_from(members.join(incidents, members.c.incident == incidents.c.number))
        .where(members.c.group_id == id_, members.c.changed_at.is_not(None))
        .order_by(newest.desc())
        .limit(SHOWN_AT_MOST)
    )
    return tx.run(query).all()


def _newest(rows: Sequence[sa.Row[Any]]) -> tuple[WaitingIncident, ...]:
    return tuple(
        WaitingIncident(
            id=row.id,
            number=row.number,
            title=row.title,
            since=row.since,
            held_by=None if row.held_by is None else HeldBy(row.held_by),
        )
        for row in sorted(rows, key=lambda row: -row.number)[:SHOWN_AT_MOST]
    )
