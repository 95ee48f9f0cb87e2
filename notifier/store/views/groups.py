"""Groups: what waits, until when, held by what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from notifier.domain.notification import HeldBy
from notifier.domain.time import Instant
from notifier.store.database import Tx
from notifier.store.json_rows import json_value
from notifier.store.schema import OPEN, groups, incidents, members
from notifier.store.views.paging import Page, PageKey, cut, earlier

SHOWN_AT_MOST = 20


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
    holds = (
        sa.select(sa.literal(1))
        .select_from(members.join(incidents, _open))
        .where(members.c.group_id == groups.c.id, members.c.held_by.is_not(None))
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
    totals, held, waiting = _totals(tx, ids), _held_by(tx, ids), _waiting(tx, ids)

    def view(row: sa.Row) -> GroupView:  # type: ignore[type-arg]
        count, changed = totals.get(row.id, (0, 0))
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


def _totals(tx: Tx, ids: Sequence[str]) -> dict[str, tuple[int, int]]:
    query = (
        sa.select(
            members.c.group_id,
            sa.func.count().label("n"),
            sa.func.count(members.c.changed_at).label("changed"),
        )
        .where(members.c.group_id.in_(ids))
        .group_by(members.c.group_id)
    )
    return {row.group_id: (int(row.n), int(row.changed)) for row in tx.run(query)}


def _held_by(tx: Tx, ids: Sequence[str]) -> dict[str, dict[str, int]]:
    query = (
        sa.select(members.c.group_id, members.c.held_by, sa.func.count().label("n"))
        .select_from(members.join(incidents, _open))
        .where(members.c.group_id.in_(ids), _held)
        .group_by(members.c.group_id, members.c.held_by)
    )
    counts: dict[str, dict[str, int]] = {}
    for row in tx.run(query):
        counts.setdefault(row.group_id, {})[row.held_by] = int(row.n)
    return counts


def _waiting(tx: Tx, ids: Sequence[str]) -> dict[str, tuple[WaitingIncident, ...]]:
    """The newest that wait in each group."""
    since = sa.func.coalesce(members.c.changed_at, members.c.joined_at)
    place = sa.func.row_number().over(partition_by=members.c.group_id, order_by=incidents.c.number.desc())
    ranked = (
        sa.select(
            members.c.group_id,
            members.c.held_by,
            incidents.c.id,
            incidents.c.number,
            incidents.c.title,
            since.label("since"),
            place.label("place"),
        )
        .select_from(members.join(incidents, members.c.incident == incidents.c.number))
        .where(
            members.c.group_id.in_(ids),
            sa.or_(members.c.changed_at.is_not(None), sa.and_(_held, incidents.c.closed == OPEN)),
        )
        .subquery()
    )
    query = sa.select(ranked).where(ranked.c.place <= SHOWN_AT_MOST).order_by(ranked.c.number.desc())
    waiting: dict[str, tuple[WaitingIncident, ...]] = {}
    for row in tx.run(query):
        incident = WaitingIncident(
            id=row.id,
            number=row.number,
            title=row.title,
            since=row.since,
            held_by=None if row.held_by is None else HeldBy(row.held_by),
        )
        waiting[row.group_id] = (*waiting.get(row.group_id, ()), incident)
    return waiting
