"""Future times as people type them: a date and time, a time of day, or a duration from now."""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from notifier.cli.options import Arguments, Parser
from notifier.cli.session import CommandSession
from notifier.domain.time import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    Duration,
    Instant,
    has_offset,
    parse_rfc3339,
    rfc3339,
    words,
)
from notifier.domain.weekday import weekday

if TYPE_CHECKING:
    from datetime import date, datetime, tzinfo

SHAPE = "write 18:00, 'tomorrow 09:00', 'monday 09:00', '2026-11-22 09:00', or 2026-11-22T09:00:00+01:00"
NO_ZONE = "there is no time zone of this name: write one such as Europe/Berlin, or UTC"
MOMENTS = ("--until", "--start")
NOON = 12

_SPAN = re.compile(
    r"(?:([0-9]{1,4})w)?(?:([0-9]{1,5})d)?(?:([0-9]{1,5})h)?(?:([0-9]{1,5})m)?(?:([0-9]{1,6})s)?"
)
_UNITS = (7 * DAY, DAY, HOUR, MINUTE, SECOND)
_DAY = r"today|tomorrow|[a-z]{3,9}|[0-9]{4}-[0-9]{2}-[0-9]{2}"
_CLOCK = r"(?P<hour>[0-9]{1,2})(?::(?P<minute>[0-9]{2}))?(?::(?P<second>[0-9]{2}))?\s?(?P<half>am|pm)?"
_WRITTEN = re.compile(rf"(?:(?P<day>{_DAY})(?:\s+at\s+|[\st]+))?{_CLOCK}")
_ZONED = re.compile(
    r"(?P<rest>.+?)(?:\s+(?P<name>[a-z]+(?:/[a-z0-9_+-]+)+|utc|gmt)|\s*(?P<offset>z|[+-][0-9]{2}:?[0-9]{2}))",
    re.IGNORECASE,
)
_NAMED = {"noon": "12:00", "midnight": "00:00"}


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenTime:
    """`at` in milliseconds. `exact` is true if the input named its UTC offset, so the result need not be echoed."""

    at: Instant
    exact: str | None = None

    def __str__(self) -> str:
        return self.exact or rfc3339(self.at)


def add_until(parser: Parser, *, required: bool) -> None:
    """`--until` and `--for`, which exclude each other."""
    group = parser.add_mutually_exclusive_group(required=required)
    group.add_argument(
        "--until",
        type=moment,
        metavar="WHEN",
        help="18:00, 'tomorrow 09:00', 'monday 09:00' in your time zone, or 2026-11-22T09:00:00+01:00",
    )
    group.add_argument(
        "--for", dest="span", type=span, metavar="SPAN", help="how long from now: 30m, 2h, 1d12h"
    )


def until_of(arguments: Arguments, session: CommandSession, start: GivenTime | None = None) -> str | None:
    """The end in the API's form, or None if neither option was given; the end is echoed in full.

    A duration counts from `start`, or from now if that is None.
    """
    if arguments.span is not None:
        begins = int(time.time()) * SECOND if start is None else start.at
        end = GivenTime(at=begins + arguments.span)
    elif arguments.until is not None:
        end = arguments.until
    else:
        return None
    echo("Until", end, session)
    return str(end)


def echo(word: str, end: GivenTime, session: CommandSession) -> None:
    """Echo the time in full: `Until Friday 27 November 2026, 18:00 CET (UTC+01:00), in 18h 40m.`, in local time."""
    if end.exact is not None:
        return
    here = _local(end.at)
    offset = f"{here:%z}"
    named = f"{here:%Z} " if not f"{here:%Z}".startswith(("+", "-")) else ""
    clock = f"{here:%H:%M}" if end.at % MINUTE == 0 else f"{here:%H:%M:%S}"
    away = words(end.at - int(time.time()) * SECOND)
    session.say(
        f"{word} {here:%A} {here.day} {here:%B %Y}, {clock} {named}(UTC{offset[:3]}:{offset[3:5]}), in {away}."
    )


def with_until_joined(arguments: Sequence[str]) -> list[str]:
    """The arguments with `--until tomorrow 09:00` joined, in case the shell's quotes were forgotten."""
    whole: list[str] = []
    for argument in arguments:
        if (
            len(whole) >= 2
            and whole[-2] in MOMENTS
            and _is_day(whole[-1].removesuffix(" at"))
            and _is_clock(argument)
        ):
            whole[-1] = f"{whole[-1]} {argument}"
        else:
            whole.append(argument)
    return whole


def moment(text: str) -> GivenTime:
    """The argument type of `--until`."""
    return read(text, now=int(time.time()) * SECOND)


