"""Sentences that say why people were notified of an incident, or were not."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from notifier.domain.direction import isolated
from notifier.domain.incident_history import AuditEntry, DecidedBy, Decision, IncidentHistory
from notifier.domain.notification import HeldBy, Reason
from notifier.domain.silence import Silence
from notifier.domain.time import Instant
from notifier.wording.audit_details import end_of
from notifier.wording.times import clock

_TOLD: Mapping[Reason, str] = {
    Reason.OPENED: "it was new",
    Reason.REOPENED: "it was open again after it had been resolved or acknowledged",
    Reason.SEVERITY_RAISED: "its severity had risen",
    Reason.UNMUTED: "what had held it was over, and it was still open",
    Reason.ACKNOWLEDGED: "somebody had acknowledged it",
    Reason.RESOLVED: "it was resolved",
    Reason.REPEATED: "it was still happening",
}
_HELD: Mapping[HeldBy, str] = {
    HeldBy.WAITING: "nothing had happened since the last message",
    HeldBy.BELOW_THRESHOLD: "it had fewer events than the route's `notify_after` requires",
    HeldBy.MUTE_TIME: "it was outside the route's active hours",
    HeldBy.ACKNOWLEDGED: "somebody had acknowledged it",
    HeldBy.RATE_LIMITED: "the target had used up its `rate_limit`",
    HeldBy.DUPLICATE: "the same event had already been counted",
    HeldBy.ROUTE: "its route tells nobody (`channels: []`)",
    HeldBy.SEVERITY: "its severity is `none`, and nobody is alerted about that",
    HeldBy.HOLD: "deliveries were on hold",
    HeldBy.LATE: "it had happened before the incident was resolved",
}
HOLDS: Mapping[HeldBy, str] = {
    HeldBy.WAITING: "nothing has happened since the last message",
    HeldBy.BELOW_THRESHOLD: "held until it has happened more often",
    HeldBy.SILENCED: "silenced",
    HeldBy.INHIBITED: "inhibited",
    HeldBy.MUTE_TIME: "held by the route's hours",
    HeldBy.ACKNOWLEDGED: "somebody has it",
    HeldBy.SNOOZED: "snoozed",
    HeldBy.RATE_LIMITED: "the target has reached its rate limit",
    HeldBy.DUPLICATE: "counted already",
    HeldBy.ROUTE: "its route tells nobody",
    HeldBy.SEVERITY: "nobody is alerted about its severity",
    HeldBy.HOLD: "deliveries are on hold",
    HeldBy.LATE: "it happened before it was resolved",
}
"""A phrase for each hold that is in force."""


def told(decision: Decision, actions: Sequence[AuditEntry]) -> str:
    """Why a notification was sent, what it contained, and who decided it."""
    sentence = f"Told: {_why_told(decision, actions)}"
    if decision.events > 1:
        sentence += f", with {decision.events:,} events that had not been told before"
    return f"{sentence}. {decided_by(decision.by)}"


def _why_told(decision: Decision, actions: Sequence[AuditEntry]) -> str:
    if decision.why is Reason.ESCALATED:
        ref = decision.ref
        step = "" if ref is None or not ref.isdigit() else f" {int(ref) + 1}"
        return f"step{step} of the route's `escalate` was due, for it was open and nobody had acknowledged it"
    if decision.why is Reason.ACKNOWLEDGED and (entry := _last(actions, "acknowledge", decision.at)):
        return f"{isolated(entry.actor)} had acknowledged it"
    return _TOLD[Reason(decision.why)]


def held(decision: Decision, history: IncidentHistory) -> str:
    """One reason why nothing was sent, how often, and who decided it."""
    often = (
        "" if decision.count < 2 else f", {decision.count:,} times {between(decision.at, decision.last_at)}"
    )
    return f"Not told: {_why_held(decision, history)}{often}. {decided_by(decision.by)}"


def _why_held(decision: Decision, history: IncidentHistory) -> str:
    match decision.why:
        case HeldBy.SILENCED:
            return silenced(history.silences.get(decision.ref or ""), near=decision.at)
        case HeldBy.INHIBITED:
            return inhibited(history.inhibitors.get(decision.ref or ""))
        case HeldBy.SNOOZED:
            return f"snoozed{_snoozed(history.actions, decision)}"
        case HeldBy.WAITING if not _told_before(decision, history.decisions):
            return "it was over before anybody was told"
    return _HELD[HeldBy(decision.why)]


def silenced(silence: Silence | None, *, near: Instant) -> str:
    """The author of a silence, its end and its comment."""
    if silence is None:
        return "silenced by somebody"
    until = "" if silence.ends_at is None else f" until {clock(silence.ends_at, near=near)}"
    recurring = " in a window that recurs" if silence.recur is not None else ""
    return f"silenced by {isolated(silence.author)}{recurring}{until} ({quoted(silence.comment)})"


def inhibited(source: tuple[int, str] | None) -> str:
    """The incident that inhibits another, by number and title."""
    if source is None:
        return "inhibited by an incident that is gone"
    return f"inhibited by incident {source[0]} ({quoted(source[1])})"


def _snoozed(actions: Sequence[AuditEntry], decision: Decision) -> str:
    entry = _last(actions, "snooze", decision.last_at)
    return "" if entry is None else f" by {isolated(entry.actor)}{until(entry)}"


def _last(actions: Sequence[AuditEntry], action: str, by: Instant) -> AuditEntry | None:
    return next((entry for entry in reversed(actions) if entry.action == action and entry.at <= by), None)


def until(entry: AuditEntry) -> str:
    """` until 09:00 UTC` if the act has an end, else empty."""
    end = end_of(entry)
    return "" if end is None else f" until {clock(end, near=entry.at)}"


def _told_before(decision: Decision, decisions: Sequence[Decision]) -> bool:
    return any(
        earlier.group_id == decision.group_id
        and earlier.at <= decision.at
        and isinstance(earlier.why, Reason)
        for earlier in decisions
    )


def decided_by(by: DecidedBy) -> str:
    """The route that decided: ``Route `severity="critical"` (notifier.yaml:12, configuration 1a2b3c4d)``."""
    where = [by.line, f"configuration {by.version}" if by.version else None]
    places = ", ".join(place for place in where if place)
    name = "A route that is gone" if by.name is None else f"Route {isolated(f'`{by.name}`')}"
    return f"{name} ({places})." if places else f"{name}."


def quoted(text: str) -> str:
    """`"text"`, with special characters escaped as in JSON."""
    return isolated(json.dumps(text, ensure_ascii=False))


def between(first: Instant, last: Instant) -> str:
    """`between 09:00 UTC and 10:30 UTC`, with the date of `last` if it is another day."""
    return f"between {clock(first, near=first)} and {clock(last, near=first)}"
