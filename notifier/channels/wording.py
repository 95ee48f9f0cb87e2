"""What a message says, whatever the channel: pure functions from `Message` to plain, bounded facts.

Everything from an event passes `plain`, so no channel ever sees a control character, a line break or a bidi override;
each channel then escapes for its own syntax.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from notifier.domain.incident import Incident, State
from notifier.domain.message import ActionLink, Message, Standing, Told
from notifier.domain.notification import Reason
from notifier.domain.time import SECOND, Duration, Instant, words
from notifier.policy.fingerprint import told_in

# The project of the first key: where there is but one, its name says nothing.
DEFAULT_PROJECT = "default"

TITLE = VALUE = 200
MESSAGE = 300
CODE = 240
NOTE = 600

REASONS = {
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

_WHY = {
    Reason.OPENED: "a new incident opened",
    Reason.REOPENED: "a resolved problem came back",
    Reason.SEVERITY_RAISED: "the severity rose",
    Reason.UNMUTED: "a silence, snooze or mute time ended and it is still open",
    Reason.ESCALATED: "nobody acknowledged it in time",
    Reason.ACKNOWLEDGED: "somebody took it on",
    Reason.RESOLVED: "it was resolved",
    Reason.REPEATED: "it goes on and nobody has acknowledged it",
    Reason.DIGEST: "the rate limit gathered several messages into one",
    Reason.FALLBACK: "another channel could not deliver it",
    Reason.SYSTEM: "notifier has something to say about itself",
    Reason.TEST: "somebody asked for a test",
}

# What a link in a mail does, as its words.
ACTIONS = {"acknowledge": "Acknowledge", "snooze": "Snooze 4 h", "resolve": "Resolve"}

# Reasons whose message is about its note, which then stands above everything.
_ABOUT_THE_NOTE = {Reason.DIGEST, Reason.FALLBACK, Reason.SYSTEM, Reason.TEST}

# "3 new, 1 worse in billing/production"; a reason that is not here goes by its own word.
_COUNTED: Mapping[str, str] = {
    Reason.OPENED: "new",
    Reason.REOPENED: "back again",
    Reason.SEVERITY_RAISED: "worse",
    Reason.UNMUTED: "no longer muted",
    Reason.REPEATED: "still happening",
}

# C0, C1, zero width and bidi controls, line and paragraph separators, lone surrogates, the BOM, tag characters.
_UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e0fff]+"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One incident in words. `state` is why it is told; `name`, `times`, `since` and `last` are complete phrases.

    `last` is None where `since` says it already, `message` where the title does, and `name` where there is no incident
    behind it (a test). `actions` are words with the link that does it.
    """

    name: str | None
    title: str
    state: str
    severity: str
    resolved: bool
    where: tuple[tuple[str, str], ...]
    times: str
    since: str
    last: str | None
    message: str | None
    frame: str | None
    code: str | None
    url: str | None
    actions: tuple[tuple[str, str], ...] = ()

    @property
    def span(self) -> str:
        return ", ".join(phrase for phrase in (self.times, self.since, self.last) if phrase)


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """A whole message in words.

    `titled` says that entries need their own titles, as the headline speaks of several. `standing` is the state of the
    whole episode, where more than one incident is in it. `note_first` says that the message is about its note.
    `asides` are the closing lines: more, suppressed, why, possible repeat.
    """

    scope: str
    subject: str
    headline: str
    note: str | None
    entries: tuple[Entry, ...]
    titled: bool
    asides: tuple[str, ...]
    standing: str | None = None
    note_first: bool = False

    @property
    def heading(self) -> tuple[str, ...]:
        """The state in the first line: of the one incident, else of the episode; the other of the two follows."""
        both = (self.standing, self.headline) if self.titled else (self.headline, self.standing)
        return tuple(line for line in both if line)


def story(message: Message) -> Story:
    return Story(
        scope=scope(message),
        subject=subject(message),
        headline=headline(message),
        note=plain(message.note or "", NOTE) or None,
        entries=tuple(entry(told, message.at, _links(message, told)) for told in message.told),
        titled=len(message.told) + message.more > 1,
        asides=asides(message),
        standing=None if message.standing is None else standing(message.standing),
        note_first=message.reason in _ABOUT_THE_NOTE,
    )


def plain(value: object, limit: int = VALUE) -> str:
    """One visible line of at most `limit` characters; what cannot be seen becomes a space."""
    # A prefix is enough: huge values must not cost their whole length, four to one is generous for what is removed.
    text = str(value)[: limit * 4]
    text = " ".join(_UNSEEN.sub(" ", text).split())
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def scope(message: Message) -> str:
    """Where, in short: `billing/production`, or the project where the group shares neither."""
    only = _only(message)
    known = {} if only is None else {"environment": only.environment, **only.labels}
    parts = [
        plain(message.labels.get(name) or known.get(name, ""), 80) for name in ("service", "environment")
    ]
    return "/".join(part for part in parts if part) or plain(message.project, 80) or "notifier"


