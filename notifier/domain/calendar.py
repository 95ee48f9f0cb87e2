"""A weekly window: days and hours in a time zone, in the words of Alertmanager's time intervals."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar
from zoneinfo import ZoneInfo

T = TypeVar("T")

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
DAY_MINUTES = 24 * 60
MOST_TIMES = 48
NOT_WEEKLY = frozenset({"days_of_month", "months", "years"})
ONLY_WEEKLY = "only weekly windows exist here: `weekdays`, `times` and `location`"

_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])|24:00")
_LOCATION = re.compile(r"[A-Za-z0-9_+-]{1,32}(/[A-Za-z0-9_+-]{1,32}){0,3}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """From minute `start` of a day (0 to 1439) to before minute `end` (1 to 1440).

    `end` at or before `start` is on the next day: `22:00` to `06:00` is one night, and belongs to the day it begins on.
    """

    start: int = 0
    end: int = DAY_MINUTES


@dataclass(frozen=True, slots=True, kw_only=True)
class Weekly:
    """Every week on these days (0 is Monday) at these hours, by the clocks of `location` (an IANA time zone)."""

    weekdays: tuple[int, ...] = tuple(range(7))
    times: Sequence[Hours] = (Hours(),)
    location: str = "UTC"


def weekly(document: Mapping[str, object]) -> Weekly:
    """Read `{"weekdays": ["monday:friday"], "times": [{"start_time", "end_time"}], "location"}`, all optional.

    `ValueError` with a sentence that names the place and does not repeat what was written there.
    """
    _only_known(document)
    days = _items(document, "weekdays", '["monday:friday"]')
    times = _items(document, "times", '[{"start_time": "09:00", "end_time": "17:00"}]')
    if len(times) > MOST_TIMES:
        raise ValueError(f"times: at most {MOST_TIMES} are possible")
    return assemble(
        [_placed(f"weekdays[{index}]", days_of, day) for index, day in enumerate(days)],
        [_hours(f"times[{index}]", entry) for index, entry in enumerate(times)],
        _placed("location", located, document["location"]) if "location" in document else None,
    )


def weekly_json(window: Weekly) -> dict[str, object]:
    """What `weekly` reads back, everything written out."""
    return {
        "weekdays": [
            WEEKDAYS[first] if first == last else f"{WEEKDAYS[first]}:{WEEKDAYS[last]}"
            for first, last in _runs(window.weekdays)
        ],
        "times": [
            {"start_time": _shown(hours.start), "end_time": _shown(hours.end)} for hours in window.times
        ],
        "location": window.location,
    }


def assemble(days: Sequence[Sequence[int]], times: Sequence[Hours], location: str | None) -> Weekly:
    """What was read, in order and each once; nothing said is every day, all day, UTC."""
    chosen = tuple(sorted({day for some in days for day in some}))
    whole = Weekly()
    return Weekly(
        weekdays=chosen or whole.weekdays,
        times=tuple(sorted(set(times), key=lambda one: (one.start, one.end))) or whole.times,
        location=location or whole.location,
    )


def days_of(text: object) -> tuple[int, ...]:
    """`monday`, or `friday:monday` with both ends; it may go past Sunday."""
    first, colon, last = text.lower().partition(":") if isinstance(text, str) else ("", "", "")
    if first not in WEEKDAYS or (colon and last not in WEEKDAYS):
        raise ValueError("expected a weekday such as monday, or a range such as monday:friday")
    start = WEEKDAYS.index(first)
    length = (WEEKDAYS.index(last) - start) % 7 if colon else 0
    return tuple((start + step) % 7 for step in range(length + 1))


def begins(text: object) -> int:
    """The minute of `09:00`."""
    minute = _minute(text)
    if minute == DAY_MINUTES:
        raise ValueError("a window begins at 23:59 at the latest; midnight is 00:00 of the next day")
    return minute


def ends(text: object) -> int:
    """The minute of `17:00`; `24:00` and `00:00` are the end of a day."""
    return _minute(text) or DAY_MINUTES


def located(text: object) -> str:
    """The name of a time zone that this machine knows."""
    if not isinstance(text, str) or zone(text) is None:
        raise ValueError("there is no time zone of this name: write one such as Europe/Berlin")
    return text


def zone(location: str) -> ZoneInfo | None:
    """The clocks of a place, None where there are none of that name."""
    if not _LOCATION.fullmatch(location):
        return None
    try:
        return ZoneInfo(location)
    except (LookupError, ValueError, OSError):  # not there; not a zone's file; a folder
        return None


def _only_known(document: Mapping[str, object]) -> None:
    if document.keys() & NOT_WEEKLY:
        raise ValueError(ONLY_WEEKLY)
    if document.keys() - {"weekdays", "times", "location"}:
        raise ValueError("only `weekdays`, `times` and `location` are known here")


def _items(document: Mapping[str, object], name: str, example: str) -> list[object]:
    if name not in document:
        return []
    items = document[name]
    if not isinstance(items, list | tuple) or not items:
        raise ValueError(f"{name}: expected a list such as {example}, or leave it out")
    return list(items)


def _hours(place: str, entry: object) -> Hours:
    if not isinstance(entry, Mapping) or entry.keys() != {"start_time", "end_time"}:
        raise ValueError(f'{place}: expected {{"start_time": "09:00", "end_time": "17:00"}}')
    return Hours(
        start=_placed(f"{place}.start_time", begins, entry["start_time"]),
        end=_placed(f"{place}.end_time", ends, entry["end_time"]),
    )


def _placed(place: str, read: Callable[[object], T], value: object) -> T:
    try:
        return read(value)
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from None


def _minute(text: object) -> int:
    found = _CLOCK.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise ValueError("expected a time of day such as 09:00 or 17:30")
    return int(found[1]) * 60 + int(found[2]) if found[1] else DAY_MINUTES


def _shown(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def _runs(days: Sequence[int]) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    for day in sorted(set(days)):
        if runs and runs[-1][1] == day - 1:
            runs[-1] = (runs[-1][0], day)
        else:
            runs.append((day, day))
    return runs
