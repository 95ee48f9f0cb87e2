"""Recurring windows: days and hours in a time zone, in the notation of Alertmanager's time intervals."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TypeVar
from zoneinfo import ZoneInfo

from notifier.domain.weekday import WEEKDAYS, weekday

T = TypeVar("T")

DAY_MINUTES = 24 * 60
MOST_TIMES = 48
MONTHS = (
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
)
LONGEST_MONTH = 31
FIRST_YEAR, LAST_YEAR = 1970, 9_000
MOST_RANGES = 100
KEYS = ("weekdays", "days_of_month", "months", "years", "times", "location")
HOLIDAYS = ("holidays", "except_holidays")

_EXAMPLES = {
    "days_of_month": '["1:5", "-1"]',
    "months": '["january:march"]',
    "years": '["2026:2028"]',
}
_MONTHS = {
    name[:length]: number for number, name in enumerate(MONTHS, 1) for length in range(3, len(name) + 1)
}
_MONTHS |= {str(number): number for number in range(1, 13)}
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])|24:00")
_NUMBERS = re.compile(r"(-?[0-9]{1,4})(?::(-?[0-9]{1,4}))?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_LOCATION = re.compile(r"[A-Za-z0-9_+-]{1,32}(/[A-Za-z0-9_+-]{1,32}){0,3}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """The hours of a day, from minute `start` (0 to 1439) up to minute `end` (1 to 1440), exclusive.

    If `end` is not after `start`, the hours end on the next day: `22:00` to `06:00` is one night, which belongs to
    the day on which it begins.
    """

    start: int = 0
    end: int = DAY_MINUTES


@dataclass(frozen=True, slots=True, kw_only=True)
class Weekly:
    """Recurring hours on weekdays (0 is Monday), in local time of `location` (an IANA time zone).

    The other fields restrict the days on which a window begins, unless they are empty: ranges of days of the month
    (-1 is the last), months (1 is January), ranges of years, the only dates allowed, and dates excluded.
    """

    weekdays: tuple[int, ...] = tuple(range(7))
    times: tuple[Hours, ...] = (Hours(),)
    location: str = "UTC"
    days_of_month: tuple[tuple[int, int], ...] = ()
    months: tuple[int, ...] = ()
    years: tuple[tuple[int, int], ...] = ()
    only_on: frozenset[date] | None = None
    never_on: frozenset[date] = frozenset()

    @property
    def dated(self) -> bool:
        """Whether the window depends on the date, so that weeks differ."""
        return bool(
            self.days_of_month or self.months or self.years or self.never_on or self.only_on is not None
        )


def weekly(document: Mapping[str, object]) -> Weekly:
    """Parse `{"weekdays": ["monday:friday"], "times": [{"start_time", "end_time"}], "location"}` and the like.

    All keys are optional. Raises `ValueError` with a sentence that names the place but does not repeat the value.
    """
    _only_known(document)
    days = _items(document, "weekdays", '["monday:friday"]')
    numbers = [_items(document, name, example) for name, example in _EXAMPLES.items()]
    times = _items(document, "times", '[{"start_time": "09:00", "end_time": "17:00"}]')
    if len(times) > MOST_TIMES:
        raise ValueError(f"times: at most {MOST_TIMES} are possible")
    if any(len(items) > MOST_RANGES for items in (days, *numbers)):
        raise ValueError(f"at most {MOST_RANGES} days, months or years are possible")
    days_of_month, months, years = numbers
    return assemble(
        [_placed(f"weekdays[{index}]", days_of, day) for index, day in enumerate(days)],
        [_hours(f"times[{index}]", entry) for index, entry in enumerate(times)],
        _placed("location", located, document["location"]) if "location" in document else None,
        days_of_month=[
            _placed(f"days_of_month[{i}]", month_days_of, written) for i, written in enumerate(days_of_month)
        ],
        months=[_placed(f"months[{index}]", months_of, written) for index, written in enumerate(months)],
        years=[_placed(f"years[{index}]", years_of, written) for index, written in enumerate(years)],
    )


def weekly_json(window: Weekly) -> dict[str, object]:
    """The JSON of weekly hours with all fields, which `weekly` parses."""
    dated = {
        "days_of_month": [_range(str(first), str(last)) for first, last in window.days_of_month],
        "months": [_range(MONTHS[first - 1], MONTHS[last - 1]) for first, last in _runs(window.months)],
        "years": [_range(str(first), str(last)) for first, last in window.years],
    }
    return {
        "weekdays": [_range(WEEKDAYS[first], WEEKDAYS[last]) for first, last in _runs(window.weekdays)],
        **{name: ranges for name, ranges in dated.items() if ranges},
        "times": [
            {"start_time": _shown(hours.start), "end_time": _shown(hours.end)} for hours in window.times
        ],
        "location": window.location,
    }


def assemble(
    days: Sequence[Sequence[int]],
    times: Sequence[Hours],
    location: str | None,
    *,
    days_of_month: Sequence[tuple[int, int]] = (),
    months: Sequence[Sequence[int]] = (),
    years: Sequence[tuple[int, int]] = (),
    only_on: frozenset[date] | None = None,
    never_on: frozenset[date] = frozenset(),
) -> Weekly:
    """Normalise parsed fields: sorted and without duplicates; the default is every day, all day, UTC."""
    chosen = tuple(sorted({day for some in days for day in some}))
    whole = Weekly()
    return Weekly(
        weekdays=chosen or whole.weekdays,
        times=tuple(sorted(set(times), key=lambda hours: (hours.start, hours.end))) or whole.times,
        location=location or whole.location,
        days_of_month=tuple(sorted(set(days_of_month))),
        months=tuple(sorted({month for some in months for month in some})),
        years=tuple(sorted(set(years))),
        only_on=only_on,
        never_on=never_on,
    )


def days_of(text: object) -> tuple[int, ...]:
    """Parse `monday`, `mon`, or an inclusive range such as `friday:monday`, which may wrap around."""
    first, colon, last = text.lower().partition(":") if isinstance(text, str) else ("", "", "")
    start, end = weekday(first), weekday(last) if colon else 0
    if start is None or end is None:
        raise ValueError("expected a weekday such as monday, or a range such as monday:friday")
    length = (end - start) % 7 if colon else 0
    return tuple((start + step) % 7 for step in range(length + 1))


def month_days_of(value: object) -> tuple[int, int]:
    """Parse `15`, `1:5`, or days from the end of the month such as `-3:-1`. Signs may differ, as in `10:-5`."""
    first, last = _numbers(value, "expected a day of the month such as 1, or a range such as 1:5 or -3:-1")
    if not all(1 <= abs(day) <= LONGEST_MONTH for day in (first, last)):
        raise ValueError(f"a day of the month is 1 to {LONGEST_MONTH}, or -1 (the last) to -{LONGEST_MONTH}")
    if (first < 0 < last) or (first > last and first * last > 0):
        raise ValueError(
            "a range of days begins before it ends, and one from the end of the month ends there"
        )
    return first, last


def months_of(value: object) -> tuple[int, ...]:
    """Parse `may`, `5`, or an inclusive range such as `november:february`, which may wrap around."""
    text = str(value).lower() if isinstance(value, str | int) and not isinstance(value, bool) else ""
    first, colon, last = text.partition(":")
    if first not in _MONTHS or (colon and last not in _MONTHS):
        raise ValueError("expected a month such as may or 5, or a range such as january:march")
    start = _MONTHS[first]
    length = (_MONTHS[last] - start) % 12 if colon else 0
    return tuple((start + step - 1) % 12 + 1 for step in range(length + 1))


def years_of(value: object) -> tuple[int, int]:
    """Parse `2026`, or the inclusive range `2026:2028`."""
    first, last = _numbers(value, "expected a year such as 2026, or a range such as 2026:2028")
    if not FIRST_YEAR <= first <= last <= LAST_YEAR:
        raise ValueError(f"years are {FIRST_YEAR} to {LAST_YEAR}, and a range begins before it ends")
    return first, last


def date_of(value: object) -> date:
    """Parse `2026-12-25`."""
    try:
        if not isinstance(value, str) or not _DATE.fullmatch(value):
            raise ValueError  # noqa: TRY301 - one sentence covers both errors
        return date.fromisoformat(value)
    except ValueError:
        raise ValueError("expected a date such as 2026-12-25") from None


def begins(text: object) -> int:
    """The minute of a start time such as `09:00`."""
    minute = _minute(text)
    if minute == DAY_MINUTES:
        raise ValueError("a window begins at 23:59 at the latest; midnight is 00:00 of the next day")
    return minute


def ends(text: object) -> int:
    """The minute of an end time such as `17:00`; `24:00` and `00:00` are the end of the day."""
    return _minute(text) or DAY_MINUTES


def located(text: object) -> str:
    """Check that this machine knows the time zone. Returns its name."""
    if not isinstance(text, str) or zone(text) is None:
        raise ValueError("there is no time zone of this name: write one such as Europe/Berlin")
    return text


def zone(location: str) -> ZoneInfo | None:
    """The time zone with this name, or None if this machine knows none."""
    if not _LOCATION.fullmatch(location):
        return None
    try:
        return ZoneInfo(location)
    except (LookupError, ValueError, OSError):  # No file, not a zone's file, or a folder.
        return None


def _only_known(document: Mapping[str, object]) -> None:
    if document.keys() & set(HOLIDAYS):
        raise ValueError("holidays are known to the configuration's time_intervals alone")
    if document.keys() - set(KEYS):
        raise ValueError(f"only {', '.join(f'`{key}`' for key in KEYS)} are known here")


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


def _numbers(value: object, expected: str) -> tuple[int, int]:
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    found = _NUMBERS.fullmatch(text)
    if found is None:
        raise ValueError(expected)
    return int(found[1]), int(found[2] or found[1])


def _range(first: str, last: str) -> str:
    return first if first == last else f"{first}:{last}"


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
