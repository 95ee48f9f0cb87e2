"""Why people are notified: the words of each reason, and an incident's state in a phrase."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, tzinfo

from notifier.domain.incident import Incident
from notifier.domain.message import EpisodeSummary, Message, Told
from notifier.domain.notification import Reason
from notifier.domain.state import State
from notifier.domain.time import SECOND, Instant
from notifier.wording.text import counted, inline, number, plain
from notifier.wording.times import duration, moment

REASONS: Mapping[Reason, str] = {
    Reason.OPENED: "New",
    Reason.REOPENED: "Back again",
    Reason.SEVERITY_RAISED: "Got worse",
    Reason.UNMUTED: "No longer muted",
    Reason.ESCALATED: "Escalated",
    Reason.ACKNOWLEDGED: "Acknowledged",
    Reason.RESOLVED: "Resolved",
    Reason.REPEATED: "Still happening",
    Reason.DIGEST: "Digest",
    Reason.FALLBACK: "Fallback",
    Reason.SYSTEM: "About notifier itself",
    Reason.TEST: "Test",
}

_WHY: Mapping[Reason, str] = {
    Reason.OPENED: "a new incident opened",
    Reason.REOPENED: "a resolved problem came back",
    Reason.SEVERITY_RAISED: "the severity rose",
    Reason.UNMUTED: "a silence, snooze or mute time ended and it is still open",
    Reason.ESCALATED: "nobody acknowledged it in time",
    Reason.ACKNOWLEDGED: "somebody acknowledged it",
    Reason.RESOLVED: "it was resolved",
    Reason.REPEATED: "it is still happening and nobody has acknowledged it",
    Reason.DIGEST: "the rate limit merged several messages into one",
    Reason.FALLBACK: "another channel could not deliver it",
    Reason.SYSTEM: "notifier has something to say about itself",
    Reason.TEST: "somebody asked for a test",
}

# "3 new, 1 worse"; reasons without an entry use their own name.
_COUNTED: Mapping[str, str] = {
    Reason.OPENED: "new",
    Reason.REOPENED: "back again",
    Reason.SEVERITY_RAISED: "worse",
    Reason.UNMUTED: "no longer muted",
    Reason.REPEATED: "still happening",
}


NOBODY = "nobody is on them yet"


def why(message: Message) -> str:
    """`Sent because a new incident opened; route: severity="critical" (notifier.yaml:12)`."""
    by_hand = message.reason is Reason.REOPENED and any(told.actor for told in message.told)
    sentence = f"Sent because {'somebody reopened it' if by_hand else _WHY[message.reason]}"
    if message.origin is None or message.reason in {Reason.SYSTEM, Reason.TEST}:
        return sentence
    line = f" ({inline(message.origin.line)})" if message.origin.line else ""
    return f"{sentence}; route: {inline(message.origin.route)}{line}"


def by_reason(totals: Mapping[str, int]) -> str:
    """`3 new, 1 worse`; empty if all counts are zero."""
    word = _COUNTED.get
    counts = (
        (count, word(reason) or plain(reason, 40).replace("_", " ")) for reason, count in totals.items()
    )
    return ", ".join(f"{number(count)} {reason}" for count, reason in counts if count)


def standing(episode: EpisodeSummary) -> str | None:
    """`Open: 3 incidents, 1 acknowledged, 2 resolved`. None if the episode has one incident."""
    still = episode.open + episode.acknowledged
    total = still + episode.resolved
    if total <= 1:
        return None
    if not still:
        return f"Resolved: all {number(total)} incidents"
    parts = [counted(still, "incident")]
    parts += [f"{number(episode.acknowledged)} acknowledged"] if episode.acknowledged and episode.open else []
    parts += [f"{number(episode.resolved)} resolved"] if episode.resolved else []
    return f"{'Open' if episode.open else 'Acknowledged'}: {', '.join(parts)}"


def service_of(incident: Incident) -> str:
    """The service of an incident, or "several services" if several send its fingerprint."""
    return inline(incident.service, 80) or "several services"


def owner(incident: Incident) -> str | None:
    """The sentence that says who has acknowledged an incident. None if it is resolved."""
    if incident.state is State.RESOLVED:
        return None
    if incident.state is State.OPEN:
        return "nobody is on it yet"
    return f"{inline(incident.acknowledged_by or '', 60) or 'somebody'} is on it"


def owners(episode: EpisodeSummary) -> str | None:
    """The sentence for an episode: `nobody is on them yet`, `2 of 3 wait for somebody`. None if none is open."""
    still = episode.open + episode.acknowledged
    if not episode.open:
        return None
    if episode.acknowledged:
        return f"{number(episode.open)} of {number(still)} wait for somebody"
    return "nobody is on it yet" if still == 1 else NOBODY


def state(told: Told, at: Instant | None = None, zone: tzinfo = UTC) -> str:
    """Why an incident is included, and whether it flaps: `Back again (flapping: 7 times since 14:02)`."""
    return _state(told, at) + flapping(told, zone)


def flapping(told: Told | None, zone: tzinfo = UTC) -> str:
    """` (flapping: 7 times since 2026-11-22 14:02 UTC)`, or empty."""
    if told is None or told.flapping is None:
        return ""
    return f" (flapping: {number(told.flapping.times)} times since {moment(told.flapping.since, zone)})"


def _state(told: Told, at: Instant | None) -> str:
    """The reason, with actor and duration: `Resolved by bo after 12 min`; and a later change of state."""
    incident = told.incident
    match told.reason:
        case Reason.ACKNOWLEDGED:
            phrase = _done("Acknowledged", told.actor or incident.acknowledged_by, incident, at)
            return phrase + (_since_then(incident) if incident.state is State.RESOLVED else "")
        case Reason.RESOLVED:
            return _done("Resolved", told.actor, incident, incident.resolved_at or at)
        case Reason.ESCALATED:
            phrase = _done("Escalated", None, incident, at)
        case Reason.REOPENED if told.actor:
            phrase = f"Reopened by {inline(told.actor, 60)}"
        case Reason.SEVERITY_RAISED:
            phrase = f"Now {incident.severity.value}"
        case Reason.REPEATED:
            # A single occurrence that continues is an alert that its sender repeats.
            phrase = "Still happening" + (f" ({number(incident.count)})" if incident.count > 1 else "")
        case _:
            phrase = REASONS[told.reason]
    return f"{phrase}{_since_then(incident)}"


def _since_then(incident: Incident) -> str:
    """The current state, if it has changed since: a message may include an older one that was not sent."""
    if incident.state is State.RESOLVED:
        return f", {_done('resolved', None, incident, incident.resolved_at)}"
    if incident.state is State.ACKNOWLEDGED and incident.acknowledged_by:
        return f", acknowledged by {inline(incident.acknowledged_by, 60)}"
    return ""


def _done(what: str, who: str | None, incident: Incident, at: Instant | None) -> str:
    by = f" by {inline(who, 60)}" if who else ""
    took = 0 if at is None else at - incident.first_seen
    return f"{what}{by} after {duration(took)}" if took >= SECOND else f"{what}{by}"
