"""`notifier stats`: statistics of tasks, errors and deliveries as tables and sparklines."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from notifier.cli.options import Arguments, Subparsers, command, query
from notifier.cli.screen import Screen
from notifier.cli.service import UNEXPECTED_SERVER, connect
from notifier.cli.session import CommandFailure, CommandSession, Exit
from notifier.cli.text import as_json, cell, table
from notifier.domain.time import MINUTE, SECOND, words

BLOCKS = "▁▂▃▄▅▆▇█"
ASCII_BLOCKS = "_.-:=+*#"
WIDEST_LINE = 64

EPILOG = """\
  notifier stats --since 7d
  notifier stats --since 2026-11-22T05:00:00Z --step hour

Each line of bars has one bar per hour, or per day beyond 48 h; a long line combines several of them. A run counts in
the hour in which it was created. It needs a key with the scope `read`."""

Row = Mapping[str, Any]


def add(commands: Subparsers) -> None:
    parser = command(commands, "stats", show_stats, "show statistics of tasks, errors and deliveries")
    parser.epilog = EPILOG
    parser.add_argument(
        "--since", metavar="WHEN", help="a duration such as 90m or 7d, or an RFC 3339 instant (default: 24h)"
    )
    parser.add_argument(
        "--step", choices=["hour", "day"], help="the time step (default: hours; days beyond 48 h)"
    )


def show_stats(arguments: Arguments, session: CommandSession) -> Exit:
    with connect(session, arguments.config) as service:
        stats = service.get("/v1/stats", query(arguments, ("since", "step")))
    parts = list(_parts(stats, blocks(session.stdout.encoding), session.screen()))
    session.put(as_json(stats) if arguments.json else "\n\n".join(parts))
    return Exit.OK


def blocks(encoding: str | None) -> str:
    """The bar characters from lowest to highest; ASCII ones if the encoding has no others."""
    try:
        BLOCKS.encode(encoding or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return ASCII_BLOCKS
    return BLOCKS


def sparkline(values: Sequence[int], bars: str) -> str:
    """A bar for each value. Above `WIDEST_LINE` values, each bar stands for several. Only 0 has the lowest bar."""
    each = -(-len(values) // WIDEST_LINE) or 1
    sums = [sum(values[start : start + each]) for start in range(0, len(values), each)]
    top, steps = max(sums, default=0), len(bars) - 1
    return "".join(bars[-(-value * steps // top) if value > 0 else 0] for value in sums)


def percentage(part: object) -> str:
    """A fraction as `99.9 %`, rounded down, so that only 1 gives 100 %; only 0 gives 0."""
    number = _number(part)
    if number is None:
        return cell(part)
    if 0 < number < 0.001:
        return "<0.1 %"
    # Without the tolerance, the binary error of 0.29 would cost a tenth.
    return f"{math.floor(number * 1000 + 1e-9) / 10:.1f} %"


def duration(millis: object) -> str:
    """A duration: `<0.1 ms`, `3.4 ms`, `340 ms`, `1.2 s`, `12m`, `3h 5m`."""
    number = _number(millis)
    if number is None:
        return cell(millis)
    if 0 < number < 0.05:
        return "<0.1 ms"
    if number < 9.95 and number % 1:
        return f"{number:.1f} ms"
    if round(number) < SECOND:
        return f"{number:.0f} ms"
    # 59.96 s would be rounded to 60.0 s.
    return f"{number / SECOND:.1f} s" if number < MINUTE - 50 else words(round(number / SECOND) * SECOND)


def _parts(stats: Any, bars: str, screen: Screen) -> Iterator[str]:
    tasks, errors, deliveries, series = (
        _rows(stats, name) for name in ("tasks", "errors", "deliveries", "series")
    )
    step = cell(series[0].get("step")) if series else "hour"
    yield f"since {_moment(stats.get('since'), screen, screen.when)}, by the {step}\n" + "\n".join(
        _lines(series, step, bars)
    )
    if tasks:
        yield table(list(map(_task, tasks)))
    if errors:
        yield table([_error(row, screen) for row in errors])
    if deliveries:
        yield table(list(map(_delivery, deliveries)))


def _lines(series: Sequence[Row], step: str, bars: str) -> Iterator[str]:
    for name in ("events", "runs"):
        values = [_count(point, name) for point in series]
        total = f"{sum(values):,} in all, at most {max(values, default=0):,} in {_a(step)}"
        yield f"{name:6}  {sparkline(values, bars)}  {total}"


def _a(step: str) -> str:
    return f"an {step}" if step == "hour" else f"a {step}"


def _task(row: Row) -> Row:
    return {
        "task": row.get("task"),
        "runs": _grouped(row, "runs"),
        "completed": _grouped(row, "completed"),
        "failed": _grouped(row, "failed"),
        "success": percentage(row.get("success_rate")),
        "retries": _grouped(row, "retries"),
        "p50": duration(row.get("p50_ms")),
        "p95": duration(row.get("p95_ms")),
    }


def _error(row: Row, screen: Screen) -> Row:
    return {
        "error": "(no exception)" if row.get("type") is None else row["type"],
        "count": _grouped(row, "count"),
        "share": percentage(row.get("share")),
        "first_seen": _moment(row.get("first_seen"), screen, screen.ago),
        "last_seen": _moment(row.get("last_seen"), screen, screen.ago),
    }


def _moment(at: object, screen: Screen, near: Callable[[object], str]) -> str:
    """The time as a distance on a terminal, and unchanged through a pipe."""
    return cell(at) if screen.width is None else near(at)


def _delivery(row: Row) -> Row:
    return {
        "channel": row.get("channel"),
        "delivered": _grouped(row, "delivered"),
        "dead": _grouped(row, "dead"),
        "p95": duration(row.get("p95_ms")),
    }


def _rows(stats: Any, name: str) -> Sequence[Row]:
    rows = stats.get(name)
    if not (isinstance(rows, list) and all(isinstance(row, Mapping) for row in rows)):
        raise CommandFailure(Exit.UNREACHABLE, UNEXPECTED_SERVER)
    return rows


def _count(row: Row, name: str) -> int:
    value = row.get(name)
    if not isinstance(value, int):
        raise CommandFailure(Exit.UNREACHABLE, UNEXPECTED_SERVER)
    return value


def _grouped(row: Row, name: str) -> str:
    return f"{_count(row, name):,}"


def _number(value: object) -> float | None:
    """The value as a finite number, or None: Python's JSON allows NaN and infinity."""
    return float(value) if isinstance(value, int | float) and abs(value) < 1e15 else None