def subject(message: Message) -> str:
    """The same for every message about a group, so that mail threads hold (they follow the subject).

    It is made of what never changes: the labels that the group shares, or the title where it is of one incident.
    """
    if message.reason in {Reason.TEST, Reason.SYSTEM, Reason.DIGEST}:
        return f"[notifier] {REASONS[message.reason]}"
    project = "" if message.project == DEFAULT_PROJECT else f" ({message.project})"
    return plain(f"[{scope(message)}] {_about(message)}{project}", 180)


def _about(message: Message) -> str:
    only = _only(message)
    if only is not None:
        return plain(only.title, 120)
    others = {"service", "environment", "project", "severity"}
    shared = [
        plain(f"{name}={value}", 60) for name, value in sorted(message.labels.items()) if name not in others
    ]
    return ", ".join(shared[:3]) or "errors"


def _only(message: Message) -> Incident | None:
    """The incident that the group is of by itself (`group_by: [incident]`)."""
    id_ = message.labels.get("incident")
    return next((told.incident for told in message.told if told.incident.id == id_), None)


def headline(message: Message) -> str:
    """The state in one line: the one incident and its reason, or how many of which."""
    total = len(message.told) + message.more
    if total == 1 and message.told:
        told = message.told[0]
        return plain(f"{state(told, message.at)}: {told.incident.title}", TITLE)
    if not message.told:
        return plain(f"{REASONS[message.reason]}: {scope(message)}", TITLE)
    counts = [
        f"{number(count)} {_COUNTED.get(reason, _word(reason))}"
        for reason, count in message.totals.items()
        if count
    ]
    return plain(f"{', '.join(counts) or f'{number(total)} incidents'} in {scope(message)}", TITLE)


def standing(episode: Standing) -> str | None:
    """`Open: 3 incidents, 1 acknowledged, 2 resolved`; None where the episode is of one incident."""
    still = episode.open + episode.acknowledged
    total = still + episode.resolved
    if total <= 1:
        return None
    if not still:
        return f"Resolved: all {number(total)} incidents"
    parts = [f"{number(still)} {'incident' if still == 1 else 'incidents'}"]
    parts += [f"{number(episode.acknowledged)} acknowledged"] if episode.acknowledged and episode.open else []
    parts += [f"{number(episode.resolved)} resolved"] if episode.resolved else []
    return f"{'Open' if episode.open else 'Acknowledged'}: {', '.join(parts)}"


def entry(told: Told, at: Instant | None = None, links: Sequence[ActionLink] = ()) -> Entry:
    """One incident in words; `at` is the moment of the decision, from which its durations are told."""
    incident = told.incident
    found = top_frame(incident.latest_event)
    return Entry(
        name=f"incident {incident.number}" if incident.number else None,
        title=plain(incident.title, TITLE) or "(no title)",
        state=state(told, at),
        severity=incident.severity.value,
        resolved=incident.state is State.RESOLVED,
        where=where(incident),
        times=f"{number(incident.count)} {'time' if incident.count == 1 else 'times'}",
        since=f"since {moment(incident.first_seen)}",
        last=last(incident),
        message=said(incident),
        frame=None if found is None else _place(found),
        code=None if found is None else plain(found.get("code") or "", CODE) or None,
        url=incident.url,
        actions=tuple((ACTIONS[link.action], link.url) for link in links),
    )


def last(incident: Incident) -> str | None:
    """`last 05:00 UTC`, with its day where it is another one; None within the minute of the first."""
    first, newest = moment(incident.first_seen), moment(incident.last_seen)
    if first == newest:
        return None
    day, _, rest = newest.partition(" ")
    return f"last {rest if rest and first.startswith(f'{day} ') else newest}"


def said(incident: Incident) -> str | None:
    """The newest event's own message, where the title is another: often that of an exception."""
    event = incident.latest_event
    text = plain(event.get("message") or "", MESSAGE) if isinstance(event, Mapping) else ""
    said_already = text in incident.title or text.startswith(incident.title.rstrip("…"))
    return None if said_already else text


def where(incident: Incident) -> tuple[tuple[str, str], ...]:
    """Service, environment and release, then host and task, where they are known and not varying."""
    known = {"environment": incident.environment, **incident.labels}
    names = ("service", "environment", "release", "host", "task")
    pairs = ((name, plain(known.get(name) or "", 100)) for name in names)
    return tuple((name, value) for name, value in pairs if value)


