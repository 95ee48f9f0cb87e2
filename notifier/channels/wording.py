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
from notifier.domain.message import Message, Told
from notifier.domain.notification import Reason
from notifier.domain.time import SECOND, Instant

# The project of the first key: where there is but one, its name says nothing.
DEFAULT_PROJECT = "default"

TITLE = 200
VALUE = 200
MESSAGE = 300
CODE = 240
NOTE = 600

REASONS = {
    Reason.OPENED: "New",
    Reason.REOPENED: "Back again",
    Reason.SEVERITY_RAISED: "Got worse",
    Reason.UNMUTED: "Still open after a silence",
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

# "3 new, 1 worse in billing/production"; a reason that is not here goes by its own word.
_COUNTED: Mapping[str, str] = {
    Reason.OPENED: "new",
    Reason.REOPENED: "back again",
    Reason.SEVERITY_RAISED: "worse",
    Reason.UNMUTED: "still open",
    Reason.REPEATED: "still happening",
}

# C0, C1, zero width and bidi controls, line and paragraph separators, lone surrogates, the BOM.
_UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff]+"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One incident in words. `state` is why it is told; `name`, `times`, `since` and `last` are complete phrases.

    `last` is None where `since` says it already, `message` where the title does, and `name` where there is no incident
    behind it (a test).
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

    @property
    def span(self) -> str:
        return ", ".join(phrase for phrase in (self.times, self.since, self.last) if phrase)


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """A whole message in words.

    `titled` says that entries need their own titles, as the headline speaks of several. `asides` are the closing
    lines: more, suppressed, why, possible repeat.
    """

    scope: str
    subject: str
    headline: str
    note: str | None
    entries: tuple[Entry, ...]
    titled: bool
    asides: tuple[str, ...]


def story(message: Message) -> Story:
    return Story(
        scope=scope(message),
        subject=subject(message),
        headline=headline(message),
        note=plain(message.note or "", NOTE) or None,
        entries=tuple(map(entry, message.told)),
        titled=len(message.told) + message.more > 1,
        asides=asides(message),
    )


def plain(value: object, limit: int = VALUE) -> str:
    """One visible line of at most `limit` characters; what cannot be seen becomes a space."""
    # A prefix is enough: huge values must not cost their whole length, four to one is generous for what is removed.
    text = str(value)[: limit * 4]
    text = " ".join(_UNSEEN.sub(" ", text).split())
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def scope(message: Message) -> str:
    """Where, in short: `billing/production`, or the project where the group shares neither."""
    parts = [plain(message.labels.get(name, ""), 80) for name in ("service", "environment")]
    return "/".join(part for part in parts if part) or plain(message.project, 80) or "notifier"


def subject(message: Message) -> str:
    """The same for every message about a group, so that mail threads hold (they follow the subject)."""
    if message.reason in {Reason.TEST, Reason.SYSTEM}:
        return f"[notifier] {REASONS[message.reason]}"
    others = {"service", "environment", "project", "severity"}
    shared = [
        plain(f"{name}={value}", 60) for name, value in sorted(message.labels.items()) if name not in others
    ]
    about = ", ".join(shared[:3]) or "errors"
    project = "" if message.project == DEFAULT_PROJECT else f" ({message.project})"
    return plain(f"[{scope(message)}] {about}{project}", 180)


def headline(message: Message) -> str:
    """The state in one line: the one incident and its reason, or how many of which."""
    total = len(message.told) + message.more
    if total == 1 and message.told:
        told = message.told[0]
        return plain(f"{_state(told)}: {told.incident.title}", TITLE)
    if not message.told:
        return plain(f"{REASONS[message.reason]}: {scope(message)}", TITLE)
    counts = [
        f"{number(count)} {_COUNTED.get(reason, _word(reason))}"
        for reason, count in message.totals.items()
        if count
    ]
    return plain(f"{', '.join(counts) or f'{number(total)} incidents'} in {scope(message)}", TITLE)


def entry(told: Told) -> Entry:
    incident = told.incident
    found = top_frame(incident.latest_event)
    return Entry(
        name=f"incident {incident.number}" if incident.number else None,
        title=plain(incident.title, TITLE) or "(no title)",
        state=_state(told),
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
    """The innermost frame of the application's own code, else the innermost; frames come outermost first."""
    exception = event.get("exception") if isinstance(event, Mapping) else None
    frames = exception.get("frames") if isinstance(exception, Mapping) else None
    usable = [one for one in frames if isinstance(one, Mapping)] if isinstance(frames, Sequence) else []
    own = [one for one in usable if one.get("in_app") is True]
    return (own or usable)[-1] if usable else None


def asides(message: Message) -> tuple[str, ...]:
    """How many more, what was suppressed, why this was sent, and whether it may be a repeat."""
    lines: list[str] = []
    if message.more:
        lines.append(f"and {number(message.more)} more {'incident' if message.more == 1 else 'incidents'}")
    if message.suppressed:
        events = "event was" if message.suppressed == 1 else "events were"
        lines.append(f"{number(message.suppressed)} further {events} counted, not told one by one")
    lines.append(why(message))
    if message.possible_repeat:
        lines.append("Possible repeat: an earlier attempt may have arrived")
    return tuple(lines)


def why(message: Message) -> str:
    sentence = f"Sent because {_WHY[message.reason]}"
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
    text = [told.headline] if told.note is None else [told.note, "", told.headline]
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
    return [line for line in text if line]


def _state(told: Told) -> str:
    who = told.incident.acknowledged_by
    if told.reason is Reason.ACKNOWLEDGED and who:
        return f"Acknowledged by {plain(who, 60)}"
    if told.reason is Reason.SEVERITY_RAISED:
        return f"Now {told.incident.severity.value}"
    if told.reason is Reason.REPEATED:
        return f"Still happening ({number(told.incident.count)})"
    return REASONS[told.reason]


def _word(reason: str) -> str:
    return plain(reason, 40).replace("_", " ")


def _place(frame: Mapping[str, Any]) -> str:
    line = frame.get("line")
    file = plain(frame.get("file") or "?", 120)
    place = f"{file}:{line}" if isinstance(line, int) and abs(line) < 10**9 else file
    function = plain(frame.get("function") or "", 80)
    return f"{place} in {function}" if function else place
