"""The `time_intervals` section: named weekly windows, in Alertmanager's form."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from notifier.domain.calendar import Hours, Weekly, assemble, begins, days_of, ends, located
from notifier.domain.route import TimeInterval
from notifier.settings import values
from notifier.settings.document import MISSING, Node, showable
from notifier.settings.reading import Reader, below

_EXAMPLE = "- {name: offhours, time_intervals: [{weekdays: [saturday, sunday]}]}"
_WINDOWS = "[{weekdays: ['monday:friday'], times: [{start_time: '22:00', end_time: '06:00'}]}]"
_HOURS = "[{start_time: '09:00', end_time: '17:00'}]"
_NAMED = frozenset({"name", "time_intervals"})
_WEEKLY = frozenset({"weekdays", "times", "location"})
_START_END: Mapping[str, Callable[[object], int]] = {"start_time": begins, "end_time": ends}


def read_intervals(reader: Reader, node: Node | None) -> Mapping[str, TimeInterval]:
    """By name. One that is wrong is there without its windows, so that routes which name it raise no second problem."""
    if node is None:
        return {}
    found: dict[str, TimeInterval] = {}
    lines: dict[str, int] = {}
    for index, item in enumerate(reader.items(node, "time_intervals", _EXAMPLE)):
        path = f"time_intervals[{index}]"
        interval = _interval(reader, item, path)
        if interval is None:
            continue
        name = interval.name
        if name in found:
            message = f"{showable(name)} is here for the second time; the first is in line {lines[name]}"
            reader.complain(item.mark, path, message)
        else:
            found[name], lines[name] = interval, item.mark.line
    return found


def _interval(reader: Reader, node: Node, path: str) -> TimeInterval | None:
    entries = reader.entries(node, path)
    reader.only(node, path, _NAMED)
    if not reader.needs(node, path, _NAMED, _EXAMPLE.removeprefix("- ")):
        return None
    windows = _filled(reader, entries["time_intervals"], f"{path}.time_intervals", _WINDOWS)
    read = tuple(
        _weekly(reader, item, f"{path}.time_intervals[{index}]") for index, item in enumerate(windows)
    )
    name = reader.value(entries["name"], f"{path}.name", values.text)
    return None if name is None else TimeInterval(name=name, windows=read)


def _weekly(reader: Reader, node: Node, path: str) -> Weekly:
    entries = reader.entries(node, path)
    reader.only(node, path, _WEEKLY)
    return assemble(
        list(_days(reader, entries.get("weekdays"), f"{path}.weekdays")),
        list(_times(reader, entries.get("times"), f"{path}.times")),
        reader.value(entries["location"], f"{path}.location", located) if "location" in entries else None,
    )


def _days(reader: Reader, node: Node | None, path: str) -> Iterator[tuple[int, ...]]:
    for index, item in enumerate(_filled(reader, node, path, "['monday:friday']")):
        days = reader.value(item, f"{path}[{index}]", days_of)
        if days is not None:
            yield days


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