def top_frame(event: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """The innermost own frame, else the innermost, of the exception that is told of; frames come outermost first."""
    frames = (told_in(event) or {}).get("frames")
    usable = [one for one in frames if isinstance(one, Mapping)] if isinstance(frames, Sequence) else []
    return next(reversed([one for one in usable if one.get("in_app") is True] or usable), None)


def asides(message: Message) -> tuple[str, ...]:
    """How many more, what was suppressed, why this was sent, and whether it may be a repeat."""
    lines: list[str] = []
    if message.more:
        lines.append(f"and {number(message.more)} more {'incident' if message.more == 1 else 'incidents'}")
    if message.suppressed:
        events = "event was" if message.suppressed == 1 else "events were"
        lines.append(f"{number(message.suppressed)} further {events} counted, not told one by one")
    lines.append(why(message))
    if message.actions:
        lines.append(
            "Acknowledge, Snooze and Resolve ask first, then act in your name, once: do not forward them"
        )
    if message.possible_repeat:
        lines.append("Possible repeat: an earlier attempt may have arrived")
    return tuple(lines)


def why(message: Message) -> str:
    by_hand = message.reason is Reason.REOPENED and any(told.actor for told in message.told)
    sentence = f"Sent because {'somebody reopened it' if by_hand else _WHY[message.reason]}"
    if message.origin is None:
        return sentence
    line = f" ({plain(message.origin.line)})" if message.origin.line else ""
    return f"{sentence}; route: {plain(message.origin.route)}{line}"


def number(count: int) -> str:
    return f"{count:,}"


def moment(at: Instant) -> str:
    """`2026-11-22 05:00 UTC`; an instant that no calendar has is shown as milliseconds."""
    try:
        return datetime.fromtimestamp(at // SECOND, UTC).strftime("%Y-%m-%d %H:%M UTC")
    except (ValueError, OverflowError, OSError):
        return f"{at} ms"


def lines(told: Story) -> list[str]:
    """The whole message as text lines, one fact each; an empty line separates incidents."""
    text = list(told.heading)
    if told.note is not None:
        text = [told.note, "", *text] if told.note_first else [*text, "", told.note]
    for one in told.entries:
        text += ["", *entry_lines(one, titled=told.titled)]
    return [*text, "", *told.asides]


def entry_lines(one: Entry, *, titled: bool) -> list[str]:
    text = [f"{one.state}: {one.title}"] if titled else []
    text.append(f"{one.severity} · {one.span}")
    text += [one.message] if one.message else []
    text.append(" · ".join(f"{name}: {value}" for name, value in one.where))
    text += [f"at {one.frame}"] if one.frame else []
    text += [f"   {one.code}"] if one.code else []
    text.append(one.url or one.name or "")
    text += [f"{label}: {url}" for label, url in one.actions]
    return [line for line in text if line]


def state(told: Told, at: Instant | None = None) -> str:
    """Why an incident is told, and whether its problem flaps: `Back again, flapping: 7 times since 14:02`."""
    if told.flapping is None:
        return _state(told, at)
    times, since = number(told.flapping.times), moment(told.flapping.since)
    return f"{_state(told, at)}, flapping: {times} times since {since}"


def _state(told: Told, at: Instant | None) -> str:
    """Why it is told, by whom and after how long: `Resolved by bo after 12m`; and what has become of it since."""
    incident = told.incident
    match told.reason:
        case Reason.ACKNOWLEDGED:
            said = _done("Acknowledged", told.actor or incident.acknowledged_by, incident, at)
            return said + (_since_then(incident) if incident.state is State.RESOLVED else "")
        case Reason.RESOLVED:
            return _done("Resolved", told.actor, incident, incident.resolved_at or at)
        case Reason.ESCALATED:
            said = _done("Escalated", None, incident, at)
        case Reason.REOPENED if told.actor:
            said = f"Reopened by {plain(told.actor, 60)}"
        case Reason.SEVERITY_RAISED:
            said = f"Now {incident.severity.value}"
        case Reason.REPEATED:
            said = f"Still happening ({number(incident.count)})"
        case _:
            said = REASONS[told.reason]
    return f"{said}{_since_then(incident)}"


def _since_then(incident: Incident) -> str:
    """What has become of it by the time it is told: a message may carry an older one that was not sent."""
    if incident.state is State.RESOLVED:
        return f", {_done('resolved', None, incident, incident.resolved_at)}"
    if incident.state is State.ACKNOWLEDGED and incident.acknowledged_by:
        return f", acknowledged by {plain(incident.acknowledged_by, 60)}"
    return ""


def _done(what: str, who: str | None, incident: Incident, at: Instant | None) -> str:
    by = f" by {plain(who, 60)}" if who else ""
    took: Duration = 0 if at is None else at - incident.first_seen
    return f"{what}{by} after {words(took)}" if took >= SECOND else f"{what}{by}"


def _links(message: Message, told: Told) -> list[ActionLink]:
    return [
        link for link in message.actions if link.incident_id == told.incident.id and link.action in ACTIONS
    ]


def _word(reason: str) -> str:
    return plain(reason, 40).replace("_", " ")


def _place(frame: Mapping[str, Any]) -> str:
    line = frame.get("line")
    file = plain(frame.get("file") or "?", 120)
    place = f"{file}:{line}" if isinstance(line, int) and abs(line) < 10**9 else file
    function = plain(frame.get("function") or "", 80)
    return f"{place} in {function}" if function else place
