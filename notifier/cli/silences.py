"""`notifier silences`: create, preview, extend and end silences."""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping
from typing import Any

from notifier.cli.actions import add_actor
from notifier.cli.clientfile import actor_of
from notifier.cli.durations import add_until, echo, until_of
from notifier.cli.durations import moment as when
from notifier.cli.incident_rows import rows
from notifier.cli.options import Arguments, Parser, Subparsers, command, family, named, paged, segment, wide
from notifier.cli.resources import View, actor_body, list_page, show
from notifier.cli.screen import DIM, YELLOW, Column, Screen
from notifier.cli.service import UNEXPECTED_SERVER, ServiceClient, connect
from notifier.cli.session import CommandFailure, CommandSession, Exit
from notifier.cli.text import as_json, cell
from notifier.domain.time import parse_rfc3339
from notifier.domain.weekday import WEEKDAYS, weekday

PATH = "/v1/silences"
SILENCES = View(
    columns=(
        Column(name="id"),
        Column(name="state", styles={"active": YELLOW, "expired": DIM}),
        Column(name="matchers", least=16),
        Column(name="when"),
        Column(name="held", right=True, rank=4),
        Column(name="author", least=6, rank=3),
        Column(name="comment", least=12, rank=2),
    ),
    cells=lambda item, screen: (
        cell(item.get("state")),
        cell(item.get("matchers")),
        span_of(item, screen),
        cell(item.get("held")),
        cell(item.get("author")),
        cell(item.get("comment")),
    ),
    all_columns=(
        "id",
        "state",
        "matchers",
        "starts_at",
        "ends_at",
        "recur",
        "window",
        "held",
        "author",
        "comment",
    ),
)
PHASES = ("pending", "active", "expired")
_EVERY = re.compile(
    r"(?:(?P<days>[a-z:,-]+)\s+)?(?P<times>[0-9]{1,2}:[0-9]{2}-[0-9]{1,2}:[0-9]{2}(?:,[0-9:-]+)*)|(?P<only>[a-z:,-]+)"
)
_DAYS = {
    "daily": "mon:sun",
    "weekday": "mon:fri",
    "weekdays": "mon:fri",
    "weekend": "sat:sun",
    "weekends": "sat:sun",
}


def add(commands: Subparsers) -> None:
    silences = family(commands, "silences", "hold alerts back for a while")
    parser = command(silences, "list", list_page(PATH, SILENCES), "list silences, newest first")
    parser.add_argument("--state", choices=PHASES, help="only these")
    wide(parser)
    paged(parser)
    parser = command(silences, "show", show_silence, "show one silence")
    parser.add_argument("id", metavar="ID")
    _add_creation(silences)
    parser = command(silences, "preview", preview, "show what matchers meet now, without a silence")
    _matchers(parser)
    parser = command(silences, "extend", extend, "change the end of a silence")
    parser.add_argument("id", metavar="ID")
    add_until(parser, required=True)
    add_actor(parser)
    parser = command(
        silences,
        "end",
        end,
        "end a silence now; alerts of open incidents are sent",
        aliases=["expire", "delete"],
    )
    parser.add_argument("id", metavar="ID")
    add_actor(parser)


def _add_creation(silences: Subparsers) -> None:
    parser = command(silences, "add", create, "silence incidents that meet all matchers", aliases=["create"])
    _matchers(parser)
    parser.add_argument(
        "--comment", required=True, metavar="TEXT", help="the reason, for people who miss an alert"
    )
    parser.add_argument("--author", metavar="NAME", help="the owner (default: whoever creates it)")
    add_actor(parser)
    parser.add_argument("--start", type=when, metavar="WHEN", help="when it begins (default: now)")
    add_until(parser, required=False)
    parser.add_argument(
        "--every",
        type=weekly,
        metavar="HOURS",
        help="only during these hours of the week: 'sat,sun 22:00-06:00'",
    )
    parser.add_argument(
        "--zone", metavar="ZONE", help="the time zone of --every, such as Europe/Berlin (default: UTC)"
    )
    parser.add_argument("--force", action="store_true", help="even if it silences everything")


