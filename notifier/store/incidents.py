"""Changes to incidents by people. Incidents are locked in the order of their numbers."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa

from notifier.domain.state import State
from notifier.domain.time import Duration, Instant
from notifier.policy.acts import LockedIncident
from notifier.store.database import Tx
from notifier.store.schema import OPEN, groups, incidents, members

_NOT_ACKNOWLEDGED = {"acknowledged_by": None, "acknowledged_at": None, "acknowledged_until": None}
_NOT_SNOOZED = {"snoozed_by": None, "snoozed_until": None}


def lock_all(tx: Tx, names: Collection[str | int], *, project: str | None) -> dict[str | int, LockedIncident]:
    """Lock the incidents with these ids or numbers. Returns them by the given name."""
    numbers = [name for name in names if isinstance(name, int)]
    ids = [name for name in names if not isinstance(name, int)]
    rows = _lock(tx, sa.or_(incidents.c.number.in_(numbers), incidents.c.id.in_(ids)), project)
    locked: dict[str | int, LockedIncident] = {}
    for row in rows:
        locked[row.id] = locked[row.number] = _locked_of(row)
    return {name: locked[name] for name in names if name in locked}


def lock(tx: Tx, name: str | int, *, project: str | None) -> LockedIncident | None:
    """Lock the incident with this id, or number if `name` is an integer. Returns None if there is none.

    If two people act at once, the second one waits here and then sees what the first has changed.
    """
    key = incidents.c.number if isinstance(name, int) else incidents.c.id
    rows = _lock(tx, key == name, project)
    return _locked_of(rows[0]) if rows else None


def unresolved(tx: Tx, *, project: str, environment: str, fingerprint: str) -> str | None:
    """The id of the unresolved incident of an identity, or None."""
    query = sa.select(incidents.c.id).where(
        incidents.c.project == project,
        incidents.c.environment == environment,
        incidents.c.fingerprint == fingerprint,
        incidents.c.closed == OPEN,
    )
    row = tx.run(query).first()
    return None if row is None else str(row.id)


def _lock(tx: Tx, these: sa.ColumnElement[bool], project: str | None) -> Sequence[sa.Row[Any]]:
    query = sa.select(incidents).where(these).order_by(incidents.c.number).with_for_update()
    if project is not None:
        query = query.where(incidents.c.project == project)
    return tx.run(query).all()


def _locked_of(row: sa.Row[Any]) -> LockedIncident:
    return LockedIncident(
        number=row.number,
        id=row.id,
        project=row.project,
        environment=row.environment,
        fingerprint=row.fingerprint,
        state=State(row.state),
        acknowledged_by=row.acknowledged_by,
        acknowledged_at=row.acknowledged_at,
        acknowledged_until=row.acknowledged_until,
        snoozed_by=row.snoozed_by,
        snoozed_until=row.snoozed_until,
        reopened_by=row.reopened_by,
        resolved_by=row.resolved_by,
        resolved_at=row.resolved_at,
    )


def set_acknowledged(tx: Tx, numbers: Sequence[int], *, by: str, until: Instant | None) -> None:
    """Acknowledge incidents. An acknowledgement in force by the same person keeps its beginning."""
    in_force = sa.and_(
        incidents.c.state == State.ACKNOWLEDGED.value,
        incidents.c.acknowledged_by == by,
        sa.or_(incidents.c.acknowledged_until.is_(None), incidents.c.acknowledged_until > tx.now),
    )
    _update(
        tx,
        numbers,
        state=State.ACKNOWLEDGED.value,
        acknowledged_by=by,
        acknowledged_at=sa.case((in_force, incidents.c.acknowledged_at), else_=tx.now),
        acknowledged_until=until,
    )
    if until is not None:
        tx.signal("ends")


def set_unacknowledged(tx: Tx, numbers: Sequence[int], *, by: str) -> None:
    """Remove the acknowledgement; a snooze stays in force."""
    _update(tx, numbers, **_NOT_ACKNOWLEDGED, **_open_again(tx, by))


def set_snoozed(tx: Tx, numbers: Sequence[int], *, by: str, until: Instant) -> None:
    _update(tx, numbers, snoozed_by=by, snoozed_until=until)


def set_unsnoozed(tx: Tx, numbers: Sequence[int]) -> None:
    _update(tx, numbers, **_NOT_SNOOZED)


def set_resolved(tx: Tx, numbers: Sequence[int], *, by: str) -> None:
    """Resolve incidents. The name of who acknowledged an incident is kept."""
    _update(
        tx,
        numbers,
        state=State.RESOLVED.value,
        closed=incidents.c.number,
        resolved_at=tx.now,
        resolved_by=by,
        waiting=0,
        acknowledged_until=None,
        **_NOT_SNOOZED,
    )


def set_reopened(tx: Tx, numbers: Sequence[int], *, by: str) -> None:
    """Reopen incidents without acknowledgement or snooze. Auto-resolve counts from now."""
    reopened = _open_again(tx, by)
    _update(
        tx,
        numbers,
        closed=OPEN,
        resolved_at=None,
        resolved_by=None,
        quiet_since=tx.now,
        **_NOT_ACKNOWLEDGED,
        **_NOT_SNOOZED,
        **reopened,
    )


def _open_again(tx: Tx, by: str) -> dict[str, object]:
    return {"state": State.OPEN.value, "reopened_at": tx.now, "reopened_by": by, "waiting": 0}


def request_attention(tx: Tx, numbers: Sequence[int]) -> None:
    """Have alerting look at these incidents, as after an event that resolves or reopens them."""
    _update(tx, numbers, attention_at=sa.func.coalesce(incidents.c.attention_at, tx.now))
    tx.signal("attention")


def _update(tx: Tx, numbers: Sequence[int], **values: object) -> None:
    tx.run(sa.update(incidents).where(incidents.c.number.in_(numbers)).values(**values))


def successor(tx: Tx, incident: LockedIncident) -> int | None:
    """The number of the newest incident of the same identity if that is a later one, or None."""
    identity = (
        incidents.c.project == incident.project,
        incidents.c.environment == incident.environment,
        incidents.c.fingerprint == incident.fingerprint,
    )
    later = sa.or_(incidents.c.closed == OPEN, incidents.c.closed > incident.number)
    newest = (
        sa.select(incidents.c.number).where(*identity, later).order_by(incidents.c.number.desc()).limit(1)
    )
    return tx.run(newest).scalar()


def make_groups_due(tx: Tx, numbers: Sequence[int], *, gathered: Duration = 0) -> None:
    """Make the groups of these incidents due. The incidents must be locked already.

    The first act on a group is due at once. Further acts within `gathered` milliseconds are due together at the end
    of that time. With `gathered=0` no such time begins, though one that has begun is respected.
    """
    of_incidents = members.c.incident.in_(numbers)
    in_groups = sa.select(members.c.group_id).where(of_incidents)
    # Lock order: groups before members, as in a flush.
    locked = tx.run(
        sa.select(groups.c.id).where(groups.c.id.in_(in_groups)).order_by(groups.c.id).with_for_update()
    )
    ids = list(locked.scalars())
    if not ids:
        return
    tx.run(sa.update(members).where(of_incidents).values(changed_at=tx.now))
    gathering = sa.and_(groups.c.acts_until.is_not(None), groups.c.acts_until > tx.now)
    at = sa.case((gathering, groups.c.acts_until), else_=tx.now)
    later = sa.or_(groups.c.due_at.is_(None), groups.c.due_at > at)
    values: dict[str, object] = {"due_at": sa.case((later, at), else_=groups.c.due_at)}
    if gathered:
        values["acts_until"] = sa.case((gathering, groups.c.acts_until), else_=tx.now + gathered)
    tx.run(sa.update(groups).where(groups.c.id.in_(ids)).values(**values))
    tx.signal("groups")


def lock_lapsed(tx: Tx, *, most: int) -> dict[int, State]:
    """Lock up to `most` incidents whose acknowledgement has expired, oldest first. Returns their states by number."""
    until = incidents.c.acknowledged_until
    rows = tx.run(
        sa.select(incidents.c.number, incidents.c.state)
        .where(until <= tx.now)
        .order_by(until)
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    return {row.number: State(row.state) for row in rows}


def set_lapsed(tx: Tx, numbers: Sequence[int]) -> None:
    """Set incidents to open, since their acknowledgement has expired."""
    _update(tx, numbers, state=State.OPEN.value, acknowledged_by=None, acknowledged_until=None)


def clear_acknowledgement_end(tx: Tx, numbers: Sequence[int]) -> None:
    """Clear the end of an acknowledgement."""
    _update(tx, numbers, acknowledged_until=None)


def next_lapse(tx: Tx) -> Instant | None:
    """When the next acknowledgement expires, or None."""
    until = incidents.c.acknowledged_until
    return tx.run(sa.select(sa.func.min(until)).where(until.is_not(None))).scalar()
