"""Why somebody was told, or was not, in sentences that a tired person understands."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from notifier.domain.notification import HeldBy, Reason
from notifier.domain.silence import Silence
from notifier.domain.time import Instant, parse_rfc3339
from notifier.store.audit import AuditEntry
from notifier.store.views import DecidedBy, Decision, IncidentHistory
from notifier.wording import beside

UNTIL_THEN = "; "
"""Between the end of what somebody did and what else is said of it."""

_TOLD: Mapping[Reason, str] = {
    Reason.OPENED: "it was new",
    Reason.REOPENED: "it was open again after it had been resolved or taken",
    Reason.SEVERITY_RAISED: "its severity had risen",
    Reason.UNMUTED: "what had held it was over, and it was still open",
    Reason.ACKNOWLEDGED: "somebody had acknowledged it",
    Reason.RESOLVED: "it was resolved",
    Reason.REPEATED: "it was still happening",
}
_HELD: Mapping[HeldBy, str] = {
    HeldBy.WAITING: "nothing had happened since the last message",
    HeldBy.BELOW_THRESHOLD: "it had not yet had as many events as the route's `notify_after` asks for",
    HeldBy.MUTE_TIME: "it was outside of the hours in which the route tells",
    HeldBy.ACKNOWLEDGED: "somebody had acknowledged it",
    HeldBy.RATE_LIMITED: "the target had heard as much as its `rate_limit` allows",
    HeldBy.DUPLICATE: "the same event had been counted already",
    HeldBy.ROUTE: "its route tells nobody (`channels: []`)",
    HeldBy.SEVERITY: "its severity is `none`, which nobody is told of",
    HeldBy.HOLD: "deliveries were on hold",
    HeldBy.LATE: "it had happened before the incident was resolved",
}


def told(one: Decision, actions: Sequence[AuditEntry]) -> str:
    """One telling: why, how much it said, and who decided so."""
    sentence = f"Told: {_why_told(one, actions)}"
    if one.events > 1:
        sentence += f", with {one.events:,} events that had not been told before"
    return f"{sentence}. {decided_by(one.by)}"


def _why_told(one: Decision, actions: Sequence[AuditEntry]) -> str:
    if one.why is Reason.ESCALATED:
        step = "" if one.ref is None or not one.ref.isdigit() else f" {int(one.ref) + 1}"
        return f"step{step} of the route's `escalate` was due, for it was open and nobody had acknowledged it"
    if one.why is Reason.ACKNOWLEDGED and (entry := _last(actions, "acknowledge", one.at)):
        return f"{entry.actor} had acknowledged it"
    return _TOLD[Reason(one.why)]


def held(one: Decision, facts: IncidentHistory) -> str:
    """One reason for which nothing was told, how often, and who decided so."""
    often = "" if one.count < 2 else f", {one.count:,} times {between(one.at, one.last_at)}"
    return f"Not told: {_why_held(one, facts)}{often}. {decided_by(one.by)}"


def _why_held(one: Decision, facts: IncidentHistory) -> str:
    match one.why:
        case HeldBy.SILENCED:
            return silenced(facts.silences.get(one.ref or ""), near=one.at)
        case HeldBy.INHIBITED:
            return inhibited(facts.inhibitors.get(one.ref or ""))
        case HeldBy.SNOOZED:
            return f"snoozed{_snoozed(facts.actions, one)}"
        case HeldBy.WAITING if not _told_before(one, facts.decisions):
            return "it was over before anybody was told"
    return _HELD[HeldBy(one.why)]


def silenced(silence: Silence | None, *, near: Instant) -> str:
    """By whom, until when, and with which words."""
    if silence is None:
        return "silenced by somebody"
    until = "" if silence.ends_at is None else f" until {clock(silence.ends_at, near=near)}"
    recurring = " in a window that recurs" if silence.recur is not None else ""
    return f"silenced by {silence.author}{recurring}{until} ({quoted(silence.comment)})"


def inhibited(source: tuple[int, str] | None) -> str:
    if source is None:
        return "inhibited by an incident that is gone"
    return f"inhibited by incident {source[0]} ({quoted(source[1])})"


def _snoozed(actions: Sequence[AuditEntry], one: Decision) -> str:
    entry = _last(actions, "snooze", one.last_at)
    return "" if entry is None else f" by {entry.actor}{until(entry)}"


def _last(actions: Sequence[AuditEntry], action: str, by: Instant) -> AuditEntry | None:
    return next((entry for entry in reversed(actions) if entry.action == action and entry.at <= by), None)


def until(entry: AuditEntry) -> str:
    """` until 09:00 UTC`, where the action has an end."""
    end = end_of(entry)
    return "" if end is None else f" until {clock(end, near=entry.at)}"


def end_of(entry: AuditEntry) -> Instant | None:
    """When what somebody did is over by itself."""
    if entry.detail is None or not entry.detail.startswith("until "):
        return None
    return parse_rfc3339(entry.detail.removeprefix("until ").partition(UNTIL_THEN)[0])


def apart_from_end(entry: AuditEntry) -> str:
    """What is said of the action beside its end."""
    if end_of(entry) is None:
        return entry.detail or ""
    return (entry.detail or "").partition(UNTIL_THEN)[2]


def _told_before(one: Decision, decisions: Sequence[Decision]) -> bool:
    return any(
        other.group_id == one.group_id and other.at <= one.at and isinstance(other.why, Reason)
        for other in decisions
    )


def decided_by(by: DecidedBy) -> str:
    """Say which route: ``Route `severity="critical"` (notifier.yaml:12, configuration 1a2b3c4d)``."""
    where = [by.line, f"configuration {by.version}" if by.version else None]
    places = ", ".join(place for place in where if place)
    name = "A route that is gone" if by.name is None else f"Route `{by.name}`"
    return f"{name} ({places})." if places else f"{name}."


def quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def between(first: Instant, last: Instant) -> str:
    return f"between {clock(first, near=first)} and {clock(last, near=first)}"


def clock(at: Instant, *, near: Instant) -> str:
    """`09:00 UTC`, with its date where that is another day than `near`'s."""
    return beside(at, at, day_of=near).text