def _matchers(parser: Parser) -> None:
    parser.add_argument(
        "matchers", nargs="+", metavar="MATCHER", help="such as 'service=\"billing\"'; all must hold"
    )


def weekly(text: str) -> Mapping[str, Any]:
    """Parse `monday:friday,sun 22:00-06:00` or `mon-fri` into a silence's `recur`; days or hours may be omitted.

    Several ranges of hours are separated like days: `weekdays 09:00-12:00, 13:00-17:00`.
    """
    plain = re.sub(r"\s*([,:-])\s*", r"\1", re.sub("[\u2010-\u2015]", "-", text.strip().lower()))
    written = _EVERY.fullmatch(plain)
    if written is None:
        raise argparse.ArgumentTypeError("hours are written like 'mon:fri 22:00-06:00'")
    days = written["days"] or written["only"]
    recur: dict[str, Any] = {}
    if days:
        recur["weekdays"] = [_day_range(_DAYS.get(part, part)) for part in days.split(",")]
    if written["times"]:
        recur["times"] = [_hours_of(part) for part in written["times"].split(",")]
    return recur


def _hours_of(text: str) -> dict[str, str]:
    start, _, end = text.partition("-")
    return {"start_time": start.zfill(5), "end_time": end.zfill(5)}


def _day_range(text: str) -> str:
    """`monday:friday` for `mon-fri`."""
    numbers = [weekday(part) for part in re.split("[:-]", text)]
    if not 1 <= len(numbers) <= 2 or None in numbers:
        raise argparse.ArgumentTypeError("days are written like saturday, sat or mon:fri")
    return ":".join(WEEKDAYS[number] for number in numbers if number is not None)


def create(arguments: Arguments, session: CommandSession) -> Exit:
    if arguments.zone and arguments.every is None:
        raise CommandFailure(Exit.USAGE, "--zone says whose clocks --every means: give both, or neither.")
    body = _body(arguments, session)
    with connect(session, arguments.config) as service:
        made = service.post(PATH, body)
        _show(made, arguments, session)
        # The silence exists, whether or not the preview succeeds.
        try:
            seen = _preview_all(service, arguments)
            session.say(f"It meets {_count(seen)}.")
            _print_warnings(seen, arguments, session)
        except CommandFailure as failure:
            session.say(f"What it meets could not be asked: {failure}")
    return Exit.OK


def show_silence(arguments: Arguments, session: CommandSession) -> Exit:
    with connect(session, arguments.config) as service:
        _show(service.get(f"{PATH}/{segment(arguments.id)}"), arguments, session)
    return Exit.OK


def _show(silence: Mapping[str, Any], arguments: Arguments, session: CommandSession) -> None:
    """Print a silence; for a recurring one, also its window."""
    recur, window = silence.get("recur"), silence.get("window")
    row = dict(silence)
    if not arguments.json:
        row.pop("window", None)
        row["recur"] = _hours(recur) if isinstance(recur, Mapping) else recur
    show(row, arguments, session)
    if silence.get("recur") and silence.get("state") != "expired":
        session.say(_window_words(window, silence, session.screen()))


def _hours(recur: Mapping[str, Any]) -> str:
    """`saturday:sunday 22:00-06:00 Europe/Berlin`."""
    times = [
        f"{interval.get('start_time')}-{interval.get('end_time')}" for interval in recur.get("times") or ()
    ]
    dated = [recur.get(name) for name in ("days_of_month", "months", "years") if recur.get(name)]
    parts = [recur.get("weekdays"), *dated, times, recur.get("location")]
    return " ".join(cell(part) for part in parts if part)


def _window_words(window: object, silence: Mapping[str, Any], screen: Screen) -> str:
    if not isinstance(window, Mapping):
        return "Its window does not come any more."
    end = window.get("ends_at")
    until = "for ever" if end is None else f"until {screen.when(end)}"
    if silence.get("state") == "active":
        return f"It is on {until}."
    return f"It is on next from {screen.when(window.get('starts_at'))} {until}."


