"""Statements over a batch of members, groups or incidents."""

from __future__ import annotations

from functools import cache

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from notifier.domain.incident import State
from notifier.store.database import Dialect
from notifier.store.rows import unfold
from notifier.store.schema import (
    Big,
    groups,
    incidents,
    members,
)


@cache
def insert_groups(dialect: Dialect) -> sa.Insert:
    names = ["id", "project", "route", "labels", "created_at"]
    rows = unfold(dialect, "rows", [(name, groups.c[name].type) for name in names])
    return (
        _insert(dialect, groups)
        .from_select(names, sa.select(*rows.c).where(sa.true()))
        .on_conflict_do_nothing()
    )


@cache
def join(dialect: Dialect) -> sa.Insert:
    names = ["group_id", "incident", "joined_at", "changed_at"]
    rows = unfold(dialect, "rows", [(name, members.c[name].type) for name in names])
    return (
        _insert(dialect, members)
        .from_select(names, sa.select(*rows.c).where(sa.true()))
        .on_conflict_do_nothing()
    )


def _member_rows(dialect: Dialect, *names: str) -> sa.Subquery:
    return unfold(
        dialect, "rows", [(name, members.c[name].type) for name in ("group_id", "incident", *names)]
    )


def _update_members(rows: sa.Subquery) -> sa.Update:
    return sa.update(members).where(
        members.c.group_id == rows.c.group_id, members.c.incident == rows.c.incident
    )


@cache
def touch(dialect: Dialect) -> sa.Update:
    return _update_members(_member_rows(dialect)).values(changed_at=sa.bindparam("now", type_=Big))


@cache
def told_rows(dialect: Dialect) -> sa.Update:
    rows = _member_rows(dialect, "told_state", "told_severity", "told_count", "told_reason", "repeat_at")
    now = sa.bindparam("now", type_=Big)
    return _update_members(rows).values(
        told_state=rows.c.told_state,
        told_severity=rows.c.told_severity,
        told_count=rows.c.told_count,
        told_reason=rows.c.told_reason,
        repeat_at=rows.c.repeat_at,
        told_at=now,
        first_told_at=sa.func.coalesce(members.c.first_told_at, now),
        held_by=None,
        changed_at=None,
    )


@cache
def settled_rows(dialect: Dialect) -> sa.Update:
    rows = _member_rows(dialect, "told_state", "repeat_at")
    over = rows.c.told_state == State.RESOLVED.value
    return _update_members(rows).values(
        changed_at=None,
        told_state=sa.case((over, rows.c.told_state), else_=members.c.told_state),
        repeat_at=rows.c.repeat_at,
    )


@cache
def held_rows(dialect: Dialect) -> sa.Update:
    rows = _member_rows(dialect, "held_by")
    return _update_members(rows).values(held_by=rows.c.held_by, changed_at=None, repeat_at=None)


@cache
def wait_rows(dialect: Dialect) -> sa.Update:
    """Let the next event wake an incident, unless one has come since it was read."""
    rows = unfold(dialect, "rows", [("incident", Big), ("count", Big)])
    return (
        sa.update(incidents)
        .values(waiting=1)
        .where(incidents.c.number == rows.c.incident, incidents.c.count == rows.c.count)
    )


@cache
def due_rows(dialect: Dialect) -> sa.Update:
    rows = unfold(dialect, "rows", [("id", sa.Text()), ("due_at", Big)])
    sooner = sa.case((groups.c.due_at < rows.c.due_at, groups.c.due_at), else_=rows.c.due_at)
    return sa.update(groups).values(due_at=sooner).where(groups.c.id == rows.c.id)


@cache
def attended_rows(dialect: Dialect) -> sa.Update:
    rows = unfold(dialect, "rows", [("number", Big)])
    return sa.update(incidents).values(attention_at=None, routed=1).where(incidents.c.number == rows.c.number)


def _insert(dialect: Dialect, table: sa.Table) -> sqlite.Insert:
    return sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)  # type: ignore[return-value]
