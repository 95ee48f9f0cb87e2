"""The sections `time_intervals`, in Alertmanager's form, and `holidays`, named lists of dates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from operator import attrgetter
from typing import Annotated, Any, ClassVar

from notifier.domain import calendar
from notifier.domain.calendar import Hours, Weekly
from notifier.domain.route import TimeInterval
from notifier.settings.document import redacted_name
from notifier.settings.names import DefinedNames, HolidaysName, Listed, filled
from notifier.settings.sections import Block, with_default
from notifier.settings.validation_errors import unique
from notifier.settings.values import ScalarForm, Text

_EXAMPLE = "{name: offhours, time_intervals: [{weekdays: [saturday, sunday]}]}"
_WINDOWS = "[{weekdays: ['monday:friday'], times: [{start_time: '22:00', end_time: '06:00'}]}]"
_HOURS = "{start_time: '09:00', end_time: '17:00'}"
_STRING: dict[str, Any] = {"type": "string"}
_NUMBER: dict[str, Any] = {"type": ["string", "integer"]}
_TIME: dict[str, Any] = {
    "description": "A time of day such as 09:00, in quotes. A window that ends at 24:00 ends at midnight.",
    "type": "string",
    "pattern": r"^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$|\$\{",
}
_DATE: dict[str, Any] = {"type": "string", "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$|\$\{"}

Range = tuple[int, int]
Dates = Annotated[tuple[Annotated[date, ScalarForm(calendar.date_of, _DATE)], ...], filled("[2026-12-25]")]
_Lists = Annotated[tuple[HolidaysName, ...], filled("[de]")]


class HoursBlock(Block):
    example: ClassVar[str] = _HOURS

    start_time: Annotated[int, ScalarForm(calendar.begins, _TIME)]
    end_time: Annotated[int, ScalarForm(calendar.ends, _TIME)]


class WindowBlock(Block):
    weekdays: Annotated[
        tuple[Annotated[tuple[int, ...], ScalarForm(calendar.days_of, _STRING)], ...],
        filled("['monday:friday']"),
    ] = with_default((), "monday, or monday:friday; else every day.")
    days_of_month: Annotated[
        tuple[Annotated[Range, ScalarForm(calendar.month_days_of, _NUMBER)], ...], filled("['1:5', '-1']")
    ] = with_default((), "1, 1:5, or from the end of the month -3:-1.")
    months: Annotated[
        tuple[Annotated[tuple[int, ...], ScalarForm(calendar.months_of, _NUMBER)], ...],
        filled("['january:march']"),
    ] = with_default((), "may, 5, or january:march.")
    years: Annotated[
        tuple[Annotated[Range, ScalarForm(calendar.years_of, _NUMBER)], ...], filled("['2026:2028']")
    ] = with_default((), "2026, or 2026:2028.")
    holidays: _Lists | None = with_default(None, "Only on the dates of these lists.")
    except_holidays: _Lists = with_default((), "Not on the dates of these lists.")
    times: Annotated[tuple[HoursBlock, ...], filled(f"[{_HOURS}]")] = with_default(
        (), "A time that ends at or before its start ends on the next day. Default: all day."
    )
    location: Annotated[str, ScalarForm(calendar.located, _STRING)] | None = with_default(
        None, "A time zone such as Europe/Berlin; else UTC."
    )


class IntervalBlock(Block):
    example: ClassVar[str] = _EXAMPLE

    name: Text
    time_intervals: Annotated[tuple[WindowBlock, ...], filled(_WINDOWS)]


def _twice(name: str, first: int, context: DefinedNames) -> str:
    line = context.source.value(("time_intervals", first)).line
    return f"{redacted_name(name)} is here for the second time; the first is in line {line}"


IntervalBlocks = Annotated[
    tuple[IntervalBlock, ...], unique(_twice, by=attrgetter("name")), Listed(f"- {_EXAMPLE}")
]


def time_intervals(
    blocks: Iterable[IntervalBlock], holidays: Mapping[str, tuple[date, ...] | None]
) -> dict[str, TimeInterval]:
    """The windows of a file by name, with the dates of the lists that they refer to."""

    def dates(lists: Iterable[str]) -> frozenset[date]:
        return frozenset(day for name in lists for day in holidays[name] or ())

    def weekly(window: WindowBlock) -> Weekly:
        return calendar.assemble(
            window.weekdays,
            [Hours(start=hours.start_time, end=hours.end_time) for hours in window.times],
            window.location,
            days_of_month=window.days_of_month,
            months=window.months,
            years=window.years,
            only_on=None if window.holidays is None else dates(window.holidays),
            never_on=dates(window.except_holidays),
        )

    return {
        block.name: TimeInterval(name=block.name, windows=tuple(map(weekly, block.time_intervals)))
        for block in blocks
    }
