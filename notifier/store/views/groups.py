"""Groups: what waits, until when, held by what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from notifier.domain.notification import HeldBy
from notifier.domain.time import Instant
from notifier.store.database import Tx
from notifier.store.json_rows import json_value
from notifier.store.schema import OPEN, groups, incidents, members
from notifier.store.views.paging import Page, PageKey, cut, earlier

SHOWN_AT_MOST = 20
SORTED_AT_MOST = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingIncident:
    """One incident that its group has yet to tell of: since when, and what holds it (None: only the group's time)."""

    id: str
    number: int
    title: str
    since: Instant
    held_by: HeldBy | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupView:
    """One group that waits.

    `route` is the route's key. `due_at` is when it decides next, None where only an event can wake it. `changed` counts
    members whose change is not decided yet, `held` those that are held, by reason; `waiting` shows at most 20 of both.
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


_open = sa.and_(members.c.incident == incidents.c.number, incidents.c.closed == OPEN)
_held = sa.and_(members.c.held_by.is_not(None), members.c.changed_at.is_(None))


def find_groups(tx: Tx, *, project: str, after: PageKey | None, limit: int) -> Page[GroupView]:
    """Groups with a moment to wait for, or with an open incident that is held; newest first."""
    oldest = _oldest_open(tx)
    holds = (
        sa.select(sa.literal(1))
        .select_from(members.join(incidents, _open))
        .where(
            members.c.group_id == groups.c.id, members.c.held_by.is_not(None), members.c.incident >= oldest
        )
        .correlate(groups)
        .exists()
    )
    order = [groups.c.created_at, groups.c.id]
    rows = tx.run(
        sa.select(groups)
        .where(
            groups.c.project == project, sa.or_(groups.c.due_at.is_not(None), holds), earlier(order, after)
        )
        .order_by(*(column.desc() for column in order))
        .limit(limit + 1)
    ).all()
    ids = [row.id for row in rows[:limit]]
    totals, held = _totals(tx, ids), _held_by(tx, ids, oldest)
    waiting = {
        id_: _waiting(tx, id_, totals[id_][1], oldest if id_ in held else None)
        for id_ in ids
        if totals[id_][1] or id_ in held
    }

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
            held=held.get(row.id, {}),
            waiting=waiting.get(row.id, ()),
        )

    return cut(rows, limit, view, lambda row: (row.created_at, row.id))


def _oldest_open(tx: Tx) -> int:
    """The number of the oldest incident that is not resolved: what is held and older is over."""
    numbers = sa.select(sa.func.min(incidents.c.number))
    return tx.run(numbers.where(incidents.c.closed == OPEN, incidents.c.quiet_since >= 0)).scalar() or 0


def _totals(tx: Tx, ids: Sequence[str]) -> dict[str, tuple[int, int]]:
    """How many members each group has, and how many of them have changed: counted in two indexes."""

    def counts(*chosen: sa.ColumnElement[bool]) -> dict[str, int]:
        query = sa.select(members.c.group_id, sa.func.count().label("n")).where(
            members.c.group_id.in_(ids), *chosen
        )
        return {row.group_id: int(row.n) for row in tx.run(query.group_by(members.c.group_id))}

    every, changed = counts(), counts(members.c.changed_at.is_not(None))
    return {id_: (every.get(id_, 0), changed.get(id_, 0)) for id_ in ids}


def _held_by(tx: Tx, ids: Sequence[str], oldest: int) -> dict[str, dict[str, int]]:
    query = (
        sa.select(members.c.group_id, members.c.held_by, sa.func.count().label("n"))
        .select_from(members.join(incidents, _open))
        .where(members.c.group_id.in_(ids), _held, members.c.incident >= oldest)
        .group_by(members.c.group_id, members.c.held_by)
    )
    counts: dict[str, dict[str, int]] = {}
    for row in tx.run(query):
        counts.setdefault(row.group_id, {})[row.held_by] = int(row.n)
    return counts


def _waiting(tx: Tx, id_: str, changed: int, oldest: int | None) -> tuple[WaitingIncident, ...]:
    """The newest that wait in one group; with `oldest`, some are held. Each index ends after a few."""
    query = (
        sa.select(
            members.c.held_by,
            incidents.c.id,
            incidents.c.number,
            incidents.c.title,
            sa.func.coalesce(members.c.changed_at, members.c.joined_at).label("since"),
        )
        .select_from(members.join(incidents, members.c.incident == incidents.c.number))
        .where(members.c.group_id == id_)
        .limit(SHOWN_AT_MOST)
    )
    rows: list[sa.Row[Any]] = []
    if changed:
        # Few are sorted; of very many, the newest are found in the order of their numbers.
        newest = members.c.incident if changed > SORTED_AT_MOST else members.c.incident + 0
        rows += tx.run(query.where(members.c.changed_at.is_not(None)).order_by(newest.desc()))
    if oldest is not None:
        held = query.where(_held, members.c.incident >= oldest, incidents.c.closed == OPEN)
        rows += tx.run(held.order_by(members.c.incident.desc()))
    rows.sort(key=lambda row: -row.number)
    return tuple(
        WaitingIncident(
            id=row.id,
            number=row.number,
            title=row.title,
            since=row.since,
            held_by=None if row.held_by is None else HeldBy(row.held_by),
        )
        for row in rows[:SHOWN_AT_MOST]
    )
