"""The timeline of an incident: why people were notified, why not, and what happened, in order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, Protocol

from notifier.domain.direction import isolated
from notifier.domain.incident_history import (
    AuditEntry,
    DecidedBy,
    Decision,
    IncidentHistory,
    Membership,
    SentDelivery,
)
from notifier.domain.notification import HeldBy, Reason
from notifier.domain.route import Route
from notifier.domain.state import State
from notifier.domain.time import Instant
from notifier.domain.value import replace
from notifier.wording import explanations
from notifier.wording.audit_details import end_of, without_end
from notifier.wording.credentials import credential
from notifier.wording.delivery_sentences import delivery_result
from notifier.wording.explanations import quoted
from notifier.wording.reasons import service_of
from notifier.wording.times import clock

MAX_ITEMS = 500
MAX_NEXT = 50

ItemKind = Literal["event", "told", "held", "delivery", "action", "next"]
_ORDER: tuple[ItemKind, ...] = ("event", "action", "held", "told", "delivery", "next")


class Routes(Protocol):
    """The routes of the current configuration, by key."""

    def has_route(self, key: str) -> bool: ...
    def route(self, key: str) -> Route:
        """The route of this key, or the root if the configuration has no such route."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryItem:
    """An item of a timeline. Its kind `next` is still to come.

    `count` is a number of events, or of equal decisions. `route` is the route's matchers in words. At most one of
    `reason` and `held_by` is set.
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
    """Oldest first, then what comes next. `truncated` is true if older items are left out."""

    items: tuple[HistoryItem, ...]
    truncated: bool


def timeline(history: IncidentHistory, routes: Routes, now: Instant) -> Timeline:
    """The history of an incident as at most `MAX_ITEMS` items."""
    past = sorted(_past(history, routes), key=lambda item: (item.at, _ORDER.index(item.kind)))
    to_come = _without_repeats(sorted(_next(history, routes, now), key=lambda item: item.at))[:MAX_NEXT]
    room = MAX_ITEMS - len(to_come)
    return Timeline(items=(*past[-room:], *to_come), truncated=len(past) > room)


def _without_repeats(items: Iterable[HistoryItem]) -> list[HistoryItem]:
    """The items without repeated sentences. A sentence that several routes share loses its route."""
    texts: dict[str, HistoryItem] = {}
    for item in items:
        first = texts.get(item.text)
        texts[item.text] = item if first is None else replace(first, route=None)
    return list(texts.values())


def _past(history: IncidentHistory, routes: Routes) -> Iterator[HistoryItem]:
    yield from _events(history)
    for decision in history.decisions:
        yield _decided(decision, history, routes)
    yield from map(_delivery, history.deliveries)
    yield from map(_action, history.actions)
    yield from _expired_acknowledgements(history)


def _events(history: IncidentHistory) -> Iterator[HistoryItem]:
    incident = history.incident
    follows = "" if history.previous is None else f"; it was incident {history.previous} before"
    yield HistoryItem(
        at=incident.first_seen,
        kind="event",
        count=1,
        text=(
            f"First event: {quoted(incident.title)} of {service_of(incident)} in "
            f"{isolated(incident.environment)}{follows}."
        ),
    )
    on_time = incident.count - history.late
    if on_time > 1:
        yield HistoryItem(
            at=incident.last_seen,
            kind="event",
            count=incident.count,
            text=f"Last event: {incident.count:,} so far, severity {incident.severity.value} at the most.",
        )
    if history.late:
        yield HistoryItem(
            at=incident.resolved_at or incident.last_seen,
            kind="held",
            held_by=HeldBy.LATE,
            count=history.late,
            text=(
                f"Not told: {_events_of(history.late)} arrived after it was resolved but had happened before: "
                "counted, but not sent."
            ),
        )
    if incident.resolved_at is not None and history.resolved_by in _RESOLVED:
        yield HistoryItem(at=incident.resolved_at, kind="event", text=_RESOLVED[history.resolved_by])


_RESOLVED = {
    "event": "Resolved by an event that said so.",
    "auto": "Resolved by itself: no event had come for as long as `auto_resolve` says.",
    "expired": "Resolved by itself: its sender had not said for as long as `resolve_timeout` says that it goes on.",
    "recovered": "Resolved by itself: the runs that failed have been made good.",
}


def _events_of(count: int) -> str:
    return "1 event" if count == 1 else f"{count:,} events"


def _decided(decision: Decision, history: IncidentHistory, routes: Routes) -> HistoryItem:
    decision = replace(decision, by=_named(decision.by, routes))
    at, route = decision.at, decision.by.name
    if isinstance(decision.why, Reason):
        text, count = explanations.told(decision, history.actions), decision.events
        return HistoryItem(at=at, kind="told", reason=decision.why, count=count, route=route, text=text)
    text = explanations.held(decision, history)
    return HistoryItem(at=at, kind="held", held_by=decision.why, count=decision.count, route=route, text=text)


def _named(by: DecidedBy, routes: Routes) -> DecidedBy:
    """The decision's route with its current name, if only its key was stored."""
    if by.name is not None or by.key is None or not routes.has_route(by.key):
        return by
    route = routes.route(by.key)
    return replace(by, name=route.name, line=route.line)


