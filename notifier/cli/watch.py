"""`notifier incidents watch`: the open incidents, updated until Ctrl-C."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Mapping, Sequence
from typing import Any

from notifier.cli.incident_query import add_filters, filters
from notifier.cli.incident_rows import rows
from notifier.cli.options import Arguments, Subparsers, command, positive, segment
from notifier.cli.service import ServiceClient, connect
from notifier.cli.session import CommandFailure, CommandSession, Exit

PATH = "/v1/incidents"
INTERVAL_S = 2
LIMIT = 200
CHANGING = ("state", "severity", "count", "acknowledged_by")
HOME_AND_CLEAR = "\033[H\033[2J"

EPILOG = """\
On a terminal, it shows unresolved incidents, the worst first. Through a pipe, it prints a line for each change, or with
--json a JSON document. If the service is down, it waits. Press Ctrl-C to stop."""

Row = Mapping[str, Any]
Seen = dict[str, Row]


def add(commands: Subparsers) -> None:
    parser = command(commands, "watch", watch, "show open incidents as they change, until Ctrl-C")
    parser.epilog = EPILOG
    add_filters(parser)
    parser.add_argument(
        "--interval",
        type=positive,
        default=INTERVAL_S,
        metavar="S",
        help="seconds between updates (default: 2)",
    )
    parser.set_defaults(limit=LIMIT, cursor=None)


def watch(arguments: Arguments, session: CommandSession) -> Exit:
    try:
        with connect(session, arguments.config) as service:
            _watch(service, arguments, session)
    except KeyboardInterrupt:
        pass
    return Exit.OK


def _watch(service: ServiceClient, arguments: Arguments, session: CommandSession) -> None:
    seen: Seen = {}
    away, first = False, True
    drawn = session.screen().width is not None and not arguments.json
    arguments.sort = "severity" if drawn else "last_seen"
    while True:
        try:
            page = service.page(PATH, filters(arguments))
            incidents = page["items"]
            left = [] if drawn else [seen[id_] for id_ in seen.keys() - set(map(_id, incidents))]
            ended = [now for was in left if _state(now := _current(service, was)) != _state(was)]
        except CommandFailure as failure:
            if failure.status is not Exit.UNREACHABLE:
                raise
            if not away:
                session.say(f"notifier: {failure} It is asked again.")
            away = True
        else:
            if drawn:
                _draw(incidents, session, whole=page.get("next_cursor") is None)
            else:
                changed = [
                    incident
                    for incident in incidents
                    if _state(seen.get(_id(incident), {})) != _state(incident)
                ]
                _write([*ended, *reversed(changed)], arguments, session, first=first)
            seen = {_id(incident): incident for incident in incidents}
            away = first = False
        time.sleep(arguments.interval)


def _current(service: ServiceClient, incident: Row) -> Row:
    """The current state of an incident that left the list; the last known state if it was deleted."""
    try:
        now: Row = service.get(f"{PATH}/{segment(_id(incident))}")
    except CommandFailure as failure:
        if failure.status is not Exit.NO:
            raise
        return incident
    return now


def _draw(incidents: Sequence[Row], session: CommandSession, *, whole: bool) -> None:
    """Redraw the whole screen. `whole` is true if there are no further incidents."""
    screen = session.screen()
    lines = list(rows(incidents, screen, wide=False)) if incidents else ["nothing is open."]
    room = shutil.get_terminal_size().lines - 2
    left, over = max(len(lines) - room, 0), "" if whole else "over "
    more = [f"and {over}{left:,} more"] if left or over else []
    session.put(HOME_AND_CLEAR + "\n".join([*lines[:room], *more]))


def _write(changed: Sequence[Row], arguments: Arguments, session: CommandSession, *, first: bool) -> None:
    """Print a line for each changed incident; the header is printed once."""
    if arguments.json:
        for incident in changed:
            session.put(json.dumps(incident))
    elif changed or first:
        lines = list(rows(changed, session.screen(), wide=False)) if changed else []
        for line in lines if first else lines[1:]:
            session.put(line)


def _id(incident: Row) -> str:
    return str(incident.get("id"))


def _state(incident: Row) -> tuple[object, ...]:
    return tuple(incident.get(name) for name in CHANGING)
