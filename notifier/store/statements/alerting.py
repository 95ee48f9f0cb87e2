"""Statements over a batch of members, groups or incidents."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from notifier.domain.event import Severity
from notifier.domain.notification import HeldBy
from notifier.store.compiled import upsert
from notifier.store.database import Dialect
from notifier.store.json_rows import in_json, rows_from_json
from notifier.store.schema import OPEN, Big, decisions, groups, incidents, members, tallies, targets, threads
from notifier.store.views import with_latest

Text = sa.Text()


def _now() -> sa.BindParameter[int]:
    return sa.bindparam("now", type_=Big)


def attention(_dialect: Dialect) -> sa.ClauseElement:
    """Incidents that alerting must look at."""
    return (
        sa.select(incidents)
        .where(incidents.c.attention_at <= _now())
        .order_by(incidents.c.attention_at)
        .limit(sa.bindparam("most", type_=sa.Integer()))
        .with_for_update(skip_locked=True, of=incidents)
    )


def next_attention(_dialect: Dialect) -> sa.ClauseElement:
    return sa.select(sa.func.min(incidents.c.attention_at)).where(incidents.c.attention_at.is_not(None))


def memberships(dialect: Dialect) -> sa.ClauseElement:
    return sa.select(members).where(members.c.incident.in_(in_json(dialect, "incidents", Big)))


def lock_groups(dialect: Dialect) -> sa.ClauseElement:
    found = sa.select(groups).where(groups.c.id.in_(in_json(dialect, "groups", Text)))
    return found.order_by(groups.c.id).with_for_update(of=groups)


def next_groups(_dialect: Dialect) -> sa.ClauseElement:
    """The ids of all groups, some at a time: those that follow `after`."""
    return (
        sa.select(groups.c.id)
        .where(groups.c.id > sa.bindparam("after", type_=Text))
        .order_by(groups.c.id)
        .limit(sa.bindparam("most", type_=sa.Integer()))
    )


def due_groups(_dialect: Dialect) -> sa.ClauseElement:
    return (
        sa.select(groups)
        .where(groups.c.due_at <= _now())
        .order_by(groups.c.due_at)
        .limit(sa.bindparam("most", type_=sa.Integer()))
        .with_for_update(skip_locked=True)
    )


def next_group(_dialect: Dialect) -> sa.ClauseElement:
    return sa.select(sa.func.min(groups.c.due_at)).where(groups.c.due_at.is_not(None))


_OF_INCIDENT = (
    "id", "number", "project", "environment", "fingerprint", "labels", "state", "severity", "count", "previous_id",
    "opened_at", "resolved_at", "resolved_by", "reopened_at", "acknowledged_at", "snoozed_until", "snoozed_by",
)  # fmt: skip


def members_with_incidents() -> sa.Select[Any]:
    """Members with the columns of their incidents that decisions are made by."""
    found = sa.select(members, *(incidents.c[name] for name in _OF_INCIDENT))
    return found.join(incidents, incidents.c.number == members.c.incident)


def members_of_incidents(dialect: Dialect) -> sa.ClauseElement:
    """Members of these groups whose incidents have these ids."""
    return members_with_incidents().where(
        members.c.group_id.in_(in_json(dialect, "groups", Text)),
        incidents.c.id.in_(in_json(dialect, "incidents", Text)),
    )


def _members_now(*conditions: sa.ColumnElement[bool]) -> sa.Select[Any]:
    """Members of a group with their incidents as they are."""
    return (
        members_with_incidents()
        .where(members.c.group_id == sa.bindparam("group", type_=Text), *conditions)
        .order_by(members.c.incident)
        .limit(sa.bindparam("most", type_=sa.Integer()))
    )


def changed_members(dialect: Dialect) -> sa.ClauseElement:
    """Those of these groups that changed, whose repeat is due, or whose hold is over."""
    return (
        members_with_incidents()
        .where(
            members.c.group_id.in_(in_json(dialect, "groups", Text)),
            sa.or_(members.c.changed_at.is_not(None), members.c.repeat_at <= _now()),
        )
        .order_by(members.c.group_id, members.c.incident)
        .limit(sa.bindparam("most", type_=sa.Integer()))
    )


def escalating_members(_dialect: Dialect) -> sa.ClauseElement:
    """Those of a group whose next step of escalation is due."""
    return _members_now(members.c.escalate_at <= _now())


def escalating_groups(dialect: Dialect) -> sa.ClauseElement:
    """Those of these groups in which a step of escalation is due."""
    found = sa.select(members.c.group_id).where(
        members.c.group_id.in_(in_json(dialect, "groups", Text)), members.c.escalate_at <= _now()
    )
    return found.distinct()


def recent_counts(dialect: Dialect) -> sa.ClauseElement:
    return (
        sa.select(tallies.c.incident, sa.cast(sa.func.sum(tallies.c.n), Big).label("n"))
        .where(
            tallies.c.incident.in_(in_json(dialect, "incidents", Big)),
            tallies.c.minute >= sa.bindparam("since", type_=Big),
        )
        .group_by(tallies.c.incident)
    )


def snapshots(dialect: Dialect) -> sa.ClauseElement:
    return with_latest().where(incidents.c.number.in_(in_json(dialect, "incidents", Big)))


def rearm(dialect: Dialect) -> sa.ClauseElement:
    """Groups after their flush: due at once if not finished (`again`), else when a member is looked at again."""
    rows = rows_from_json(dialect, "rows", [("id", Text), ("again", Big), ("told_at", Big)])
    own = members.c.group_id == groups.c.id
    moments = [
        sa.select(sa.func.min(column)).where(own, column.is_not(None)).correlate(groups).scalar_subquery()
        for column in (members.c.repeat_at, members.c.escalate_at)
    ]
    least = sa.func.min if dialect == "sqlite" else sa.func.least
    # SQLite's min of two is NULL where one is.
    first = least(sa.func.coalesce(*moments), sa.func.coalesce(*reversed(moments)))
    still_open = (
        sa.select(sa.literal(1))
        .where(own, members.c.told_state != sa.literal_column("'resolved'"))
        .correlate(groups)
        .exists()
    )
    return (
        sa.update(groups)
        .where(groups.c.id == rows.c.id)
        .values(
            due_at=sa.func.coalesce(rows.c.again, first),
            active=sa.case((still_open, 1), else_=0),
            last_told_at=sa.func.coalesce(rows.c.told_at, groups.c.last_told_at),
        )
    )


def threads_of_episode(_dialect: Dialect) -> sa.ClauseElement:
    return sa.select(threads.c.target).where(
        threads.c.group_id == sa.bindparam("group", type_=Text),
        threads.c.episode == sa.bindparam("episode", type_=Big),
    )


def threads_at_targets(dialect: Dialect) -> sa.ClauseElement:
    found = sa.select(threads.c.id, threads.c.target, threads.c.episode).where(
        threads.c.group_id == sa.bindparam("group", type_=Text),
        threads.c.target.in_(in_json(dialect, "targets", Big)),
    )
    return found.order_by(threads.c.episode)


def lock_targets(dialect: Dialect) -> sa.ClauseElement:
    """Against a claim or an outcome that does not see what is told now, and would have nothing to wake for."""
    found = sa.select(targets.c.id).where(targets.c.id.in_(in_json(dialect, "rows", Big)))
    return found.order_by(targets.c.id).with_for_update(of=targets)


def wake_targets(dialect: Dialect) -> sa.ClauseElement:
    return (
        sa.update(targets)
        .where(
            targets.c.id.in_(in_json(dialect, "rows", Big)),
            sa.or_(targets.c.due_at.is_(None), targets.c.due_at > _now()),
        )
        .values(due_at=_now())
    )


def insert_groups(dialect: Dialect) -> sa.ClauseElement:
    names = ["id", "project", "route", "labels", "created_at"]
    rows = rows_from_json(dialect, "rows", [(name, groups.c[name].type) for name in names])
    return (
        upsert(dialect, groups)
        .from_select(names, sa.select(*rows.c).where(sa.true()))
        .on_conflict_do_nothing()
    )


def name_groups(dialect: Dialect) -> sa.ClauseElement:
    """Groups of their own are about the newest incident of their identity."""
    rows = rows_from_json(dialect, "rows", [("id", Text), ("labels", Text)])
    return sa.update(groups).values(labels=rows.c.labels).where(groups.c.id == rows.c.id)


def join(dialect: Dialect) -> sa.ClauseElement:
    names = [
        "group_id", "incident", "joined_at", "changed_at", "returns", "returning_since", "critical_at",
        "first_told_at", "escalated",
    ]  # fmt: skip
    rows = rows_from_json(dialect, "rows", [(name, members.c[name].type) for name in names])
    return (
        upsert(dialect, members)
        .from_select(names, sa.select(*rows.c).where(sa.true()))
        .on_conflict_do_nothing()
    )


def _member_rows(dialect: Dialect, *names: str) -> sa.Subquery:
    return rows_from_json(
        dialect, "rows", [(name, members.c[name].type) for name in ("group_id", "incident", *names)]
    )


def _update_members(rows: sa.Subquery) -> sa.Update:
    return sa.update(members).where(
        members.c.group_id == rows.c.group_id, members.c.incident == rows.c.incident
    )


def touch(dialect: Dialect) -> sa.ClauseElement:
    return _update_members(_member_rows(dialect)).values(changed_at=sa.bindparam("now", type_=Big))


def told_rows(dialect: Dialect) -> sa.ClauseElement:
    names = (
        "told_state", "told_severity", "told_count", "told_reason", "repeat_at", "first_told_at", "escalated",
        "escalate_at", "decided",
    )  # fmt: skip
    rows = _member_rows(dialect, *names)
    now = sa.bindparam("now", type_=Big)
    return _update_members(rows).values(
        **{name: rows.c[name] for name in names},
        told_at=now,
        decided_at=now,
        critical_at=sa.case(
            (rows.c.told_severity == sa.literal_column(f"'{Severity.CRITICAL.value}'"), now),
            else_=members.c.critical_at,
        ),
        held_by=None,
        hold_ref=None,
        changed_at=None,
    )


def pass_on_critical(dialect: Dialect) -> sa.ClauseElement:
    """Members of a group whose incidents followed these of the same identities."""
    rows = rows_from_json(
        dialect,
        "rows",
        [("environment", Text), ("fingerprint", Text), ("number", Big)],
    )
    followed = sa.or_(incidents.c.closed == OPEN, incidents.c.closed > rows.c.number)
    later = (
        sa.select(incidents.c.number)
        .join(
            rows,
            sa.and_(
                incidents.c.environment == rows.c.environment, incidents.c.fingerprint == rows.c.fingerprint
            ),
        )
        .where(incidents.c.project == sa.bindparam("project", type_=Text), followed)
    )
    return (
        sa.update(members)
        .where(members.c.group_id == sa.bindparam("group", type_=Text), members.c.incident.in_(later))
        .values(critical_at=_now())
    )


def settled_rows(dialect: Dialect) -> sa.ClauseElement:
    names = ("told_state", "repeat_at", "escalate_at")
    rows = _member_rows(dialect, *names)
    return _update_members(rows).values(
        **{name: rows.c[name] for name in names}, changed_at=None, held_by=None, hold_ref=None
    )


def held_rows(dialect: Dialect) -> sa.ClauseElement:
    names = ("told_state", "held_by", "hold_ref", "repeat_at", "escalate_at", "decided", "decided_at")
    rows = _member_rows(dialect, *names)
    return _update_members(rows).values(**{name: rows.c[name] for name in names}, changed_at=None)


def waiting_rows(dialect: Dialect) -> sa.ClauseElement:
    rows = _member_rows(dialect, "repeat_at", "escalate_at")
    return _update_members(rows).values(repeat_at=rows.c.repeat_at, escalate_at=rows.c.escalate_at)


def escalated_rows(dialect: Dialect) -> sa.ClauseElement:
    """What postpones a step is named as well, so that its early end lets the step go."""
    rows = _member_rows(dialect, "escalated", "escalate_at", "hold_ref")
    named = sa.or_(
        *(
            members.c.held_by == sa.literal_column(f"'{one.value}'")
            for one in (HeldBy.SILENCED, HeldBy.INHIBITED)
        )
    )
    ref = sa.case((named, members.c.hold_ref), else_=rows.c.hold_ref)
    return _update_members(rows).values(
        escalated=rows.c.escalated, escalate_at=rows.c.escalate_at, hold_ref=ref
    )


def insert_decisions(dialect: Dialect) -> sa.ClauseElement:
    names = [
        "incident", "group_id", "at", "kind", "why", "ref", "notification", "version", "last_at", "count", "events",
    ]  # fmt: skip
    rows = rows_from_json(dialect, "rows", [(name, decisions.c[name].type) for name in names])
    adding = upsert(dialect, decisions).from_select(names, sa.select(*rows.c).where(sa.true()))
    # Twice within a millisecond: the later one counts both.
    later = {name: adding.excluded[name] for name in ("ref", "notification", "version", "last_at")}
    sums = {name: decisions.c[name] + adding.excluded[name] for name in ("count", "events")}
    return adding.on_conflict_do_update(
        index_elements=["incident", "group_id", "at", "why"], set_=later | sums
    )


def count_decisions(dialect: Dialect) -> sa.ClauseElement:
    names = ("incident", "group_id", "at", "why")
    rows = rows_from_json(dialect, "rows", [(name, decisions.c[name].type) for name in names])
    return (
        sa.update(decisions)
        .where(*(decisions.c[name] == rows.c[name] for name in names))
        .values(count=decisions.c.count + 1, last_at=_now())
    )


def wait_rows(dialect: Dialect) -> sa.ClauseElement:
    """Let the next event wake an incident, unless one has come since it was read."""
    rows = rows_from_json(dialect, "rows", [("incident", Big), ("count", Big)])
    return (
        sa.update(incidents)
        .values(waiting=1)
        .where(incidents.c.number == rows.c.incident, incidents.c.count == rows.c.count)
    )


def due_rows(dialect: Dialect) -> sa.ClauseElement:
    rows = rows_from_json(dialect, "rows", [("id", sa.Text()), ("due_at", Big)])
    sooner = sa.case((groups.c.due_at < rows.c.due_at, groups.c.due_at), else_=rows.c.due_at)
    return sa.update(groups).values(due_at=sooner).where(groups.c.id == rows.c.id)


def attended_rows(dialect: Dialect) -> sa.ClauseElement:
    rows = rows_from_json(dialect, "rows", [("number", Big), ("routed", incidents.c.routed.type)])
    return (
        sa.update(incidents)
        .values(attention_at=None, routed=rows.c.routed)
        .where(incidents.c.number == rows.c.number)
    )
