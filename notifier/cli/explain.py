"""`notifier explain`: why notifications were sent or not, in one ordered list."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from notifier.cli.options import Arguments, Subparsers, command, segment
from notifier.cli.screen import Screen
from notifier.cli.service import connect
from notifier.cli.session import CommandSession, Exit
from notifier.cli.text import as_json, cell

EPILOG = """\
  notifier explain 142

Shows every alert that was sent or held, and why; deliveries; what people did; and what is due next. Times are in your
time zone on a terminal, and in UTC through a pipe. It needs a key with the scope `read`."""

Row = Mapping[str, Any]
ROOMY = 40


def add(commands: Subparsers) -> None:
    parser = command(commands, "explain", explain, "show why alerts for an incident were sent or held")
    parser.epilog = EPILOG
    parser.add_argument("id", metavar="ID", help="the incident's number or id")


def explain(arguments: Arguments, session: CommandSession) -> Exit:
    path = f"/v1/incidents/{segment(arguments.id)}"
    with connect(session, arguments.config) as service:
        timeline = service.page(f"{path}/timeline")
        incident = {} if arguments.json else service.get(path)
    if arguments.json:
        session.put(as_json(timeline))
        return Exit.OK
    screen = session.screen()
    session.put("\n".join([*_head(incident), "", *history(timeline["items"], screen)]))
    if timeline.get("truncated"):
        session.say("there is more: only the newest items are shown.")
    return Exit.OK


def history(items: Sequence[Row], screen: Screen, *, indent: int = 0) -> Iterator[str]:
    """Time, kind, reason and sentence of each item: in local time on a terminal, in UTC through a pipe."""
    when = _moment if screen.width is None else partial(_time_with_age, screen=screen)
    rows = [[when(item), cell(item.get("kind")), _why(item)] for item in items]
    widths = [max((len(row[place]) for row in rows), default=0) for place in range(3)]
    margin = sum(widths) + 6
    narrow = screen.width is not None and screen.width - margin < ROOMY
    for row, item in zip(rows, items, strict=True):
        head = "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True))
        if narrow:
            yield head.rstrip()
            yield from (f"    {line}" for line in _sentence_lines(item, _narrowed(screen, indent + 4)))
        else:
            first, *more = _sentence_lines(item, _narrowed(screen, indent + margin))
            yield f"{head}  {first}"
            yield from (" " * margin + line for line in more)


def _sentence_lines(item: Row, screen: Screen) -> list[str]:
    """The sentence, wrapped to the screen; a note keeps its own lines."""
    lines = [line for line in str(item.get("text") or "").splitlines() if line.strip()]
    return [part for line in lines or ["-"] for part in screen.wrap(cell(line))]


def _narrowed(screen: Screen, taken: int) -> Screen:
    """The screen, `taken` columns narrower."""
    return replace(screen, width=None if screen.width is None else screen.width - taken)


def _time_with_age(item: Row, screen: Screen) -> str:
    """`Nov 22 14:02:10 (3h ago)`."""
    return f"{screen.clock(item.get('at'))} ({screen.ago(item.get('at'))})"


def _head(incident: Row) -> Iterator[str]:
    yield f"incident {cell(incident.get('number'))}: {cell(incident.get('title'))}"
    count = incident.get("count")
    events = (
        "1 event"
        if count == 1
        else f"{count:,} events"
        if isinstance(count, int)
        else f"{cell(count)} events"
    )
    yield ", ".join([cell(incident.get("state")), cell(incident.get("severity")), events])


def _moment(item: Row) -> str:
    """`2026-11-22 05:00:00Z`, to the second and without a space."""
    at = cell(item.get("at"))
    return f"{at[:19].replace('T', ' ')}Z" if at.endswith("Z") else at


def _why(item: Row) -> str:
    why = item.get("held_by") or item.get("reason")
    return "" if why is None else cell(why)
