"""Groups: rows and statements."""

from __future__ import annotations

import sqlalchemy as sa

from notifier.domain.time import Instant
from notifier.store.compiled import Row, columns_of, reads, upsert
from notifier.store.database import Dialect
from notifier.store.json_rows import in_json, rows_from_json
from notifier.store.schema import (
    Big,
    groups,
    incidents,
    members,
)
from notifier.store.statements.members import (
    has_sooner_step,
    held_by_configuration,
    needs_notification,
    steps_of,
)

Text = sa.Text()


class GroupRow(Row, frozen=True):
    """A group with its current episode. `labels` and `conversation` are JSON text."""

    id: str
    project: str
    route: str
    labels: str
    episode: int
    episode_at: Instant | None
    active: int
    due_at: Instant | None
    urgent: int
    last_told_at: Instant | None
    conversation: str | None


_GROUP = columns_of(GroupRow, groups)


def _now() -> sa.BindParameter[int]:
    return sa.bindparam("now", type_=Big)


@reads(GroupRow)
def due_groups(_dialect: Dialect) -> sa.ClauseElement:
    """Due groups, earliest first, without those that another transaction has locked."""
    return _due_groups()


@reads(GroupRow)
def urgent_due_groups(_dialect: Dialect) -> sa.ClauseElement:
    """Due groups with a critical incident, earliest first."""
    return _due_groups().where(groups.c.urgent == sa.literal_column("1"))


def _due_groups() -> sa.Select[tuple[object, ...]]:
    return (
        sa.select(*_GROUP)
        .where(groups.c.due_at <= _now())
        .order_by(groups.c.due_at)
        .limit(sa.bindparam("most", type_=sa.Integer()))
        .with_for_update(skip_locked=True, of=groups)
    )


def next_group_due(_dialect: Dialect) -> sa.ClauseElement:
    return sa.select(sa.func.min(groups.c.due_at)).where(groups.c.due_at.is_not(None))


def next_group_ids(_dialect: Dialect) -> sa.ClauseElement:
    """The next ids of groups after `after`."""
    return (
        sa.select(groups.c.id)
        .where(groups.c.id > sa.bindparam("after", type_=Text))
        .order_by(groups.c.id)
        .limit(sa.bindparam("most", type_=sa.Integer()))
    )


@reads(GroupRow)
def lock_groups(dialect: Dialect) -> sa.ClauseElement:
    """Groups by id, locked in that order."""
    found = sa.select(*_GROUP).where(groups.c.id.in_(in_json(dialect, "groups", Text)))
    return found.order_by(groups.c.id).with_for_update(of=groups)


def insert_groups(dialect: Dialect) -> sa.ClauseElement:
    """Insert groups that do not exist yet."""
    names = ["id", "project", "route", "labels", "created_at"]
    rows = rows_from_json(dialect, "rows", [(name, groups.c[name].type) for name in names])
    return (
        upsert(dialect, groups)
        .from_select(names, sa.select(*rows.c).where(sa.true()))
        .on_conflict_do_nothing()
    )


def name_groups(dialect: Dialect) -> sa.ClauseElement:
    """Update the labels of groups of one problem to those of its newest incident."""
    rows = rows_from_json(dialect, "rows", [("id", Text), ("labels", Text)])
    return sa.update(groups).values(labels=rows.c.labels).where(groups.c.id == rows.c.id)


def make_groups_due(dialect: Dialect) -> sa.ClauseElement:
    """Make groups due at the given times, unless they are due earlier, and urgent if the row says so."""
    rows = rows_from_json(dialect, "rows", [("id", Text), ("due_at", Big), ("urgent", groups.c.urgent.type)])
    sooner = sa.case((groups.c.due_at < rows.c.due_at, groups.c.due_at), else_=rows.c.due_at)
    urgent = sa.case((rows.c.urgent > groups.c.urgent, rows.c.urgent), else_=groups.c.urgent)
    return sa.update(groups).values(due_at=sooner, urgent=urgent).where(groups.c.id == rows.c.id)


def set_next_due(dialect: Dialect) -> sa.ClauseElement:
    """Set when groups are due after their flush: since `again` if unfinished, otherwise when a member is due."""
    rows = rows_from_json(dialect, "rows", [("id", Text), ("again", Big), ("told_at", Big)])
    own = members.c.group_id == groups.c.id
    moments = [
        sa.select(sa.func.min(column)).where(own, column.is_not(None)).correlate(groups).scalar_subquery()
        for column in (members.c.repeat_at, members.c.escalate_at)
    ]
    least = sa.func.min if dialect == "sqlite" else sa.func.least
    # On SQLite, min of two values is NULL if either is.
    first = least(sa.func.coalesce(*moments), sa.func.coalesce(*reversed(moments)))
    still_open = (
        sa.select(sa.literal(1))
        .where(own, members.c.told_state != sa.literal_column("'resolved'"))
        .correlate(groups)
        .exists()
    )
    due_at = sa.func.coalesce(rows.c.again, first)
    return (
        sa.update(groups)
        .where(groups.c.id == rows.c.id)
        .values(
            due_at=due_at,
            urgent=sa.case((due_at.is_(None), 0), else_=groups.c.urgent),
            active=sa.case((still_open, 1), else_=0),
            last_told_at=sa.func.coalesce(rows.c.told_at, groups.c.last_told_at),
        )
    )


def wake_orphaned_groups(dialect: Dialect) -> sa.ClauseElement:
    now = sa.bindparam("now", type_=Big)
    untold = sa.exists().where(
        members.c.group_id == groups.c.id, incidents.c.number == members.c.incident, needs_notification()
    )
    return (
        sa.update(groups)
        .where(
            groups.c.id.in_(in_json(dialect, "groups", Text)),
            groups.c.route.not_in(in_json(dialect, "routes", Text)),
            sa.or_(groups.c.due_at.is_(None), groups.c.due_at > now),
            untold,
        )
        .values(due_at=now)
    )


def make_replanned_groups_due(dialect: Dialect) -> sa.ClauseElement:
    now = sa.bindparam("now", type_=Big)
    own = members.c.group_id == groups.c.id
    sooner = (
        sa.select(sa.literal(1)).where(own, *has_sooner_step(steps_of(dialect))).correlate(groups).exists()
    )
    held = sa.select(sa.literal(1)).where(own, held_by_configuration()).correlate(groups).exists()
    return (
        sa.update(groups)
        .where(
            groups.c.id.in_(in_json(dialect, "groups", Text)),
            sa.or_(groups.c.due_at.is_(None), groups.c.due_at > now),
            sa.or_(sooner, held),
        )
        .values(due_at=now)
    )


def begin_episodes(dialect: Dialect) -> sa.ClauseElement:
    rows = rows_from_json(dialect, "rows", [("id", sa.Text()), ("episode", Big), ("at", Big)])
    begun = {"episode": rows.c.episode, "episode_at": rows.c.at, "conversation": None}
    return sa.update(groups).where(groups.c.id == rows.c.id).values(**begun)


def keep_conversations(dialect: Dialect) -> sa.ClauseElement:
    rows = rows_from_json(dialect, "rows", [("id", sa.Text()), ("conversation", sa.Text())])
    return sa.update(groups).where(groups.c.id == rows.c.id).values(conversation=rows.c.conversation)
