"""What people do to incidents, row by row, and what of it ends by itself.

Every function that changes an incident also makes its groups due at once (`hurry`): who acts sees it told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from notifier.domain.incident import State
from notifier.domain.time import Instant
from notifier.store.alerting.plan import Progress
from notifier.store.database import Tx
from notifier.store.schema import OPEN, groups, incidents, members

EXPIRED_AT_ONCE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One incident as it stands at this moment, locked until the transaction ends.

    An acknowledgement or a snooze whose time is over counts as gone, whether or not its row says so already.
    """

    number: int
    id: str
    project: str
    environment: str
    fingerprint: str
    state: State
    acknowledged_by: str | None
    acknowledged_at: Instant | None
    acknowledged_until: Instant | None
    snoozed_by: str | None
    snoozed_until: Instant | None
    reopened_by: str | None
    resolved_by: str | None
    resolved_at: Instant | None


def lock(tx: Tx, name: str | int, *, project: str | None) -> Standing | None:
    """The incident with this id, or number where it is an integer, for this transaction alone; None: there is none.

    Of two people who act at once, the second waits here, and then sees what the first has done.
    """
    key = incidents.c.number if isinstance(name, int) else incidents.c.id
    query = sa.select(incidents).where(key == name).with_for_update()
    if project is not None:
        query = query.where(incidents.c.project == project)
    row = tx.run(query).one_or_none()
    return None if row is None else _standing(row, tx.now)


def _standing(row: sa.Row[Any], now: Instant) -> Standing:
    state = State(row.state)
    lapsed = state is State.ACKNOWLEDGED and _over(row.acknowledged_until, now)
    snoozed = row.snoozed_until is not None and not _over(row.snoozed_until, now)
    return Standing(
        number=row.number,
        id=row.id,
        project=row.project,
        environment=row.environment,
        fingerprint=row.fingerprint,
        state=State.OPEN if lapsed else state,
        acknowledged_by=None if lapsed else row.acknowledged_by,
        acknowledged_at=None if lapsed else row.acknowledged_at,
        acknowledged_until=None if lapsed else row.acknowledged_until,
        snoozed_by=row.snoozed_by if snoozed else None,
        snoozed_until=row.snoozed_until if snoozed else None,
        reopened_by=row.reopened_by,
        resolved_by=row.resolved_by,
        resolved_at=row.resolved_at,
    )


def _over(until: Instant | None, now: Instant) -> bool:
    return until is not None and until <= now


def acknowledge(tx: Tx, one: Standing, *, by: str, until: Instant | None) -> None:
    """Repeats and escalation stop: until then, or until somebody reopens it."""
    since = tx.now if one.acknowledged_at is None or one.state is State.OPEN else one.acknowledged_at
    _change(
        tx,
        one,
        state=State.ACKNOWLEDGED.value,
        acknowledged_by=by,
        acknowledged_at=since,
        acknowledged_until=until,
    )


def snooze(tx: Tx, one: Standing, *, by: str, until: Instant) -> None:
    """Nothing but its resolution is told until then."""
    _change(tx, one, snoozed_by=by, snoozed_until=until)


def resolve(tx: Tx, one: Standing, *, by: str) -> None:
    """It is over. Who had acknowledged it stays known."""
    _change(
        tx,
        one,
        state=State.RESOLVED.value,
        closed=one.number,
        resolved_at=tx.now,
        resolved_by=by,
        waiting=0,
        acknowledged_until=None,
        snoozed_by=None,
        snoozed_until=None,
    )
    _attend(tx, one)


def reopen(tx: Tx, one: Standing, *, by: str) -> None:
    """It counts as open, and as heard of now: auto-resolve starts anew."""
    _change(
        tx,
        one,
        state=State.OPEN.value,
        closed=OPEN,
        resolved_at=None,
        resolved_by=None,
        acknowledged_by=None,
        acknowledged_at=None,
        acknowledged_until=None,
        snoozed_by=None,
        snoozed_until=None,
        reopened_at=tx.now,
        reopened_by=by,
        quiet_since=tx.now,
        waiting=0,
    )
    if one.state is State.RESOLVED:
        _attend(tx, one)


def successor(tx: Tx, one: Standing) -> int | None:
    """The number of the newest incident of the same identity, where that is another one than this resolved one."""
    same = (
        incidents.c.project == one.project,
        incidents.c.environment == one.environment,
        incidents.c.fingerprint == one.fingerprint,
    )
    later = sa.or_(incidents.c.closed == OPEN, incidents.c.closed > one.number)
    newest = sa.select(incidents.c.number).where(*same, later).order_by(incidents.c.number.desc()).limit(1)
    return tx.run(newest).scalar()


def hurry(tx: Tx, *numbers: int) -> None:
    """Let every group that tells of these incidents look at them at once. The incidents' rows are locked already."""
    of_incidents = members.c.incident.in_(numbers)
    in_groups = sa.select(members.c.group_id).where(of_incidents)
    # Groups before members: a flush holds its group while it writes what it decided about the members.
    locked = tx.run(
        sa.select(groups.c.id).where(groups.c.id.in_(in_groups)).order_by(groups.c.id).with_for_update()
    )
    ids = list(locked.scalars())
    if not ids:
        return
    tx.run(sa.update(members).where(of_incidents).values(changed_at=tx.now))
    later = sa.or_(groups.c.due_at.is_(None), groups.c.due_at > tx.now)
    tx.run(sa.update(groups).where(groups.c.id.in_(ids), later).values(due_at=tx.now))
    tx.signal("groups")


def expire(tx: Tx) -> Progress:
    """Acknowledgements whose time is over: their incidents count as open again, and are told of as such."""
    until = incidents.c.acknowledged_until
    rows = tx.run(
        sa.select(incidents.c.number, incidents.c.state)
        .where(until <= tx.now)
        .order_by(until)
        .limit(EXPIRED_AT_ONCE)
        .with_for_update(skip_locked=True)
    ).all()
    # One that was resolved meanwhile stays so; only its date goes.
    _forget(tx, [row.number for row in rows if row.state != State.ACKNOWLEDGED.value])
    ended = [row.number for row in rows if row.state == State.ACKNOWLEDGED.value]
    if ended:
        tx.run(
            sa.update(incidents)
            .where(incidents.c.number.in_(ended))
            .values(
                state=State.OPEN.value, acknowledged_by=None, acknowledged_at=None, acknowledged_until=None
            )
        )
        hurry(tx, *ended)
    more = len(rows) == EXPIRED_AT_ONCE
    next_at = tx.run(sa.select(sa.func.min(until)).where(until.is_not(None))).scalar()
    return Progress(done=len(ended), more=more, next_at=next_at)


def _forget(tx: Tx, numbers: Sequence[int]) -> None:
    if numbers:
        tx.run(
            sa.update(incidents).where(incidents.c.number.in_(numbers)).values(acknowledged_until=None),
        )


def _change(tx: Tx, one: Standing, **values: object) -> None:
    tx.run(sa.update(incidents).where(incidents.c.number == one.number).values(**values))
    hurry(tx, one.number)


def _attend(tx: Tx, one: Standing) -> None:
    """What depends on whether it is over must be looked at, as after an event that resolves or reopens."""
    soon = sa.func.coalesce(incidents.c.attention_at, tx.now)
    tx.run(sa.update(incidents).where(incidents.c.number == one.number).values(attention_at=soon))
    tx.signal("attention")