def span_of(silence: Mapping[str, Any], screen: Screen) -> str:
    """`until in 2h`, `from in 3d` or `ended 5h ago`, and the window of a recurring silence."""
    window, state = silence.get("window"), silence.get("state")
    recurs = isinstance(silence.get("recur"), Mapping)
    if state == "expired":
        return f"ended {screen.ago(silence.get('ends_at'))}"
    if recurs and not isinstance(window, Mapping):
        return "no more"
    span = window if recurs and isinstance(window, Mapping) else silence
    if state == "pending":
        return f"{'next' if recurs else 'from'} {screen.ago(span.get('starts_at'))}"
    end = span.get("ends_at")
    return f"on, ends {screen.ago(end)}" if end else "no end"


def _print_warnings(seen: Mapping[str, Any], arguments: Arguments, session: CommandSession) -> None:
    """Print a warning, with the argument as typed, for each matcher that matches no recent event."""
    for doubt in seen.get("warnings") or ():
        session.say(f"warning: {named(str(doubt.get('path')), arguments.matchers)}: {doubt.get('message')}")


def _body(arguments: Arguments, session: CommandSession) -> dict[str, Any]:
    recur = None if arguments.every is None else dict(arguments.every)
    if recur is not None and arguments.zone:
        recur["location"] = arguments.zone
    if arguments.start is not None:
        echo("From", arguments.start, session)
    given = {
        "matchers": arguments.matchers,
        "starts_at": None if arguments.start is None else str(arguments.start),
        "ends_at": until_of(arguments, session, arguments.start),
        "comment": arguments.comment,
        "author": arguments.author,
        "actor": actor_of(session, arguments.actor),
        "recur": recur,
        "force": arguments.force or None,
    }
    return {name: value for name, value in given.items() if value is not None}


def preview(arguments: Arguments, session: CommandSession) -> Exit:
    with connect(session, arguments.config) as service:
        seen = _preview_all(service, arguments)
    if arguments.json:
        session.put(as_json(seen))
        return Exit.OK
    if seen["incidents"]:
        session.put("\n".join(rows(seen["incidents"], session.screen(), wide=False)))
    session.say(f"They meet {_count(seen)}.")
    _print_warnings(seen, arguments, session)
    if seen.get("everything"):
        session.say("A silence like this would silence everything: it needs --force.")
    return Exit.OK


def _preview_all(service: ServiceClient, arguments: Arguments) -> Mapping[str, Any]:
    seen: Mapping[str, Any] = service.post(f"{PATH}/preview", {"matchers": arguments.matchers})
    counts = [seen.get(name) for name in ("matching", "unresolved")]
    if not (all(type(count) is int for count in counts) and isinstance(seen.get("incidents"), list)):
        raise CommandFailure(Exit.UNREACHABLE, UNEXPECTED_SERVER)
    return seen


def _count(seen: Mapping[str, Any]) -> str:
    number, whole = seen["unresolved"], seen.get("counted_all")
    which = f"the {'' if whole else 'newest '}{number} incident{'' if number == 1 else 's'}"
    return f"{seen['matching']} of {which} that {'is' if number == 1 else 'are'} not resolved"


def extend(arguments: Arguments, session: CommandSession) -> Exit:
    with connect(session, arguments.config) as service:
        path = f"{PATH}/{segment(arguments.id)}"
        before = service.get(path)
        body = {"ends_at": until_of(arguments, session), **actor_body(arguments, session)}
        changed = service.request("PATCH", path, json=body)
    _show(changed, arguments, session)
    if _end(changed) < _end(before):
        session.say(
            f"That is earlier than before: it would have ended at {before.get('ends_at') or 'no time'}."
        )
    return Exit.OK


def _end(silence: Mapping[str, Any]) -> float:
    ends_at = silence.get("ends_at")
    try:
        return float("inf") if ends_at is None else parse_rfc3339(str(ends_at))
    except ValueError:
        raise CommandFailure(Exit.UNREACHABLE, UNEXPECTED_SERVER) from None


def end(arguments: Arguments, session: CommandSession) -> Exit:
    with connect(session, arguments.config) as service:
        service.delete(f"{PATH}/{segment(arguments.id)}", actor_body(arguments, session))
    if arguments.json:
        session.put(as_json({"id": arguments.id, "ended": True}))
    session.say("Ended. What is open and was held by it alone is told now.")
    return Exit.OK