def read(text: str, *, now: Instant, zone: tzinfo | None = None) -> GivenTime:
    """Parse an RFC 3339 time with its offset, or a date and time in `zone` (None for the zone of this machine).

    Without a date, the next such time of day is meant. A zone at the end of the text overrides `zone`.
    """
    stripped = text.strip()
    try:
        at = parse_rfc3339(stripped)
    except ValueError:
        at = None
    if at is not None and has_offset(stripped):
        return GivenTime(at=at, exact=stripped)
    if _SPAN.fullmatch(stripped) and stripped:
        raise argparse.ArgumentTypeError(f"{SHAPE}; how long from now is --for")
    zoned = _ZONED.fullmatch(stripped)
    if zoned is not None:
        stripped, zone = zoned["rest"], _zone(zoned)
    plain = re.sub(r"\b(noon|midnight)$", lambda named: _NAMED[named[0]], stripped.lower())
    written = _WRITTEN.fullmatch(plain)
    if written is None or (written["minute"] is None and written["half"] is None):
        raise argparse.ArgumentTypeError(SHAPE)
    clock = _clock(written)
    for day in _days(written["day"], now, zone):
        try:
            at = _instant(day, clock, zone)
            _local(at)  # Whether local time has such a time.
        except (ValueError, OverflowError, OSError):
            raise argparse.ArgumentTypeError("this moment is too far away: give a nearer one") from None
        if at > now:
            return GivenTime(at=at)
    raise argparse.ArgumentTypeError("this moment is past: give one that is yet to come")


def span(text: str) -> Duration:
    """Parse `30m`, `2h`, `1d12h` or `1w` to milliseconds."""
    parts = _SPAN.fullmatch(text)
    total = 0
    if parts is not None:
        total = sum(int(part or 0) * unit for part, unit in zip(parts.groups(), _UNITS, strict=True))
    if total == 0:
        raise argparse.ArgumentTypeError("a span is written like 30m, 2h, 1d12h or 1w")
    return total


def _is_day(text: str) -> bool:
    return (
        text.lower() in {"today", "tomorrow"} or weekday(text) is not None or bool(re.fullmatch(_DAY, text))
    )


def _is_clock(text: str) -> bool:
    return text.lower() in {"at", *_NAMED} or re.match(_CLOCK, text) is not None


def _clock(written: re.Match[str]) -> tuple[int, int, int]:
    hour, minute, second = (int(written[name] or 0) for name in ("hour", "minute", "second"))
    if written["half"] is not None:
        if not 1 <= hour <= NOON:
            raise argparse.ArgumentTypeError(SHAPE)
        hour = hour % NOON + (NOON if written["half"] == "pm" else 0)
    if hour > 23 or minute > 59 or second > 59:
        raise argparse.ArgumentTypeError("a time of day is 00:00 to 23:59")
    return hour, minute, second


def _zone(written: re.Match[str]) -> tzinfo:
    """The zone that is written after a time."""
    from datetime import UTC, datetime

    from notifier.domain.calendar import zone

    name, offset = written["name"], written["offset"]
    if offset is not None and offset.lower() != "z":
        try:
            found: tzinfo | None = datetime.strptime(offset, "%z").tzinfo
        except ValueError:
            raise argparse.ArgumentTypeError(SHAPE) from None
    else:
        found = UTC if offset is not None or name.lower() in {"utc", "gmt"} else zone(name)
    if found is None:
        raise argparse.ArgumentTypeError(NO_ZONE)
    return found


def _days(day: str | None, now: Instant, zone: tzinfo | None) -> list[date]:
    """The dates that may be meant, nearest first."""
    from datetime import date, timedelta

    today = _local(now, zone).date()
    if day is None:
        return [today, today + timedelta(days=1)]
    if day in {"today", "tomorrow"}:
        return [today + timedelta(days=day == "tomorrow")]
    number = weekday(day)
    if number is not None:
        ahead = (number - today.weekday()) % 7
        return [today + timedelta(days=ahead), today + timedelta(days=ahead + 7)]
    try:
        return [date.fromisoformat(day)]
    except ValueError:
        raise argparse.ArgumentTypeError(SHAPE) from None


def _instant(day: date, clock: tuple[int, int, int], zone: tzinfo | None) -> Instant:
    """The instant of a local time.

    A time in a gap is moved forward, and of a repeated one the first is used (RFC 5545).
    """
    from datetime import datetime

    wall = datetime(day.year, day.month, day.day, *clock)  # noqa: DTZ001 - the zone is set below
    # Without a zone it is this machine's; `astimezone()` would move a time in a gap backward.
    there = wall if zone is None else wall.replace(tzinfo=zone)
    return int(there.timestamp()) * SECOND


def _local(at: Instant, zone: tzinfo | None = None) -> datetime:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(at // SECOND, tz=UTC).astimezone(zone)
