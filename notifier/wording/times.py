"""Times and durations for people."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

from notifier.domain.time import SECOND, Duration, Instant, in_units
from notifier.wording.text import number


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A time and its text. A channel may format `at` for each reader's clock. `ago` is None for the future."""

    at: Instant
    text: str
    ago: str | None = None

    def __str__(self) -> str:
        return self.text if self.ago is None else f"{self.text} ({self.ago})"


def moment(at: Instant, zone: tzinfo = UTC) -> str:
    """`2026-11-22 06:00 CET`. A time beyond the calendar is shown in milliseconds."""
    try:
        local = datetime.fromtimestamp(at // SECOND, zone)
    except (ValueError, OverflowError, OSError):
        return f"{at} ms"
    name = local.tzname() or "UTC"
    # Zones without an abbreviation are named by their offset.
    return f"{_day_and_time(local)} {name if name[:1].isalpha() else f'UTC{name}'}"


def in_time_zone(at: Instant, time_zone: str) -> str:
    """`2026-11-22 06:00 (Europe/Berlin)`, for a person who chose a time in that zone."""
    return f"{_day_and_time(datetime.fromtimestamp(at // SECOND, ZoneInfo(time_zone)))} ({time_zone})"


def _day_and_time(local: datetime) -> str:
    return f"{local:%Y-%m-%d %H:%M}"


def with_age(at: Instant, now: Instant, zone: tzinfo = UTC, *, day_of: Instant | None = None) -> Moment:
    """A time with how long ago it was, without its date if that is the date of `day_of`."""
    text = moment(at, zone)
    day, _, rest = text.partition(" ")
    same_day = day_of is not None and rest and moment(day_of, zone).startswith(f"{day} ")
    return Moment(at=at, text=rest if same_day else text, ago=ago(now - at))


def ago(passed: Duration) -> str | None:
    """`12 min ago`. None for a time in the future."""
    if passed < 0:
        return None
    return f"{duration(passed)} ago" if passed >= SECOND else "just now"


def duration(length: Duration) -> str:
    """`45 s`, `12 min`, `3 h 5 min`, `2 d 4 h`."""
    return " ".join(f"{number(value)} {'min' if name == 'm' else name}" for value, name in in_units(length))


def clock(at: Instant, *, near: Instant) -> str:
    """`09:00 UTC`, with the date if it differs from that of `near`."""
    return with_age(at, at, day_of=near).text