def _delivery(delivery: SentDelivery) -> HistoryItem:
    item = HistoryItem(
        at=delivery.created_at if delivery.finished_at is None else delivery.finished_at,
        kind="delivery",
        reason=delivery.reason,
        channel=delivery.channel,
        text=delivery_result(delivery),
    )
    holds = HeldBy.HOLD if delivery.on_hold else HeldBy.RATE_LIMITED if delivery.rate_limited else None
    return item if holds is None else replace(item, reason=None, held_by=holds)


_DONE = {
    "acknowledge": "acknowledged it",
    "unacknowledge": "took the acknowledgement back",
    "snooze": "snoozed it",
    "unsnooze": "ended the snooze",
    "resolve": "resolved it",
    "reopen": "reopened it",
}


def _action(entry: AuditEntry) -> HistoryItem:
    actor = isolated(entry.actor)
    if entry.action == "note":
        text = f"{actor} noted: {isolated(entry.detail or '')}"
    else:
        detail = without_end(entry)
        detail = f" ({isolated(detail)})" if detail else ""
        done = _DONE.get(entry.action, f"did `{entry.action}`")
        text = f"{actor} {done}{explanations.until(entry)}{detail}."
    if entry.key_name != entry.actor:
        text += f" [{credential(entry.key_name)}]"
    return HistoryItem(at=entry.at, kind="action", actor=entry.actor, text=text)


def _expired_acknowledgements(history: IncidentHistory) -> Iterator[HistoryItem]:
    """Acknowledgements that expired, which have no audit entry."""
    ends: Instant | None = None
    by = ""
    for entry in history.actions:
        if ends is not None and ends <= entry.at:
            yield _lapse(by, ends)
            ends = None
        if entry.action in {"acknowledge", "unacknowledge", "resolve", "reopen"}:
            ends = end_of(entry) if entry.action == "acknowledge" else None
            by = entry.actor
    over = history.incident.state is not State.OPEN or history.acknowledged_until is not None
    if ends is not None and not over:
        yield _lapse(by, ends)


def _lapse(by: str, at: Instant) -> HistoryItem:
    text = f"The acknowledgement of {isolated(by)} was over: it counts as open again."
    return HistoryItem(at=at, kind="action", actor=by, text=text)


def _next(history: IncidentHistory, routes: Routes, now: Instant) -> Iterator[HistoryItem]:
    """The next times, for each group."""
    resolved = history.incident.state is State.RESOLVED
    waiting = [
        membership
        for membership in history.memberships
        if not resolved or (membership.undecided and not membership.told_over)
    ]
    if not waiting:
        text = "Nothing is due: it is resolved." if resolved else "It is about to be routed."
        yield HistoryItem(at=now, kind="next", text=text)
    for membership in waiting:
        yield _due(membership, history, routes, now)
        escalate_at = membership.escalate_at
        if escalate_at is not None:
            at = clock(escalate_at, near=now)
            text = f"Escalated at {at}, unless it is acknowledged, resolved or held by then."
            route = routes.route(membership.route).name
            yield HistoryItem(at=escalate_at, kind="next", route=route, text=text)


def _due(membership: Membership, history: IncidentHistory, routes: Routes, now: Instant) -> HistoryItem:
    item = HistoryItem(at=now, kind="next", route=routes.route(membership.route).name, text="")
    acknowledged = history.incident.state is State.ACKNOWLEDGED and membership.told
    if membership.undecided:
        due_at = now if membership.due_at is None else membership.due_at
        text = f"Decided at {clock(due_at, near=now)}: whether to tell, and whom."
        return replace(item, at=due_at, text=text)
    if membership.held_by is not None:
        at = membership.repeat_at or now
        return replace(item, at=at, held_by=membership.held_by, text=_held_now(membership, history, now))
    if acknowledged:
        until = history.acknowledged_until
        ends = "it is reopened" if until is None else clock(until, near=now)
        owner = isolated(history.incident.acknowledged_by or "somebody")
        text = f"{owner} has it: no repeats and no escalation until {ends}."
        return replace(item, at=until or now, held_by=HeldBy.ACKNOWLEDGED, text=text)
    if membership.repeat_at is not None:
        text = f"Told again at {clock(membership.repeat_at, near=now)} if events have come by then."
        return replace(item, at=membership.repeat_at, text=text)
    return replace(item, text="Nothing is due until something changes.")


def _held_now(membership: Membership, history: IncidentHistory, now: Instant) -> str:
    ref, repeat_at = membership.hold_ref or "", membership.repeat_at
    then = "" if repeat_at is None else f" Decided again at {clock(repeat_at, near=now)}"
    if then:
        then += ", and told if it is still open."
    match membership.held_by:
        case HeldBy.SILENCED:
            held = explanations.silenced(history.silences.get(ref), near=now)
        case HeldBy.INHIBITED:
            held = explanations.inhibited(history.inhibitors.get(ref))
        case HeldBy.SNOOZED:
            held = f"snoozed by {isolated(history.snoozed_by or 'somebody')}"
        case HeldBy.MUTE_TIME:
            held = "by the route's hours"
        case HeldBy.BELOW_THRESHOLD:
            return "Held until it has as many events as the route's `notify_after` requires."
        case HeldBy.ROUTE:
            return "It is counted and listed: its route tells nobody (`channels: []`)."
        case HeldBy.SEVERITY:
            return "It is counted and listed: nobody is told of severity `none`, unless it rises."
        case _:
            return "Nothing has happened since the last message: its next event is told."
    return f"Held: {held}.{then}"
