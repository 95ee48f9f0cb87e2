"""`notifier silences`: keep alerts quiet for a while, see what that would meet, extend it, end it."""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping
from typing import Any

from notifier.cli.lists import listing, show, showing
from notifier.cli.moments import add_until, until_of
from notifier.cli.options import Arguments, Parser, Subparsers, command, family, paged, segment
from notifier.cli.service import STRANGER, Service, connect
from notifier.cli.session import Exit, Failure, Session
from notifier.cli.words import as_json, table
from notifier.domain.time import parse_rfc3339

PATH = "/v1/silences"
COLUMNS = ("id", "state", "matchers", "starts_at", "ends_at", "held", "author", "comment")
MATCHING = ("number", "state", "severity", "count", "title")
PHASES = ("pending", "active", "expired")
_EVERY = re.compile(r"(?:(?P<days>[a-z:,]+)\s+)?(?P<start>[0-9:]{5})-(?P<end>[0-9:]{5})|(?P<only>[a-z:,]+)")


def add(commands: Subparsers) -> None:
    silences = family(commands, "silences", "keep alerts quiet for a while")
    parser = command(silences, "list", listing(PATH, COLUMNS), "list silences, newest first")
    parser.add_argument("--state", choices=PHASES, help="only these")
    paged(parser)
    parser = command(silences, "show", showing(PATH), "show one silence")
    parser.add_argument("id", metavar="ID")
    _add_creation(silences)
    parser = command(silences, "preview", preview, "show what matchers meet now, and silence nothing")
    _matchers(parser)
    parser = command(silences, "extend", extend, "let a silence end at another time")
    parser.add_argument("id", metavar="ID")
    add_until(parser, required=True)
    parser = command(silences, "end", end, "end a silence now; what is open and was held is told")
    parser.add_argument("id", metavar="ID")


def _add_creation(silences: Subparsers) -> None:
    parser = command(silences, "add", create, "silence what meets all matchers")
    _matchers(parser)
    parser.add_argument(
        "--comment", required=True, metavar="TEXT", help="why; whoever misses an alert reads it"
    )
    parser.add_argument("--author", metavar="NAME", help="whose it is (default: the key's name)")
    parser.add_argument("--start", metavar="WHEN", help="when it begins (default: now)")
    add_until(parser, required=False)
    parser.add_argument(
        "--every",
        type=weekly,
        metavar="HOURS",
        help="only at these hours of a week: 'saturday,sunday 22:00-06:00'",
    )
    parser.add_argument(
        "--zone", metavar="ZONE", help="whose clocks --every means: Europe/Berlin (default: UTC)"
    )
    parser.add_argument("--force", action="store_true", help="even if it silences everything")


def _matchers(parser: Parser) -> None:
    parser.add_argument(
        "matchers", nargs="+", metavar="MATCHER", help="such as 'service=\"billing\"'; all must hold"
    )


def weekly(text: str) -> Mapping[str, Any]:
    """`monday:friday,sunday 22:00-06:00` as a silence's `recur`; days or hours may be left out."""
    found = _EVERY.fullmatch(text.strip().lower())
    if found is None:
        raise argparse.ArgumentTypeError("hours are written like 'monday:friday 22:00-06:00'")
    days = found["days"] or found["only"]
    recur: dict[str, Any] = {}
    if days:
        recur["weekdays"] = days.split(",")
    if found["start"]:
        recur["times"] = [{"start_time": found["start"], "end_time": found["end"]}]
    return recur


def create(arguments: Arguments, session: Session) -> Exit:
    if arguments.zone and arguments.every is None:
        raise Failure(Exit.USAGE, "--zone says whose clocks --every means: give both, or neither.")
    with connect(session, arguments.config) as service:
        show(service.post(PATH, _body(arguments)), arguments, session)
        # It is made, whatever becomes of the question.
        try:
            session.say(f"It meets {_count(_met(service, arguments))}.")
        except Failure as failure:
            session.say(f"What it meets could not be asked: {failure}")
    return Exit.OK


def _body(arguments: Arguments) -> dict[str, Any]:
    recur = None if arguments.every is None else dict(arguments.every)
    if recur is not None and arguments.zone:
        recur["location"] = arguments.zone
    given = {
        "matchers": arguments.matchers,
        "starts_at": arguments.start,
        "ends_at": until_of(arguments),
        "comment": arguments.comment,
        "author": arguments.author,
        "recur": recur,
        "force": arguments.force or None,
    }
    return {name: value for name, value in given.items() if value is not None}


def preview(arguments: Arguments, session: Session) -> Exit:
    with connect(session, arguments.config) as service:
        seen = _met(service, arguments)
    if arguments.json:
        session.put(as_json(seen))
        return Exit.OK
    if seen["incidents"]:
        session.put(table(seen["incidents"], MATCHING))
    session.say(f"They meet {_count(seen)}.")
    if seen.get("everything"):
        session.say("A silence like this would silence everything: it needs --force.")
    return Exit.OK


def _met(service: Service, arguments: Arguments) -> Mapping[str, Any]:
    seen: Mapping[str, Any] = service.post(f"{PATH}/preview", {"matchers": arguments.matchers})
    counts = [seen.get(name) for name in ("matching", "unresolved")]
    if not (all(type(count) is int for count in counts) and isinstance(seen.get("incidents"), list)):
        raise Failure(Exit.UNREACHABLE, STRANGER)
    return seen


def _count(seen: Mapping[str, Any]) -> str:
    number, whole = seen["unresolved"], seen.get("counted_all")
    which = f"the {'' if whole else 'newest '}{number} incident{'' if number == 1 else 's'}"
    return f"{seen['matching']} of {which} that {'is' if number == 1 else 'are'} not resolved"


def extend(arguments: Arguments, session: Session) -> Exit:
    with connect(session, arguments.config) as service:
        path = f"{PATH}/{segment(arguments.id)}"
        before = service.get(path)
        changed = service.request("PATCH", path, json={"ends_at": until_of(arguments)})
    show(changed, arguments, session)
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
        raise Failure(Exit.UNREACHABLE, STRANGER) from None


def end(arguments: Arguments, session: Session) -> Exit:
    with connect(session, arguments.config) as service:
        service.delete(f"{PATH}/{segment(arguments.id)}")
    if arguments.json:
        session.put(as_json({"id": arguments.id, "ended": True}))
    session.say("Ended. What is open and was held by it alone is told now.")
    return Exit.OK
