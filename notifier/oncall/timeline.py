"""Why was I told, why was I not: everything about one incident in one ordered list."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from notifier.domain.incident import State
from notifier.domain.notification import HeldBy, Reason
from notifier.domain.time import Instant
from notifier.oncall import why
from notifier.oncall.arrivals import arrival
from notifier.oncall.incidents import known
from notifier.oncall.why import clock, quoted
from notifier.store import views
from notifier.store.alerting import Plan
from notifier.store.audit import AuditEntry
from notifier.store.database import Database, Tx
from notifier.store.views import DecidedBy, Decision, IncidentHistory, Membership, Sent

ITEMS_AT_MOST = 500
NEXT_AT_MOST = 50

ItemKind = Literal["event", "told", "held", "delivery", "action", "next"]
_ORDER: tuple[ItemKind, ...] = ("event", "action", "held", "told", "delivery", "next")


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One thing that happened, or is to come (`next`).

    `count` is how many events it speaks of, or how often it was decided so. `route` is the route's matchers in words.
    Of `reason` and `held_by` at most one is set.
    """

    at: Instant
    kind: ItemKind
    text: str
    reason: Reason | None = None
    held_by: HeldBy | None = None
    count: int | None = None
    route: str | None = None
    channel: str | None = None
    actor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """Oldest first, what is next at the end. `truncated`: older items are left out."""

    items: tuple[Item, ...]
    truncated: bool


async def timeline(database: Database, plan: Plan, name: str, *, project_scope: str | None) -> Timeline:
    """The story of the incident with this id or number, or `Unknown`."""

    def read(tx: Tx) -> Timeline:
        number = known(tx, name, project_scope, None).number
        return told_of(views.incident_history(tx, number, most=ITEMS_AT_MOST + 1), plan, tx.now)

    return await database.read(read)


def told_of(facts: IncidentHistory, plan: Plan, now: Instant) -> Timeline:
    """The story that these facts make."""
    past = sorted(_past(facts, plan), key=lambda item: (item.at, _ORDER.index(item.kind)))
    to_come = sorted(_next(facts, plan, now), key=lambda item: item.at)[:NEXT_AT_MOST]
    room = ITEMS_AT_MOST - len(to_come)
    return Timeline(items=(*past[-room:], *to_come), truncated=len(past) > room)


def _past(facts: IncidentHistory, plan: Plan) -> Iterator[Item]:
    yield from _events(facts)
    for one in facts.decisions:
        yield _decided(one, facts, plan)
    yield from map(_delivery, facts.sent)
    yield from map(_action, facts.actions)
    yield from _lapsed(facts)


def _events(facts: IncidentHistory) -> Iterator[Item]:
    incident = facts.incident
    follows = "" if facts.previous is None else f"; it was incident {facts.previous} before"
    yield Item(
        at=incident.first_seen,
        kind="event",
        count=1,
        text=f"First event: {quoted(incident.title)} of {incident.service} in {incident.environment}{follows}.",
    )
    on_time = incident.count - facts.late
    if on_time > 1:
        yield Item(
            at=incident.last_seen,
            kind="event",
            count=incident.count,
            text=f"Last event: {incident.count:,} so far, severity {incident.severity.value} at the most.",
        )
    if facts.late:
        yield Item(
            at=incident.resolved_at or incident.last_seen,
            kind="held",
            held_by=HeldBy.LATE,
            count=facts.late,
            text=(
                f"Not told: {_events_of(facts.late)} arrived after it was resolved but had happened before: "
                "counted, and told to nobody."
            ),
        )
    if incident.resolved_at is not None and facts.resolved_by in _RESOLVED:
        yield Item(at=incident.resolved_at, kind="event", text=_RESOLVED[facts.resolved_by])


_RESOLVED = {
    "event": "Resolved by an event that said so.",
    "auto": "Resolved by itself: no event had come for as long as `auto_resolve` says.",
    "recovered": "Resolved by itself: the runs that failed have been made good.",
}


def _events_of(count: int) -> str:
    return "1 event" if count == 1 else f"{count:,} events"


def _decided(one: Decision, facts: IncidentHistory, plan: Plan) -> Item:
    one = replace(one, by=_named(one.by, plan))
    if isinstance(one.why, Reason):
        text, count = why.told(one, facts.actions), one.events
        return Item(at=one.at, kind="told", reason=one.why, count=count, route=one.by.name, text=text)
    text = why.held(one, facts)
    return Item(at=one.at, kind="held", held_by=one.why, count=one.count, route=one.by.name, text=text)


def _named(by: DecidedBy, plan: Plan) -> DecidedBy:
    """Where the store knows the route by its key alone, what the present configuration calls it."""
    if by.name is not None or by.key is None or not plan.knows(by.key):
        return by
    route = plan.route(by.key)
    return replace(by, name=route.name, line=route.line)


