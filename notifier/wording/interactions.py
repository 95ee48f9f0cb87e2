"""Responses to a person who pressed a button."""

from __future__ import annotations

from collections.abc import Sequence

from notifier.domain.time import Instant
from notifier.wording.times import in_time_zone

SENTENCES = 3

GONE = "This is no longer kept: nothing was done."
FOREIGN = "This button does not belong to this message: nothing was done."
EARLIER = "This was over before; a newer message tells how things stand: nothing was done."
SETTLED = "Everything here is resolved already: nothing was done."
UNAVAILABLE = "notifier's database does not answer: press again in a moment."


def silenced(until: Instant, time_zone: str, matchers: Sequence[str]) -> str:
    """The end of a silence in this time zone, and its matchers."""
    return f"Silenced until {in_time_zone(until, time_zone)}: {', '.join(matchers)}"


def not_silenced(why: object) -> str:
    return f"Nothing was silenced: {why}."


def comment(receiver: str, person: str) -> str:
    """The comment of a silence made by a button."""
    return f"from {receiver} by {person}"


def refused(incident: int, why: object) -> str:
    return f"Incident {incident}: {why}."


def summary(refusals: Sequence[str]) -> str | None:
    """The first refusals, and the number of further ones. None if there are none."""
    if not refusals:
        return None
    more = len(refusals) - SENTENCES
    return " ".join([*refusals[:SENTENCES], *([f"And {more:,} more."] if more > 0 else [])])


def replayed(receiver: str) -> str:
    return f"this request was answered before: {receiver} sends each once"
