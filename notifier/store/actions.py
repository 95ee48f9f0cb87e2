"""What people do to incidents, row by row, and what of it ends by itself.

Every function that changes incidents also makes their groups due: the first act of a burst at once, so that who acts
sees it told, and what follows together at the burst's end (`make_groups_due`). All take the incidents of one
transaction.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from notifier.domain.incident import State
from notifier.domain.time import SECOND, Duration, Instant
from notifier.store.database import Tx
from notifier.store.schema import OPEN, groups, incidents, members
from notifier.telemetry.loop import Progress

EXPIRED_AT_ONCE = 500
GATHERED: Duration = 3 * SECOND
"""What people do to a group within this time of a first act is told together at its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedIncident:
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


def lock_all(tx: Tx, names: Collection[str | int], *, project: str | None) -> dict[str | int, LockedIncident]:
    """The incidents with these ids or numbers, each under its name, locked in the order of their numbers."""
    numbers = [name for name in names if isinstance(name, int)]
    ids = [name for name in names if not isinstance(name, int)]
    rows = _lock(tx, sa.or_(incidents.c.number.in_(numbers), incidents.c.id.in_(ids)), project)
    found: dict[str | int, LockedIncident] = {}
    for row in rows:
        found[row.id] = found[row.number] = _standing(row, tx.now)
    return {name: found[name] for name in names if name in found}


def lock(tx: Tx, name: str | int, *, project: str | None) -> LockedIncident | None:
    """The incident with this id, or number where it is an integer, for this transaction alone; None: there is none.

    Of two people who act at once, the second waits here, and then sees what the first has done.
    """
    key = incidents.c.number if isinstance(name, int) else incidents.c.id
    rows = _lock(tx, key == name, project)
    return _standing(rows[0], tx.now) if rows else None


def _lock(tx: Tx, these: sa.ColumnElement[bool], project: str | None) -> Sequence[sa.Row[Any]]:
    query = sa.select(incidents).where(these).order_by(incidents.c.number).with_for_update()
    if project is not None:
        query = query.where(incidents.c.project == project)
    return tx.run(query).all()


def _standing(row: sa.Row[Any], now: Instant) -> LockedIncident:
    state = State(row.state)
    lapsed = state is State.ACKNOWLEDGED and _over(row.acknowledged_until, now)
    snoozed = row.snoozed_until is not None and not _over(row.snoozed_until, now)
    return LockedIncident(
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


def acknowledge(tx: Tx, *taken: LockedIncident, by: str, until: Instant | None) -> None:
    """Repeats and escalation stop: until then, or until somebody reopens it. Who takes it over begins anew."""
    held = sa.and_(
        incidents.c.state == State.ACKNOWLEDGED.value,
        incidents.c.acknowledged_by == by,
        sa.or_(incidents.c.acknowledged_until.is_(None), incidents.c.acknowledged_until > tx.now),
    )
    _change(
        tx,
        *taken,
        state=State.ACKNOWLEDGED.value,
        acknowledged_by=by,
        acknowledged_at=sa.case((held, incidents.c.acknowledged_at), else_=tx.now),
        acknowledged_until=until,
    )


def unacknowledge(tx: Tx, one: LockedIncident, *, by: str) -> None:
    """Nobody has it any more: it counts as open, and a snooze goes on."""
    _change(
        tx,
        one,
        state=State.OPEN.value,
        acknowledged_by=None,
        acknowledged_at=None,
        acknowledged_until=None,
        reopened_at=tx.now,
        reopened_by=by,
        waiting=0,
    )


def unsnooze(tx: Tx, one: LockedIncident) -> None:
    """What the snooze has held is told, where it is still open."""
    _change(tx, one, snoozed_by=None, snoozed_until=None)


def snooze(tx: Tx, *snoozed: LockedIncident, by: str, until: Instant) -> None:
    """Nothing but their resolution is told until then. The act itself is not told, and so not gathered."""
    _write(tx, snoozed, snoozed_by=by, snoozed_until=until)
    make_groups_due(tx, *(incident.number for incident in snoozed), by_hand=False)


def resolve(tx: Tx, *ended: LockedIncident, by: str) -> None:
    """It is over. Who had acknowledged it stays known."""
    _change(
        tx,
        *ended,
        state=State.RESOLVED.value,
        closed=incidents.c.number,
        resolved_at=tx.now,
        resolved_by=by,
        waiting=0,
        acknowledged_until=None,
        snoozed_by=None,
        snoozed_until=None,
    )
    _attend(tx, *ended)


def reopen(tx: Tx, one: LockedIncident, *, by: str) -> None:
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


def successor(tx: Tx, one: LockedIncident) -> int | None:
    """The number of the newest incident of the same identity, where that is another one than this resolved one."""
    same = (
        incidents.c.project == one.project,
        incidents.c.environment == one.environment,
        incidents.c.fingerprint == one.fingerprint,
    )
    later = sa.or_(incidents.c.closed == OPEN, incidents.c.closed > one.number)
    newest = sa.select(incidents.c.number).where(*same, later).order_by(incidents.c.number.desc()).limit(1)
    return tx.run(newest).scalar()


def make_groups_due(tx: Tx, *numbers: int, by_hand: bool = True) -> None:
    """Let every group that tells of these incidents look at them. The incidents' rows are locked already.

    What was done `by_hand` is gathered: a group's first act is told at once, and acts that follow within `GATHERED`
    wait for its end.
    """
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
    gathering = sa.and_(groups.c.acts_until.is_not(None), groups.c.acts_until > tx.now, sa.literal(by_hand))
    at = sa.case((gathering, groups.c.acts_until), else_=tx.now)
    later = sa.or_(groups.c.due_at.is_(None), groups.c.due_at > at)
    values: dict[str, object] = {"due_at": sa.case((later, at), else_=groups.c.due_at)}
    if by_hand:
        values["acts_until"] = sa.case((gathering, groups.c.acts_until), else_=tx.now + GATHERED)
    tx.run(sa.update(groups).where(groups.c.id.in_(ids)).values(**values))
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
            .values(state=State.OPEN.value, acknowledged_by=None, acknowledged_until=None)
        )
        make_groups_due(tx, *ended, by_hand=False)
    more = len(rows) == EXPIRED_AT_ONCE
    next_at = tx.run(sa.select(sa.func.min(until)).where(until.is_not(None))).scalar()
    return Progress(done=len(ended), more=more, next_at=next_at)


def _forget(tx: Tx, numbers: Sequence[int]) -> None:
    if numbers:
        tx.run(
            sa.update(incidents).where(incidents.c.number.in_(numbers)).values(acknowledged_until=None),
        )


def _change(tx: Tx, *changed: LockedIncident, **values: object) -> None:
    _write(tx, changed, **values)
    make_groups_due(tx, *(incident.number for incident in changed))


def _write(tx: Tx, changed: Sequence[LockedIncident], **values: object) -> None:
    numbers = [incident.number for incident in changed]
    tx.run(sa.update(incidents).where(incidents.c.number.in_(numbers)).values(**values))


def _attend(tx: Tx, *changed: LockedIncident) -> None:
    """What depends on whether it is over must be looked at, as after an event that resolves or reopens."""
    soon = sa.func.coalesce(incidents.c.attention_at, tx.now)
    _write(tx, changed, attention_at=soon)
    tx.signal("attention")
