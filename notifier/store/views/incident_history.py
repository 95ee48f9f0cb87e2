"""The history of one incident: decisions, deliveries, acts of people, and what is due next."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from notifier.domain.delivery import DeliveryState, Outcome
from notifier.domain.incident_history import (
    CarryingDelivery,
    DecidedBy,
    Decision,
    IncidentHistory,
    Membership,
    SentDelivery,
)
from notifier.domain.notification import HeldBy, Reason
from notifier.domain.silence import Silence
from notifier.domain.state import State
from notifier.domain.time import Instant
from notifier.store import audit, hold
from notifier.store.database import Tx
from notifier.store.json_rows import json_value
from notifier.store.schema import (
    configurations,
    decisions,
    deliveries,
    groups,
    incidents,
    members,
    notifications,
    targets,
)
from notifier.store.schema import silences as silences_table
from notifier.store.silences import silence_of
from notifier.store.views.incidents import incident_of, with_latest


def incident_history(tx: Tx, number: int, *, most: int) -> IncidentHistory:
    """The history of an existing incident, with at most the newest `most` rows of each kind."""
    row = tx.run(with_latest().where(incidents.c.number == number)).one()
    rows = _decisions(tx, number, most)
    routes = _routes(tx, {row.version for row in rows})
    made = tuple(_decision(row, routes) for row in rows)
    reasons = {row.notification: Reason(row.why) for row in rows if row.kind == "told"}
    memberships = _memberships(tx, number, most)
    refs = {decision.ref for decision in made} | {membership.hold_ref for membership in memberships}
    ids = sorted(ref for ref in refs if ref is not None)
    return IncidentHistory(
        incident=incident_of(row, None),
        late=row.late,
        opened_at=row.opened_at,
        acknowledged_until=row.acknowledged_until,
        snoozed_by=row.snoozed_by,
        snoozed_until=row.snoozed_until,
        resolved_by=row.resolved_by,
        previous=_previous(tx, row.previous_id),
        decisions=made,
        deliveries=_deliveries(tx, number, most, reasons),
        actions=audit.entries(tx, row.id, most=most),
        memberships=memberships,
        silences=_silences(tx, ids),
        inhibitors=_inhibitors(tx, ids),
    )


def _previous(tx: Tx, id_: str | None) -> int | None:
    if id_ is None:
        return None
    return tx.run(sa.select(incidents.c.number).where(incidents.c.id == id_)).scalar_one_or_none()


def _decisions(tx: Tx, number: int, most: int) -> Sequence[sa.Row[Any]]:
    rows = tx.run(
        sa.select(decisions, groups.c.route)
        .outerjoin(groups, groups.c.id == decisions.c.group_id)
        .where(decisions.c.incident == number)
        .order_by(decisions.c.at.desc())
        .limit(most)
    ).all()
    return rows[::-1]


def _decision(row: sa.Row[Any], routes: Mapping[tuple[str, str], tuple[str, str | None]]) -> Decision:
    name, line = routes.get((row.version, row.route), (None, None))
    values = row._mapping  # noqa: SLF001 - `count` is also a method of the row
    return Decision(
        group_id=row.group_id,
        at=row.at,
        last_at=row.last_at,
        why=Reason(row.why) if row.kind == "told" else HeldBy(row.why),
        ref=row.ref,
        count=values["count"],
        events=row.events,
        by=DecidedBy(key=row.route, name=name, line=line, version=row.version),
    )


def _routes(tx: Tx, versions: Iterable[str]) -> dict[tuple[str, str], tuple[str, str | None]]:
    """Names and lines of routes, by configuration version and key."""
    rows = tx.run(sa.select(configurations).where(configurations.c.version.in_(sorted(versions))))
    return {
        (row.version, key): (name, line)
        for row in rows
        for key, (name, line) in json_value(row.routes).items()
    }


def _deliveries(tx: Tx, number: int, most: int, reasons: Mapping[str, Reason]) -> tuple[SentDelivery, ...]:
    """Deliveries of all notifications about the incident, and of their repetitions through the fallback.

    `reasons` maps a notification to the reason for this incident; the notification's own reason is the group's.
    """
    told = sa.select(decisions.c.notification).where(
        decisions.c.incident == number, decisions.c.notification.is_not(None)
    )
    again = sa.select(notifications.c.id).where(notifications.c.fallback_of.in_(told))
    carrying = deliveries.alias("carrying")
    rows = tx.run(
        sa.select(
            *(column for column in deliveries.c if column is not deliveries.c.message),
            targets.c.address,
            targets.c.due_at.label("target_due_at"),
            targets.c.tokens,
            targets.c.cool_until,
            targets.c.disabled_at,
            carrying.c.state.label("carrier_state"),
            carrying.c.finished_at.label("carrier_finished_at"),
        )
        .join(targets, targets.c.id == deliveries.c.target)
        .outerjoin(carrying, carrying.c.id == deliveries.c.carried_by)
        # A single list, for which PostgreSQL uses the index; with two it would read all deliveries.
        .where(deliveries.c.notification.in_(sa.union(told, again)))
        .order_by(deliveries.c.created_at.desc(), deliveries.c.id.desc())
        .limit(most)
    ).all()
    held = hold.current(tx) is not None
    return tuple(
        _delivery(row, reasons.get(row.notification, Reason(row.reason)), tx.now, held=held)
        for row in reversed(rows)
    )


def _delivery(row: sa.Row[Any], reason: Reason, now: Instant, *, held: bool) -> SentDelivery:
    state = DeliveryState(row.state)
    resting = row.cool_until is not None and row.cool_until > now
    ready = state is DeliveryState.PENDING and row.due_at <= now and row.carried_by is None
    ahead = row.target_due_at is not None and row.target_due_at > now
    return SentDelivery(
        id=row.id,
        channel=row.channel,
        target=row.address,
        reason=reason,
        state=state,
        created_at=row.created_at,
        due_at=row.due_at,
        finished_at=row.finished_at,
        outcome=None if row.outcome is None else Outcome(row.outcome),
        detail=row.detail,
        attempts=row.attempts,
        carried_by=_carried_by(row),
        waits_until=row.target_due_at if ready and ahead else None,
        rate_limited=ready and ahead and not resting and row.tokens is not None and row.tokens < 1,
        on_hold=held and state is DeliveryState.PENDING and row.reason != Reason.TEST.value,
        target_disabled=row.disabled_at is not None,
    )


def _carried_by(row: sa.Row[Any]) -> CarryingDelivery | None:
    if row.carrier_state is None:
        return None
    state = DeliveryState(row.carrier_state)
    return CarryingDelivery(id=row.carried_by, state=state, finished_at=row.carrier_finished_at)


def _memberships(tx: Tx, number: int, most: int) -> tuple[Membership, ...]:
    rows = tx.run(
        sa.select(members, groups.c.route, groups.c.due_at)
        .join(groups, groups.c.id == members.c.group_id)
        .where(members.c.incident == number)
        .order_by(members.c.joined_at, members.c.group_id)
        .limit(most)
    )
    return tuple(
        Membership(
            group_id=row.group_id,
            route=row.route,
            undecided=row.changed_at is not None,
            due_at=row.due_at,
            told=row.told_at is not None,
            told_over=row.told_state == State.RESOLVED.value,
            held_by=None if row.held_by is None else HeldBy(row.held_by),
            hold_ref=row.hold_ref,
            repeat_at=row.repeat_at,
            escalate_at=row.escalate_at,
        )
        for row in rows
    )


def _silences(tx: Tx, ids: Sequence[str]) -> dict[str, Silence]:
    rows = tx.run(sa.select(silences_table).where(silences_table.c.id.in_(ids)))
    return {row.id: silence_of(row) for row in rows}


def _inhibitors(tx: Tx, ids: Sequence[str]) -> dict[str, tuple[int, str]]:
    rows = tx.run(
        sa.select(incidents.c.id, incidents.c.number, incidents.c.title).where(incidents.c.id.in_(ids))
    )
    return {row.id: (row.number, row.title) for row in rows}
