"""One group with its incidents and notifications."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from notifier.domain.delivery import DeliveryState, Outcome
from notifier.domain.notification import HeldBy, Reason
from notifier.domain.severity import Severity
from notifier.domain.state import State
from notifier.domain.time import Instant
from notifier.store.database import Tx
from notifier.store.json_rows import json_value
from notifier.store.schema import OPEN, deliveries, groups, incidents, members, notifications, targets
from notifier.store.views.stored_messages import message_in_brief


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredGroup:
    """A group: `due_at` is its next decision, `active` whether its last episode is not over."""

    id: str
    project: str
    route: str
    labels: Mapping[str, str]
    created_at: Instant
    due_at: Instant | None
    last_told_at: Instant | None
    episode_at: Instant | None
    active: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupMember:
    """An incident of a group, with what was notified about it there."""

    id: str
    number: int
    title: str
    state: State
    severity: Severity
    count: int
    first_seen: Instant
    last_seen: Instant
    acknowledged_by: str | None
    held_by: HeldBy | None
    told_at: Instant | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupCount:
    """The number of a group's incidents in one state, and of their events."""

    state: State
    severity: Severity
    held_by: HeldBy | None
    incidents: int
    events: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldTarget:
    """A target of a notification, and the state of its delivery."""

    delivery: str
    channel: str
    target: str
    state: DeliveryState
    outcome: Outcome | None
    detail: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupNotification:
    """A notification of a group; `first` is the title of its first incident."""

    id: str
    at: Instant
    reason: Reason
    incidents: int
    first: str | None
    note: str | None
    targets: tuple[ToldTarget, ...]


def group_row(tx: Tx, id_: str, *, project: str | None) -> StoredGroup | None:
    """The group with this id, in this project or in any if that is None."""
    query = sa.select(groups).where(groups.c.id == id_)
    if project is not None:
        query = query.where(groups.c.project == project)
    row = tx.run(query).one_or_none()
    if row is None:
        return None
    return StoredGroup(
        id=row.id,
        project=row.project,
        route=row.route,
        labels=json_value(row.labels),
        created_at=row.created_at,
        due_at=row.due_at,
        last_told_at=row.last_told_at,
        episode_at=row.episode_at,
        active=bool(row.active),
    )


def group_counts(tx: Tx, id_: str, *, newest: int) -> tuple[GroupCount, ...]:
    """The newest incidents of a group, at most `newest`, counted by state."""
    joined = _newest(id_, newest)
    standing = (incidents.c.state, incidents.c.severity, joined.c.held_by)
    rows = tx.run(
        sa.select(*standing, sa.func.count().label("n"), sa.func.sum(incidents.c["count"]).label("events"))
        .join(joined, joined.c.incident == incidents.c.number)
        .group_by(*standing)
    )
    return tuple(
        GroupCount(
            state=State(row.state),
            severity=Severity(row.severity),
            held_by=None if row.held_by is None else HeldBy(row.held_by),
            incidents=int(row.n),
            events=int(row.events),
        )
        for row in rows
    )


def has_more(tx: Tx, id_: str, *, than: int) -> bool:
    """Whether a group has more than `than` incidents."""
    query = sa.select(members.c.incident).where(members.c.group_id == id_).order_by(members.c.incident.desc())
    return tx.run(query.offset(than).limit(1)).first() is not None


def group_members(tx: Tx, id_: str, *, newest: int, most: int) -> tuple[GroupMember, ...]:
    """The newest incidents of a group: unresolved ones first, then by number of events."""
    joined = _newest(id_, newest)
    columns = ("id", "number", "title", "state", "severity", "first_seen", "last_seen", "acknowledged_by")
    rows = tx.run(
        sa.select(
            *(incidents.c[name] for name in columns),
            incidents.c["count"].label("n"),
            joined.c.held_by,
            joined.c.told_at,
        )
        .join(joined, joined.c.incident == incidents.c.number)
        .order_by(_is_resolved, incidents.c["count"].desc(), incidents.c.number.desc())
        .limit(most)
    )
    return tuple(
        GroupMember(
            id=row.id,
            number=row.number,
            title=row.title,
            state=State(row.state),
            severity=Severity(row.severity),
            count=row.n,
            first_seen=row.first_seen,
            last_seen=row.last_seen,
            acknowledged_by=row.acknowledged_by,
            held_by=None if row.held_by is None else HeldBy(row.held_by),
            told_at=row.told_at,
        )
        for row in rows
    )


def unresolved_in_group(tx: Tx, id_: str, *, newest: int, most: int) -> tuple[str, ...]:
    """Ids of a group's unresolved incidents: unacknowledged ones first, then by number of events."""
    joined = _newest(id_, newest)
    query = (
        sa.select(incidents.c.id)
        .join(joined, joined.c.incident == incidents.c.number)
        .where(incidents.c.closed == OPEN)
        .order_by(_is_taken, incidents.c["count"].desc(), incidents.c.number.desc())
        .limit(most)
    )
    return tuple(tx.run(query).scalars())


_is_resolved = sa.case((incidents.c.state == State.RESOLVED.value, 1), else_=0)
_is_taken = sa.case((incidents.c.state == State.OPEN.value, 0), else_=1)


def _newest(id_: str, most: int) -> sa.Subquery:
    """The newest members of a group, by primary key from its end."""
    return (
        sa.select(members.c.incident, members.c.held_by, members.c.told_at)
        .where(members.c.group_id == id_)
        .order_by(members.c.incident.desc())
        .limit(most)
        .subquery()
    )


def notifications_of(tx: Tx, id_: str, *, most: int) -> tuple[GroupNotification, ...]:
    """The notifications of a group with their deliveries, newest first."""
    rows = tx.run(
        sa.select(notifications)
        .where(notifications.c.group_id == id_)
        .order_by(notifications.c.at.desc(), notifications.c.id.desc())
        .limit(most)
    ).all()
    told = _targets(tx, [row.id for row in rows])
    return tuple(_notification(row, told.get(row.id, ())) for row in rows)


def _notification(row: sa.Row[Any], told_targets: Sequence[ToldTarget]) -> GroupNotification:
    message = message_in_brief(row.message)
    return GroupNotification(
        id=row.id,
        at=row.at,
        reason=Reason(row.reason),
        incidents=len(message.told) + message.more,
        first=message.told[0].incident.title if message.told else None,
        note=message.note,
        targets=tuple(told_targets),
    )


def _targets(tx: Tx, ids: Sequence[str]) -> dict[str, tuple[ToldTarget, ...]]:
    """The deliveries of each of these notifications, with their states."""
    columns = ("id", "notification", "channel", "state", "outcome", "detail")
    rows = tx.run(
        sa.select(*(deliveries.c[name] for name in columns), targets.c.address)
        .join(targets, targets.c.id == deliveries.c.target)
        .where(deliveries.c.notification.in_(ids))
        .order_by(deliveries.c.id)
    )
    told: dict[str, tuple[ToldTarget, ...]] = {}
    for row in rows:
        target = ToldTarget(
            delivery=row.id,
            channel=row.channel,
            target=row.address,
            state=DeliveryState(row.state),
            outcome=None if row.outcome is None else Outcome(row.outcome),
            detail=row.detail,
        )
        told[row.notification] = (*told.get(row.notification, ()), target)
    return told