def _delivery(one: Sent) -> Item:
    item = Item(
        at=one.created_at if one.finished_at is None else one.finished_at,
        kind="delivery",
        reason=one.reason,
        channel=one.channel,
        text=arrival(one),
    )
    holds = HeldBy.HOLD if one.on_hold else HeldBy.RATE_LIMITED if one.rate_limited else None
    return item if holds is None else replace(item, reason=None, held_by=holds)


_DONE = {
    "acknowledge": "acknowledged it",
    "unacknowledge": "took the acknowledgement back",
    "snooze": "snoozed it",
    "unsnooze": "ended the snooze",
    "resolve": "resolved it",
    "reopen": "reopened it",
}


def _action(entry: AuditEntry) -> Item:
    if entry.action == "note":
        text = f"{entry.actor} noted: {entry.detail or ''}"
    else:
        said = why.apart_from_end(entry)
        detail = f" ({said})" if said else ""
        done = _DONE.get(entry.action, f"did `{entry.action}`")
        text = f"{entry.actor} {done}{why.until(entry)}{detail}."
    if entry.key_name != entry.actor:
        text += f" [key {entry.key_name}]"
    return Item(at=entry.at, kind="action", actor=entry.actor, text=text)


def _lapsed(facts: IncidentHistory) -> Iterator[Item]:
    """Acknowledgements that ended by themselves, which nobody wrote down."""
    ends: Instant | None = None
    by = ""
    for entry in facts.actions:
        if ends is not None and ends <= entry.at:
            yield _lapse(by, ends)
            ends = None
        if entry.action in {"acknowledge", "unacknowledge", "resolve", "reopen"}:
            ends = why.end_of(entry) if entry.action == "acknowledge" else None
            by = entry.actor
    over = facts.incident.state is not State.OPEN or facts.acknowledged_until is not None
    if ends is not None and not over:
        yield _lapse(by, ends)


def _lapse(by: str, at: Instant) -> Item:
    return Item(
        at=at, kind="action", actor=by, text=f"The acknowledgement of {by} was over: it counts as open again."
    )


def _next(facts: IncidentHistory, plan: Plan, now: Instant) -> Iterator[Item]:
    """What is due, group by group."""
    resolved = facts.incident.state is State.RESOLVED
    waiting = [one for one in facts.memberships if not resolved or (one.undecided and not one.told_over)]
    if not waiting:
        text = "Nothing is due: it is resolved." if resolved else "It is about to be routed."
        yield Item(at=now, kind="next", text=text)
    for one in waiting:
        yield _due(one, facts, plan, now)
        if one.escalate_at is not None:
            at = clock(one.escalate_at, near=now)
            text = f"Escalated at {at}, unless it is acknowledged, resolved or held by then."
            yield Item(at=one.escalate_at, kind="next", route=plan.route(one.route).name, text=text)


def _due(one: Membership, facts: IncidentHistory, plan: Plan, now: Instant) -> Item:
    route = plan.route(one.route)
    item = Item(at=now, kind="next", route=route.name, text="")
    acknowledged = facts.incident.state is State.ACKNOWLEDGED and one.told
    if one.undecided:
        due_at = now if one.due_at is None else one.due_at
        text = f"Decided at {clock(due_at, near=now)}: whether to tell, and whom."
        return replace(item, at=due_at, text=text)
    if one.held_by is not None:
        at = one.repeat_at or now
        return replace(item, at=at, held_by=one.held_by, text=_held_now(one, facts, now))
    if acknowledged:
        until = facts.acknowledged_until
        ends = "it is reopened" if until is None else clock(until, near=now)
        text = f"{facts.incident.acknowledged_by} has it: no repeats and no escalation until {ends}."
        return replace(item, at=until or now, held_by=HeldBy.ACKNOWLEDGED, text=text)
    if one.repeat_at is not None:
        text = f"Told again at {clock(one.repeat_at, near=now)} if events have come by then."
        return replace(item, at=one.repeat_at, text=text)
    return replace(item, text="Nothing is due before something changes.")


def _held_now(one: Membership, facts: IncidentHistory, now: Instant) -> str:
    then = "" if one.repeat_at is None else f" Looked at again at {clock(one.repeat_at, near=now)}"
    if then:
        then += ", and told if it is still open."
    match one.held_by:
        case HeldBy.SILENCED:
            held = why.silenced(facts.silences.get(one.hold_ref or ""), near=now)
        case HeldBy.INHIBITED:
            held = why.inhibited(facts.inhibitors.get(one.hold_ref or ""))
        case HeldBy.SNOOZED:
            held = f"snoozed by {facts.snoozed_by or 'somebody'}"
        case HeldBy.MUTE_TIME:
            held = "by the route's hours"
        case HeldBy.BELOW_THRESHOLD:
            return "Held until it has had as many events as the route's `notify_after` asks for."
        case _:
            return "Nothing has happened since the last message: its next event is told."
    return f"Held: {held}.{then}"
