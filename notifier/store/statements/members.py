"""Members: incidents in groups, with what has been notified there."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from notifier.domain.notification import HeldBy
from notifier.domain.severity import Severity
from notifier.domain.time import Instant
from notifier.store.compiled import Row, columns_of, reads, upsert
from notifier.store.database import Dialect
from notifier.store.json_rows import in_json, rows_from_json
from notifier.store.schema import (
    OPEN,
    Big,
    groups,
    incidents,
    members,
)
from notifier.store.statements.incidents import JudgedIncident

Text = sa.Text()

# Not copied: the last decision belongs to the old group, and the next one begins a new row.
_NOT_COPIED = {"group_id", "incident", "changed_at", "escalate_at", "decided", "decided_at"}
_COPIED = tuple(column.name for column in members.c if column.name not in _NOT_COPIED)


class ToldMember(Row, frozen=True):
    """A membership: what has been notified and decided about one incident in one group. `incident` is its number."""

    group_id: str
    incident: int
    told_state: str | None
    told_severity: str | None
    told_count: int
    first_told_at: Instant | None
    told_at: Instant | None
    held_by: str | None
    hold_ref: str | None
    escalated: int
    returns: int
    critical_at: Instant | None
    decided: str | None
    decided_at: Instant | None


class MemberRow(JudgedIncident, frozen=True):
    """A membership together with its incident."""

    group_id: str
    incident: int
    changed_at: Instant | None
    told_state: str | None
    told_severity: str | None
    told_count: int
    first_told_at: Instant | None
    told_at: Instant | None
    held_by: str | None
    hold_ref: str | None
    repeat_at: Instant | None
    escalated: int
    returns: int
    returning_since: Instant | None
    critical_at: Instant | None
    decided: str | None
    decided_at: Instant | None
    snoozed_until: Instant | None
    snoozed_by: str | None


def _now() -> sa.BindParameter[int]:
    return sa.bindparam("now", type_=Big)


def _members_with_incidents() -> sa.Select[Any]:
    """Members with the columns of their incidents on which decisions depend."""
    found = sa.select(*columns_of(MemberRow, members, incidents)).select_from(members)
    return found.join(incidents, incidents.c.number == members.c.incident)


@reads(ToldMember)
def memberships(dialect: Dialect) -> sa.ClauseElement:
    """All memberships of these incidents."""
    of_incidents = members.c.incident.in_(in_json(dialect, "incidents", Big))
    return sa.select(*columns_of(ToldMember, members)).where(of_incidents)


@reads(MemberRow)
def members_of_incidents(dialect: Dialect) -> sa.ClauseElement:
    """Members of these groups whose incidents have these ids."""
    return _members_with_incidents().where(
        members.c.group_id.in_(in_json(dialect, "groups", Text)),
        incidents.c.id.in_(in_json(dialect, "incidents", Text)),
    )


def _first_due(*due: sa.Select[Any]) -> sa.Select[Any]:
    """Members with their incidents in order, with at most `most` keys from each selection, read from its index.

    If the keys were sorted, the engines would read a whole group to find its few due members.
    """
    most = sa.bindparam("most", type_=sa.Integer())
    keys = sa.union(*(sa.select(*part.limit(most).subquery().c) for part in due)).subquery("due")
    return (
        sa.select(*columns_of(MemberRow, members, incidents))
        .select_from(keys)
        .join(members, sa.and_(members.c.group_id == keys.c.group_id, members.c.incident == keys.c.incident))
        .join(incidents, incidents.c.number == members.c.incident)
        .order_by(members.c.group_id, members.c.incident)
        .limit(most)
    )


@reads(MemberRow)
def changed_members(dialect: Dialect) -> sa.ClauseElement:
    """Members that have changed, or whose `repeat_at` has come."""
    of_groups = members.c.group_id.in_(in_json(dialect, "groups", Text))
    keys = sa.select(members.c.group_id, members.c.incident).where(of_groups)
    return _first_due(
        keys.where(members.c.changed_at.is_not(None)), keys.where(members.c.repeat_at <= _now())
    )


@reads(MemberRow)
def escalating_members(_dialect: Dialect) -> sa.ClauseElement:
    """Members of a group with a due escalation step."""
    keys = sa.select(members.c.group_id, members.c.incident)
    of_group = members.c.group_id == sa.bindparam("group", type_=Text)
    return _first_due(keys.where(of_group, members.c.escalate_at <= _now()))


def escalating_groups(dialect: Dialect) -> sa.ClauseElement:
    """The ids of those groups that have a due escalation step."""
    found = sa.select(members.c.group_id).where(
        members.c.group_id.in_(in_json(dialect, "groups", Text)), members.c.escalate_at <= _now()
    )
    return found.distinct()


def insert_members(dialect: Dialect) -> sa.ClauseElement:
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


def mark_changed(dialect: Dialect) -> sa.ClauseElement:
    return _update_members(_member_rows(dialect)).values(changed_at=sa.bindparam("now", type_=Big))


def write_told(dialect: Dialect) -> sa.ClauseElement:
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


def propagate_critical(dialect: Dialect) -> sa.ClauseElement:
    """Set `critical_at` of members whose incidents follow these of the same identities."""
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


def write_settled(dialect: Dialect) -> sa.ClauseElement:
    names = ("told_state", "repeat_at", "escalate_at")
    rows = _member_rows(dialect, *names)
    return _update_members(rows).values(
        **{name: rows.c[name] for name in names}, changed_at=None, held_by=None, hold_ref=None
    )


def write_held(dialect: Dialect) -> sa.ClauseElement:
    names = ("told_state", "held_by", "hold_ref", "repeat_at", "escalate_at", "decided", "decided_at")
    rows = _member_rows(dialect, *names)
    return _update_members(rows).values(**{name: rows.c[name] for name in names}, changed_at=None)


def write_waiting(dialect: Dialect) -> sa.ClauseElement:
    rows = _member_rows(dialect, "repeat_at", "escalate_at")
    return _update_members(rows).values(repeat_at=rows.c.repeat_at, escalate_at=rows.c.escalate_at)


def write_escalated(dialect: Dialect) -> sa.ClauseElement:
    """Write the escalation steps sent, since when they count, and the hold that postpones the next one."""
    rows = _member_rows(dialect, "escalated", "first_told_at", "escalate_at", "hold_ref")
    named = sa.or_(
        *(
            members.c.held_by == sa.literal_column(f"'{held_by.value}'")
            for held_by in (HeldBy.SILENCED, HeldBy.INHIBITED)
        )
    )
    ref = sa.case((named, members.c.hold_ref), else_=rows.c.hold_ref)
    return _update_members(rows).values(
        escalated=rows.c.escalated,
        first_told_at=rows.c.first_told_at,
        escalate_at=rows.c.escalate_at,
        hold_ref=ref,
    )


def needs_notification() -> sa.ColumnElement[bool]:
    """Whether there is something left to notify: the incident is open or changed, or its end was not sent."""
    return sa.or_(
        incidents.c.closed == sa.literal_column("0"),
        members.c.changed_at.is_not(None),
        sa.and_(members.c.told_at.is_not(None), members.c.told_state != "resolved"),
    )


def _of_group() -> sa.ColumnElement[bool]:
    """Whether a member belongs to the group and has something left to notify."""
    return sa.and_(members.c.group_id == sa.bindparam("group", type_=Text), needs_notification())


def lock_movable(_dialect: Dialect) -> sa.ClauseElement:
    """Lock the incidents of movable members, without those that another transaction has locked."""
    found = sa.select(members.c.incident).join(incidents, incidents.c.number == members.c.incident)
    return (
        found.where(_of_group())
        .order_by(members.c.incident)
        .limit(sa.bindparam("most", type_=sa.Integer()))
        .with_for_update(skip_locked=True, of=incidents)
    )


@reads(MemberRow)
def movable_members(dialect: Dialect) -> sa.ClauseElement:
    """The movable members of a group whose incidents are locked.

    A statement of its own, since the locking one could combine a current incident with an outdated member.
    """
    locked = members.c.incident.in_(in_json(dialect, "incidents", Big))
    return _members_with_incidents().where(_of_group(), locked).order_by(members.c.incident)


def count_members(_dialect: Dialect) -> sa.ClauseElement:
    joined = members.join(incidents, incidents.c.number == members.c.incident)
    return sa.select(sa.func.count()).select_from(joined).where(_of_group())


def copy_members(dialect: Dialect) -> sa.ClauseElement:
    """Copy members into a group. Members that exist there already are replaced if they were never notified about.

    Each row names the group from which its member comes. With a single parameter instead, SQLite would read every row
    for each member of that group.
    """
    given = ("group_id", "incident", "changed_at", "escalate_at")
    columns = [(name, members.c[name].type) for name in given]
    rows = rows_from_json(dialect, "rows", [*columns, ("old_group", Text)])
    known = sa.select(*(rows.c[name] for name in given), *(members.c[name] for name in _COPIED)).where(
        members.c.group_id == rows.c.old_group, members.c.incident == rows.c.incident
    )
    joining = upsert(dialect, members).from_select([*given, *_COPIED], known)
    changes: dict[str, sa.ColumnElement[Any]] = {
        name: joining.excluded[name] for name in ("escalate_at", *_COPIED)
    }
    changes["changed_at"] = sa.func.coalesce(members.c.changed_at, joining.excluded.changed_at)
    return joining.on_conflict_do_update(
        index_elements=["group_id", "incident"],
        set_=changes,
        where=sa.and_(members.c.told_at.is_(None), joining.excluded.told_at.is_not(None)),
    )


def delete_members(dialect: Dialect) -> sa.ClauseElement:
    return sa.delete(members).where(
        members.c.group_id == sa.bindparam("group", type_=Text),
        members.c.incident.in_(in_json(dialect, "incidents", Big)),
    )


def recheck_held(dialect: Dialect) -> sa.ClauseElement:
    own = members.c.group_id.in_(in_json(dialect, "groups", Text))
    return (
        sa.update(members)
        .where(own, held_by_configuration())
        .values(repeat_at=sa.bindparam("now", type_=Big))
    )


def advance_steps(dialect: Dialect) -> sa.ClauseElement:
    steps = steps_of(dialect)
    own = members.c.group_id.in_(in_json(dialect, "groups", Text))
    return (
        sa.update(members)
        .where(own, members.c.group_id == groups.c.id, *has_sooner_step(steps))
        .values(escalate_at=members.c.first_told_at + steps.c.after)
    )


def steps_of(dialect: Dialect) -> sa.Subquery:
    return rows_from_json(dialect, "steps", [("route", Text), ("step", Big), ("after", Big)])


def held_by_configuration() -> sa.ColumnElement[bool]:
    """Whether the configuration holds a member: a mute time, an inhibition rule, or a route without channels."""
    return members.c.held_by.in_(
        [
            sa.literal_column(f"'{held_by.value}'")
            for held_by in (HeldBy.MUTE_TIME, HeldBy.INHIBITED, HeldBy.ROUTE)
        ]
    )


def has_sooner_step(steps: sa.Subquery) -> tuple[sa.ColumnElement[bool], ...]:
    """Whether a member's next step is planned later than the route says, or not at all."""
    at = members.c.first_told_at + steps.c.after
    return (
        groups.c.route == steps.c.route,
        members.c.escalated == steps.c.step,
        members.c.told_state == sa.literal_column("'open'"),
        sa.or_(members.c.escalate_at.is_(None), members.c.escalate_at > at),
    )
