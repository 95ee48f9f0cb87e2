"""Recurring windows: when one is active, in local time of its time zone (zoneinfo; RFC 5545, 3.3.5)."""

from __future__ import annotations

from bisect import bisect_right
from calendar import monthrange
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import islice
from zoneinfo import ZoneInfo

from notifier.domain.calendar import DAY_MINUTES, LAST_YEAR, Hours, Weekly, zone
from notifier.domain.time import MINUTE, Instant

_WEEK_MINUTES = 7 * DAY_MINUTES
_MONDAY = datetime(1970, 1, 5)  # noqa: DTZ001  (the clock on the wall; the zone comes with each use)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# The week before, for what began in it, and two to come: daylight saving can swallow a window once, not twice in a row.
_WEEKS = range(-1, 4)
_MOST_DAYS = 15_000
_YEARS = 43
"""How many years are searched for a matching date: 29 February falls on each weekday within 40 years."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The state of a window. `until` is when `active` changes next, None if it never does."""

    active: bool
    until: Instant | None


def window(weekly: Weekly, now: Instant) -> Window:
    """Whether the window is active, and when that changes next. Adjacent and overlapping windows count as one.

    A boundary in a gap of local time counts with the offset before the gap (02:30 becomes 03:30); one that occurs
    twice counts the first time. An unknown time zone makes the window inactive, so that alerts are sent.
    """
    edges = _edges(weekly, _week(now))
    if edges is None:
        return Window(active=True, until=None)
    passed = bisect_right(edges, now)
    return Window(active=passed % 2 == 1, until=edges[passed] if passed < len(edges) else None)


def next_window(weekly: Weekly, now: Instant) -> tuple[Instant | None, Instant | None] | None:
    """Start and end of the present window, or else of the next one; None if there is none to come.

    A start of None lies in the distant past, an end of None in the distant future.
    """
    if (present := window(weekly, now)).active:
        return _begun(weekly, now), present.until
    if present.until is None:
        return None
    return present.until, window(weekly, present.until).until


def _begun(weekly: Weekly, now: Instant) -> Instant | None:
    edges = _edges(weekly, _week(now))
    passed = 0 if edges is None else bisect_right(edges, now)
    return edges[passed - 1] if edges and passed else None


def _week(now: Instant) -> int:
    return (now - _instant(_MONDAY.replace(tzinfo=UTC))) // (_WEEK_MINUTES * MINUTE)


@lru_cache(maxsize=1_024)
def _edges(weekly: Weekly, week: int) -> tuple[Instant, ...] | None:
    """Alternating starts and ends of windows around a week; None if the window is always active."""
    clocks = zone(weekly.location)
    if clocks is None:
        return ()
    first, end = ((week + offset) * _WEEK_MINUTES for offset in (_WEEKS.start, _WEEKS.stop))
    if weekly.dated:
        walls = _merged(_dated(weekly, first, end))
    else:
        walls = _merged(_undated(weekly, first, end))
        if any(end - start >= 2 * _WEEK_MINUTES for start, end in walls):
            return None
    endless = bool(walls) and walls[-1][1] - first >= _MOST_DAYS * DAY_MINUTES
    moments = ((_at(start, clocks), _at(end, clocks)) for start, end in walls)
    edges = tuple(edge for stretch in _merged(moments) for edge in stretch)
    return edges[:-1] if endless else edges


def _undated(weekly: Weekly, first: int, end: int) -> Iterator[tuple[int, int]]:
    """Intervals of a window without dates, in minutes since `_MONDAY`; the last may reach into the next week."""
    for monday in range(first, end, _WEEK_MINUTES):
        for day in weekly.weekdays:
            yield from _day(weekly.times, monday + day * DAY_MINUTES)


def _dated(weekly: Weekly, first: int, end: int) -> Iterator[tuple[int, int]]:
    """Intervals of a window with dates, until two begin after `end`, since a change of clocks may remove one."""
    reach, whole = first, 0
    begin = (_MONDAY + timedelta(minutes=first)).date()
    for day in islice(_dates(weekly, begin), _MOST_DAYS):
        midnight = (day - _MONDAY.date()).days * DAY_MINUTES
        if midnight > reach >= end:
            whole += 1
        if whole == 2:
            return
        for stretch in _day(weekly.times, midnight):
            reach = max(reach, stretch[1])
            yield stretch


def _day(times: Iterable[Hours], midnight: int) -> Iterator[tuple[int, int]]:
    for hours in times:
        end = hours.end if hours.end > hours.start else hours.end + DAY_MINUTES
        yield midnight + hours.start, midnight + end


def _dates(weekly: Weekly, first: date) -> Iterator[date]:
    """Days on which a window begins, from `first` on."""
    for year in islice(_years(weekly, first.year), _YEARS):
        for month in weekly.months or range(1, 13):
            length = monthrange(year, month)[1]
            days = (date(year, month, number) for number in range(1, length + 1))
            yield from (day for day in days if day >= first and _begins_on(weekly, day, length))


def _years(weekly: Weekly, first: int) -> Iterator[int]:
    last = LAST_YEAR
    if weekly.only_on is not None:
        last = max((day.year for day in weekly.only_on), default=0)
    for year in range(first, last + 1):
        if not weekly.years or any(start <= year <= end for start, end in weekly.years):
            yield year


def _begins_on(weekly: Weekly, day: date, length: int) -> bool:
    if day.weekday() not in weekly.weekdays or day in weekly.never_on:
        return False
    if weekly.only_on is not None and day not in weekly.only_on:
        return False
    return not weekly.days_of_month or any(
        _from_start(start, length) <= day.day <= _from_start(end, length)
        for start, end in weekly.days_of_month
    )


def _from_start(number: int, length: int) -> int:
    return number if number > 0 else length + 1 + number


def _merged(stretches: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The intervals sorted and merged. An interval that ends before it begins was skipped by a change of clocks."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(stretch for stretch in stretches if stretch[0] < stretch[1]):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


def _at(minute: int, clocks: ZoneInfo) -> Instant:
    """The instant at which local time is that minute since Monday 1970-01-05, with fold 0 as in RFC 5545."""
    return _instant((_MONDAY + timedelta(minutes=minute)).replace(tzinfo=clocks))


def _instant(moment: datetime) -> Instant:
    return (moment - _EPOCH) // timedelta(milliseconds=1)
