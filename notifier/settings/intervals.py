"""The sections `time_intervals`, named windows in Alertmanager's form, and `holidays`, named lists of dates."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date
from functools import partial
from typing import TypeVar

from notifier.domain.calendar import (
    HOLIDAYS,
    KEYS,
    Hours,
    Weekly,
    assemble,
    begins,
    date_of,
    days_of,
    ends,
    located,
    month_days_of,
    months_of,
    years_of,
)
from notifier.domain.route import TimeInterval
from notifier.settings import values
from notifier.settings.document import MISSING, Node, showable
from notifier.settings.reading import Reader, alternatives, below
from notifier.settings.values import Scalar

T = TypeVar("T")
Holidays = Mapping[str, frozenset[date]]

_EXAMPLE = "- {name: offhours, time_intervals: [{weekdays: [saturday, sunday]}]}"
_WINDOWS = "[{weekdays: ['monday:friday'], times: [{start_time: '22:00', end_time: '06:00'}]}]"
_HOURS = "[{start_time: '09:00', end_time: '17:00'}]"
_NAMED = frozenset({"name", "time_intervals"})
_DATES = "[2026-12-25]"
_START_END: Mapping[str, Callable[[object], int]] = {"start_time": begins, "end_time": ends}


def read_holidays(reader: Reader, node: Node | None) -> Holidays:
    """By name. A date that is wrong is left out, so that windows which name the list raise no second problem."""
    return {
        name: frozenset(_read(reader, entry, below("holidays", name), _DATES, date_of))
        for name, entry in reader.entries(node, "holidays").items()
    }


def read_intervals(reader: Reader, node: Node | None, holidays: Holidays) -> Mapping[str, TimeInterval]:
    """By name. One that is wrong is there without its windows, so that routes which name it raise no second problem."""
    if node is None:
        return {}
    found: dict[str, TimeInterval] = {}
    lines: dict[str, int] = {}
    for index, item in enumerate(reader.items(node, "time_intervals", _EXAMPLE)):
        path = f"time_intervals[{index}]"
        interval = _interval(reader, item, path, holidays)
        if interval is None:
            continue
        name = interval.name
        if name in found:
            message = f"{showable(name)} is here for the second time; the first is in line {lines[name]}"
            reader.complain(item.mark, path, message)
        else:
            found[name], lines[name] = interval, item.mark.line
    return found


def _interval(reader: Reader, node: Node, path: str, holidays: Holidays) -> TimeInterval | None:
    entries = reader.entries(node, path)
    reader.only(node, path, _NAMED)
    if not reader.needs(node, path, _NAMED, _EXAMPLE.removeprefix("- ")):
        return None
    windows = _filled(reader, entries["time_intervals"], f"{path}.time_intervals", _WINDOWS)
    read = tuple(
        _weekly(reader, item, f"{path}.time_intervals[{index}]", holidays)
        for index, item in enumerate(windows)
    )
    name = reader.value(entries["name"], f"{path}.name", values.text)
    return None if name is None else TimeInterval(name=name, windows=read)


def _weekly(reader: Reader, node: Node, path: str, holidays: Holidays) -> Weekly:
    entries = reader.entries(node, path)
    reader.only(node, path, (*KEYS, *HOLIDAYS))

    def each(name: str, example: str, read: Callable[[Scalar], T]) -> list[T]:
        return list(_read(reader, entries.get(name), f"{path}.{name}", example, read))

    def dates(name: str) -> frozenset[date]:
        return frozenset(day for some in each(name, "[de]", partial(_named, holidays)) for day in some)

    return assemble(
        each("weekdays", "['monday:friday']", days_of),
        list(_times(reader, entries.get("times"), f"{path}.times")),
        reader.value(entries["location"], f"{path}.location", located) if "location" in entries else None,
        days_of_month=each("days_of_month", "['1:5', '-1']", month_days_of),
        months=each("months", "['january:march']", months_of),
        years=each("years", "['2026:2028']", years_of),
        only_on=dates("holidays") if "holidays" in entries else None,
        never_on=dates("except_holidays"),
    )


def _named(holidays: Holidays, value: Scalar) -> frozenset[date]:
    name = values.text(value)
    if name not in holidays:
        raise ValueError(f"{showable(name)} is no list of `holidays`; {alternatives(name, holidays)}")
    return holidays[name]


def _read(
    reader: Reader, node: Node | None, path: str, example: str, read: Callable[[Scalar], T]
) -> Iterator[T]:
    for index, item in enumerate(_filled(reader, node, path, example)):
        value = reader.value(item, f"{path}[{index}]", read)
        if value is not None:
            yield value


def _times(reader: Reader, node: Node | None, path: str) -> Iterator[Hours]:
    for index, item in enumerate(_filled(reader, node, path, _HOURS)):
        hours = _hours(reader, item, f"{path}[{index}]")
        if hours is not None:
            yield hours


def _hours(reader: Reader, node: Node, path: str) -> Hours | None:
    entries = reader.entries(node, path)
    reader.only(node, path, _START_END)
    if not reader.needs(node, path, _START_END, _HOURS.strip("[]")):
        return None
    start, end = (reader.value(entries[name], below(path, name), read) for name, read in _START_END.items())
    return None if start is None or end is None else Hours(start=start, end=end)


def _filled(reader: Reader, node: Node | None, path: str, example: str) -> tuple[Node, ...]:
    """The items of a list; an empty one could mean always as well as never."""
    if node is None:
        return ()
    if node.value == ():
        reader.complain(node.mark, path, f"the list is empty: write one such as {example}, or remove the key")
    return () if node.value is MISSING else reader.items(node, path, example)
