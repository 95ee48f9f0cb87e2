"""Instants and durations as integers of milliseconds, and their text forms."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

Instant = int
Duration = int

SECOND: Duration = 1_000
MINUTE: Duration = 60 * SECOND
HOUR: Duration = 60 * MINUTE
DAY: Duration = 24 * HOUR
WEEK: Duration = 7 * DAY
YEAR: Duration = 365 * DAY
LONGEST_DURATION: Duration = 100 * YEAR
UNITS = {"y": YEAR, "w": WEEK, "d": DAY, "h": HOUR, "m": MINUTE, "s": SECOND, "ms": 1}

_DURATION = re.compile("".join(rf"(?:([0-9]{{1,15}}){unit})?" for unit in UNITS))
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLI = timedelta(milliseconds=1)
_DATE_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})?"
)


@lru_cache(maxsize=4_096)
def rfc3339(at: Instant) -> str:
    """`2026-11-22T05:00:00.123Z`, always in UTC; zero milliseconds are omitted."""
    precision = "milliseconds" if at % SECOND else "seconds"
    return (_EPOCH + at * _MILLI).replace(tzinfo=None).isoformat(timespec=precision) + "Z"


def parse_rfc3339(text: str) -> Instant:
    """Parse an RFC 3339 date-time (section 5.6), in UTC unless it has an offset. Raises `ValueError`.

    Times before the year 1 or after 9999 in UTC, which `rfc3339` cannot write, are invalid. A leap second is read as
    the following second, as on clocks without leap seconds.
    """
    upper = text.upper()
    if not _DATE_TIME.fullmatch(upper):
        raise ValueError("no RFC 3339 date-time such as 2026-11-22T05:00:00Z")
    leap = upper[17:19] == "60"
    moment = datetime.fromisoformat(f"{upper[:17]}59{upper[19:]}" if leap else upper)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    try:
        moment = moment.astimezone(UTC)
        if leap and (moment.hour, moment.minute) != (23, 59):
            raise ValueError("a leap second ends a day in UTC")
        moment += timedelta(seconds=leap)
    except OverflowError:
        raise ValueError("outside of the years 1 to 9999 in UTC") from None
    # Integer arithmetic: with a float, one instant in two hundred would be a millisecond short.
    return (moment - _EPOCH) // _MILLI


def has_offset(text: str) -> bool:
    """Whether a date-time that `parse_rfc3339` accepts has an offset."""
    return text[-1:] in {"Z", "z"} or text[-6:-5] in {"+", "-"}


def parse_duration(value: str | float | None) -> Duration:
    """Parse `10s`, `1h30m`, `500ms` or a bare `0`. Units are y w d h m s ms, largest first."""
    if value in {0, "0"} and not isinstance(value, bool):
        return 0
    parts = _DURATION.fullmatch(value) if isinstance(value, str) and value else None
    if parts is None:
        raise ValueError(
            "expected a duration such as 500ms, 10s, 5m, 4h, 30d, 1w or 1h30m (whole numbers, largest unit first)"
        )
    total = sum(int(part) * unit for part, unit in zip(parts.groups(), UNITS.values(), strict=True) if part)
    if total > LONGEST_DURATION:
        raise ValueError("expected a duration of at most 100 years (36500d)")
    return total


def parse_positive_duration(value: str | float | None) -> Duration:
    result = parse_duration(value)
    if result == 0:
        raise ValueError("expected a duration longer than 0, such as 10s")
    return result


def format_duration(duration: Duration) -> str:
    """A duration in one unit, exactly, as `parse_duration` accepts it: `90s`, `5m`, `4h`, `1500ms`."""
    for unit, size in (("h", HOUR), ("m", MINUTE), ("s", SECOND)):
        if duration and duration % size == 0:
            return f"{duration // size}{unit}"
    return f"{duration}ms" if duration else "0s"


def in_units(duration: Duration) -> list[tuple[int, str]]:
    """Up to two units, without seconds beside minutes: `[(3, "h"), (5, "m")]`; `[(0, "s")]` for zero."""
    seconds = max(0, duration) // SECOND
    units = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))
    parts: list[tuple[int, str]] = []
    for name, size in units:
        value, seconds = divmod(seconds, size)
        if value:
            parts.append((value, name))
        if len(parts) == 2 or (parts and name == "m"):
            break
    return parts or [(0, "s")]


def words(duration: Duration) -> str:
    """A short form for columns, which can also be typed: `45s`, `12m`, `3h 5m`, `2d 4h`."""
    return " ".join(f"{value}{name}" for value, name in in_units(duration))
