"""When a weekly window is on, by the clocks of its place (zoneinfo; RFC 5545, 3.3.5)."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from notifier.domain.calendar import DAY_MINUTES, Hours, Weekly, zone
from notifier.domain.time import MINUTE, Instant

_WEEK_MINUTES = 7 * DAY_MINUTES
_MONDAY = datetime(1970, 1, 5)  # noqa: DTZ001  (the clock on the wall; the zone comes with each use)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# The week before, for what began in it, and two to come: daylight saving can swallow a window once, not twice in a row.
_WEEKS = range(-1, 4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """`until` is when `active` changes next; None: never."""

    active: bool
    until: Instant | None


def window(weekly: Weekly, now: Instant) -> Window:
    """Whether the window is on, and when that changes next; windows that touch or overlap are one.

    A boundary that the clocks skip counts with the offset before the gap (02:30 is then 03:30), and one that comes
    twice is the first. A place that this machine knows no clock of has no window: better to tell than to be silent.
    """
    week = (now - _instant(_MONDAY.replace(tzinfo=UTC))) // (_WEEK_MINUTES * MINUTE)
    edges = _edges(weekly.weekdays, tuple(weekly.times), weekly.location, week)
    if edges is None:
        return Window(active=True, until=None)
    passed = bisect_right(edges, now)
    return Window(active=passed % 2 == 1, until=edges[passed] if passed < len(edges) else None)


@lru_cache(maxsize=1_024)
def _edges(
    weekdays: tuple[int, ...], times: tuple[Hours, ...], location: str, week: int
) -> tuple[Instant, ...] | None:
    """Begin, end, begin, end ... of what is on around a week; None where it is on for ever."""
    clocks = zone(location)
    if clocks is None:
        return ()
    walls = _merged(
        (minute + shift * _WEEK_MINUTES, end + shift * _WEEK_MINUTES)
        for shift in (week + offset for offset in _WEEKS)
        for minute, end in _week(weekdays, times)
    )
    if any(end - start >= 2 * _WEEK_MINUTES for start, end in walls):
        return None
    moments = ((_at(start, clocks), _at(end, clocks)) for start, end in walls)
    return tuple(edge for stretch in _merged(moments) for edge in stretch)


def _week(weekdays: Iterable[int], times: Iterable[Hours]) -> Iterator[tuple[int, int]]:
    """In minutes since Monday's midnight; the last may reach into the next week."""
    for day in weekdays:
        for hours in times:
            start = day * DAY_MINUTES
            end = hours.end if hours.end > hours.start else hours.end + DAY_MINUTES
            yield start + hours.start, start + end


def _merged(stretches: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Sorted and apart. What ends before it begins is none: the clocks skipped it."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(stretch for stretch in stretches if stretch[0] < stretch[1]):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


def _at(minute: int, clocks: ZoneInfo) -> Instant:
    """When the clock on the wall shows that minute since the Monday of 1970; fold 0 is the rule of RFC 5545."""
    return _instant((_MONDAY + timedelta(minutes=minute)).replace(tzinfo=clocks))


def _instant(moment: datetime) -> Instant:
    return (moment - _EPOCH) // timedelta(milliseconds=1)
