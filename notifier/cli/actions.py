"""`notifier incidents acknowledge`, `snooze`, `resolve`, `reopen`, `note`: what people do to incidents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from notifier.cli.moments import add_until, until_of
from notifier.cli.options import Arguments, Parser, Run, Subparsers, command, segment
from notifier.cli.service import Service, connect
from notifier.cli.session import Exit, Failure, Session
from notifier.cli.words import as_json, table

_SKIPPED = {
    "unknown": "there is no such incident",
    "resolved": "it is resolved",
    "already": "that was done before",
    "taken": "somebody else has it",
}
COLUMNS = ("number", "id", "state", "severity", "count", "acknowledged_by", "title")


def add(commands: Subparsers) -> None:
    """Into the family `incidents`."""
    parser = _many(commands, "acknowledge", "say that you have incidents: repeats and escalation stop")
    add_until(parser, required=False)
    parser = _many(commands, "snooze", "tell nothing but their resolution for a while")
    add_until(parser, required=True)
    _many(commands, "resolve", "say that incidents are over")
    _command(commands, "reopen", "say that incidents are not over, or that nobody has them any more")
    parser = command(commands, "note", note, "write a note into an incident's timeline")
    parser.add_argument("id", metavar="ID")
    parser.add_argument("text", metavar="TEXT")
    _signed(parser)


def _many(commands: Subparsers, name: str, summary: str) -> Parser:
    """A command that takes a query as well, and then acts on all that it finds in one call."""
    parser = _command(commands, name, summary, run=found_or_named(name), least="*")
    parser.add_argument(
        "--query", metavar="Q", help="on what is unresolved and matches: 'service=\"billing\" timeout'"
    )
    return parser


def _command(
    commands: Subparsers, name: str, summary: str, *, run: Run | None = None, least: str = "+"
) -> Parser:
    parser = command(commands, name, run or acting(name), summary)
    parser.add_argument("ids", nargs=least, metavar="ID", help="ids or numbers")
    _signed(parser)
    parser.set_defaults(until=None, span=None)
    return parser


def _signed(parser: Parser) -> None:
    parser.add_argument("--actor", metavar="NAME", help="who does it (default: the key's name)")


def acting(action: str) -> Run:
    """A command that does this to each incident; one that refuses does not keep it from the others."""

    def run(arguments: Arguments, session: Session) -> Exit:
        body = _body(arguments, until=until_of(arguments))
        done, refused = [], 0
        with connect(session, arguments.config) as service:
            for id_ in dict.fromkeys(arguments.ids):
                try:
                    done.append(_act(service, id_, action, body))
                except Failure as failure:
                    if failure.status is not Exit.NO or len(arguments.ids) == 1:
                        raise
                    session.say(f"notifier: {id_}: {failure}")
                    refused += 1
        _show(done, arguments, session, alone=len(arguments.ids) == 1)
        return Exit.NO if refused else Exit.OK

    return run


def found_or_named(action: str) -> Run:
    """A command that does this to the incidents that are named, or to those that `--query` finds."""

    def run(arguments: Arguments, session: Session) -> Exit:
        if arguments.query is None and arguments.ids:
            return acting(action)(arguments, session)
        if arguments.query is None or arguments.ids:
            raise Failure(Exit.USAGE, "give ids, or --query, and not both")
        body = _body(arguments, until=until_of(arguments), q=arguments.query)
        with connect(session, arguments.config) as service:
            answer = service.post(f"/v1/incidents/{action}", body)
        _show_many(answer, arguments, session)
        return Exit.NO if answer["skipped"] else Exit.OK

    return run


def _show_many(answer: Any, arguments: Arguments, session: Session) -> None:
    if arguments.json:
        session.put(as_json(answer))
        return
    session.put(f"done: {answer['done']}")
    for skipped in answer["skipped"]:
        session.put(f"skipped: {skipped['id']} ({_SKIPPED[skipped['reason']]})")


def note(arguments: Arguments, session: Session) -> Exit:
    with connect(session, arguments.config) as service:
        done = _act(service, arguments.id, "notes", _body(arguments, text=arguments.text))
    _show([done], arguments, session, alone=True)
    return Exit.OK


def _body(arguments: Arguments, **fields: str | None) -> dict[str, str]:
    given = {**fields, "actor": arguments.actor}
    return {name: value for name, value in given.items() if value is not None}


def _act(service: Service, id_: str, action: str, body: Mapping[str, str]) -> Any:
    return service.post(f"/v1/incidents/{segment(id_)}/{action}", body)


def _show(done: Sequence[Any], arguments: Arguments, session: Session, *, alone: bool) -> None:
    """The incidents as they are now."""
    if arguments.json:
        session.put(as_json(done[0] if alone else {"items": done}))
    elif done:
        session.put(table(done, COLUMNS))
