"""Sentences that are stored with a decision, and shown as a message's note."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from notifier.domain.delivery import Outcome
from notifier.domain.notification import HeldBy
from notifier.domain.time import Duration
from notifier.wording.text import NOTE, counted, inline, number
from notifier.wording.times import duration

UNDELIVERED = 500

# Why a delivery died without an attempt.
DEAD: Mapping[Outcome, str] = {
    Outcome.QUARANTINED: "claimed five times without an outcome; sending it may crash the worker",
    Outcome.EXPIRED: "not delivered before delivery.expires_after",
    Outcome.GONE: "its target is disabled because the receiver is gone; a successful test or new settings enable it",
    Outcome.TARGET_REMOVED: "the configuration no longer has this target",
}
LOST = "the worker was lost before it recorded an outcome"
BIGGEST_TITLE = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class StormFigures:
    """The figures of a storm at one target. `biggest` are titles with their numbers of events, in descending order.

    `service` is set if there is only one. `told_here` are the events and causes of this message, if earlier messages
    reported others. `worst` is a title with its number of events, if something is more severe than the biggest.
    """

    events: int
    causes: int
    services: int
    biggest: Sequence[tuple[str, int]]
    service: str | None = None
    told_here: tuple[int, int] | None = None
    worst: tuple[str, int] | None = None


def escalated(after: Duration) -> str:
    """Why an escalation was sent."""
    return f"Escalated: it has been open for {duration(after)}, and nobody has acknowledged it."


def released(
    held_by: str, *, author: str | None = None, comment: str | None = None, ended: bool = True
) -> str:
    """The end of a hold on an incident. `ended`: a silence expired, as opposed to being changed."""
    if held_by == HeldBy.SILENCED.value and author is not None:
        over = "has ended" if ended else "no longer applies"
        return f"The silence of {inline(author)} {over}: {inline((comment or '').rstrip(' .'), NOTE)}."
    if held_by == HeldBy.SILENCED.value:
        return "A silence has ended."
    if held_by == HeldBy.SNOOZED.value:
        return f"The snooze of {inline(author)} has ended." if author else "A snooze has ended."
    inhibited = held_by == HeldBy.INHIBITED.value
    return "The incident that inhibited it has ended." if inhibited else "The route's quiet hours have ended."


def undelivered(channel: str, address: str, *, dead: bool, outcome: str | None, detail: str | None) -> str:
    """The failed delivery, shown above the alert that the fallback delivers."""
    state = "failed for good" if dead else "has not succeeded yet and is being retried"
    why = f" ({outcome}: {inline(detail or outcome, NOTE)})" if outcome else ""
    return f"Delivery through {channel} to {address} {state}{why}. The message:"[:UNDELIVERED]


def storm(figures: StormFigures) -> str:
    """`2,000 events, 40 causes, 3 services; worst: Sealed (×2), biggest: TimeoutError: 30s (×222), ...`."""
    counts = (figures.events, "event"), (figures.causes, "cause"), (figures.services, "service")
    parts = [", ".join(counted(count, of) for count, of in counts)]
    if figures.service is not None:
        parts.append(f"all of {inline(figures.service, BIGGEST_TITLE)}")
    if figures.told_here is not None:
        events, causes = figures.told_here
        parts.append(f"told here: {counted(events, 'event')}, {counted(causes, 'cause')}")
    first = ", ".join(_cause(*cause) for cause in figures.biggest)
    named = [f"worst: {_cause(*figures.worst)}"] if figures.worst is not None else []
    named += [f"biggest: {first}"] if first else []
    return "; ".join((*parts, ", ".join(named))) if named else "; ".join(parts)


def _cause(title: str, events: int) -> str:
    return f"{inline(title, BIGGEST_TITLE)} (×{number(events)})"


def channel_test(channel: str, actor: str) -> str:
    """The text of a channel test."""
    return f"A test of the channel {channel}, asked for by {inline(actor)}. Nothing is wrong."


def not_reloaded(problems: Sequence[str], *, shown: int, version: str) -> str:
    """Why a reload was refused: its first problems with their places, and the number of further ones."""
    count = "a problem" if len(problems) == 1 else f"{len(problems)} problems"
    more = len(problems) - shown
    listed = f"{'; '.join(problems[:shown])}{f'; and {more} more' if more > 0 else ''}"
    return f"The new configuration has {count}, and the old one ({version}) goes on. {listed}"
