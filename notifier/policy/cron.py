"""Crontab expressions with five fields (crontab(5)) in a time zone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from notifier.domain.calendar import MONTHS
from notifier.domain.time import SECOND, Instant
from notifier.domain.value import Value
from notifier.domain.weekday import WEEKDAYS

LONGEST: Final = 256
_DAYS_AHEAD: Final = 366 * 8 + 2
"""29 February occurs within eight years, even across a century without a leap year."""
_ALIASES: Final[Mapping[str, str]] = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_MONTHS: Final = {name[:3]: number for number, name in enumerate(MONTHS, 1)}
_WEEKDAYS: Final = {name[:3]: number % 7 for number, name in enumerate(WEEKDAYS, 1)}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class CronTimes(Value, frozen=True, kw_only=True):
    """A parsed expression. If both days of month and weekdays are restricted, a day must match only one of them."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either_day: bool

    def includes(self, day: date) -> bool:
        if day.month not in self.months:
            return False
        of_month, of_week = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return of_month or of_week if self.either_day else of_month and of_week


@lru_cache(maxsize=1_024)
def parse(text: str) -> CronTimes:
    """Parse an expression. Raises `ValueError` with a sentence for people."""
    fields = _ALIASES.get(text.strip().lower(), text).split() if len(text) <= LONGEST else []
    if len(fields) != 5:
        raise ValueError("expected the five fields of a crontab, such as `0 3 * * 1-5`")
    minutes, hours, days, months, weekdays = fields
    read_weekdays = _field(weekdays, 0, 7, _WEEKDAYS)
    return CronTimes(
        minutes=tuple(sorted(_field(minutes, 0, 59))),
        hours=tuple(sorted(_field(hours, 0, 23))),
        days=frozenset(_field(days, 1, 31)),
        months=frozenset(_field(months, 1, 12, _MONTHS)),
        weekdays=frozenset(number % 7 for number in read_weekdays),
        either_day=not days.startswith(("*", "?")) and not weekdays.startswith(("*", "?")),
    )


def knows(text: str, zone: str) -> bool:
    """Whether both the expression and the time zone are valid."""
    try:
        parse(text)
        ZoneInfo(zone)
    except (ValueError, OSError, KeyError):  # a folder, a name with NUL; no such zone
        return False
    return True


def after(times: CronTimes, at: Instant, zone: str) -> Instant | None:
    """The first scheduled time after `at`, or None if there is none (30 February).

    A time in a gap of local time is shifted by the length of the gap; of a time that occurs twice, the first counts.
    """
    clock = ZoneInfo(zone)
    start = datetime.fromtimestamp(at // SECOND, clock)
    day = start.date() - timedelta(days=1)  # A time in a gap may belong to the day before.
    for _ in range(_DAYS_AHEAD):
        if times.includes(day):
            found = _first(times, day, clock, at)
            if found is not None:
                return found
        day += timedelta(days=1)
    return None


def _first(times: CronTimes, day: date, clock: ZoneInfo, at: Instant) -> Instant | None:
    """The earliest time of a day. When clocks change, it may not be the first in local time."""
    of_hours = (
        (found for minute in times.minutes if (found := _instant(day, hour, minute, clock)) > at)
        for hour in times.hours
        if _instant(day, hour, times.minutes[-1], clock) > at
    )
    return min((next(of_hour) for of_hour in of_hours), default=None)


def _instant(day: date, hour: int, minute: int, clock: ZoneInfo) -> Instant:
    local = datetime.combine(day, time(hour, minute), clock)
    return int((local.astimezone(UTC) - _EPOCH).total_seconds()) * SECOND


def _field(text: str, lowest: int, highest: int, names: Mapping[str, int] | None = None) -> set[int]:
    chosen: set[int] = set()
    for part in text.lower().split(","):
        span, _, step_text = part.partition("/")
        step = _number(step_text, {}) if "/" in part else 1
        first_text, _, last_text = span.partition("-")
        if span in {"*", "?"}:
            first, last = lowest, highest
        else:
            first = _number(first_text, names or {})
            last = _number(last_text, names or {}) if "-" in span else highest if "/" in part else first
        if (last, highest) == (0, 7):
            last = first and highest  # `fri-sun`; but `sun` alone
        if not lowest <= first <= last <= highest or step < 1:
            raise ValueError(
                f"expected numbers from {lowest} to {highest}, ranges such as {lowest}-{highest}, and steps"
            )
        chosen.update(range(first, last + 1, step))
    return chosen


def _number(text: str, names: Mapping[str, int]) -> int:
    if text in names:
        return names[text]
    if not text.isascii() or not text.isdigit() or len(text) > 3:
        raise ValueError("expected a number, `*`, a range, or the first letters of a name")
    return int(text)
