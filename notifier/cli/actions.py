"""`notifier incidents ack`, `unack`, `snooze`, `unsnooze`, `resolve`, `reopen`, `note`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from notifier.cli.clientfile import actor_of
from notifier.cli.durations import add_until, until_of
from notifier.cli.incident_rows import rows
from notifier.cli.options import Arguments, Parser, Run, Subparsers, command, segment
from notifier.cli.service import ServiceClient, connect
from notifier.cli.session import CommandFailure, CommandSession, Exit
from notifier.cli.text import as_json

_SKIPPED = {
    "unknown": "there is no such incident",
    "resolved": "it is resolved",
    "already": "that was done before",
    "taken": "somebody else has it",
}
_DONE = {
    "acknowledge": "is acknowledged",
    "unacknowledge": "is nobody's now",
    "snooze": "is snoozed",
    "unsnooze": "is told of again",
    "resolve": "is resolved",
    "reopen": "is open again",
    "notes": "has your note",
}


def add(commands: Subparsers) -> None:
    """Add the commands to the family `incidents`."""
    add_acknowledge(commands, "ack", aliases=["acknowledge"])
    _command(commands, "unacknowledge", "say that nobody has them any more", aliases=["unack"])
    parser = _many(commands, "snooze", "tell nothing but their resolution for a while")
    add_until(parser, required=True)
    _command(commands, "unsnooze", "end their snooze: what is still open is told")
    _many(commands, "resolve", "resolve incidents")
    _command(commands, "reopen", "reopen incidents, or remove their owner")
    parser = command(commands, "note", note, "add a note to an incident's timeline")
    parser.add_argument("id", metavar="ID")
    parser.add_argument("text", metavar="TEXT")
    add_actor(parser)


def add_acknowledge(commands: Subparsers, name: str, *, aliases: Sequence[str] = ()) -> None:
    """Add `incidents ack`, or `ack` alone, the shortest form."""
    parser = _many(
        commands,
        name,
        "acknowledge incidents: repeats and escalation stop",
        action="acknowledge",
        aliases=aliases,
    )
    add_until(parser, required=False)
    parser.add_argument("--take-over", action="store_true", help="take incidents over from somebody else")


def _many(
    commands: Subparsers, name: str, summary: str, *, action: str | None = None, aliases: Sequence[str] = ()
) -> Parser:
    """A command that also takes a query, and then acts on all matches in one request."""
    parser = _command(
        commands, name, summary, run=act_on_selection(action or name), least="*", aliases=aliases
    )
    parser.add_argument(
        "--query", metavar="Q", help="act on unresolved incidents that match: 'service=\"billing\" timeout'"
    )
    return parser


def _command(
    commands: Subparsers,
    name: str,
    summary: str,
    *,
    run: Run | None = None,
    least: str = "+",
    aliases: Sequence[str] = (),
) -> Parser:
    parser = command(commands, name, run or act_on_each(name), summary, aliases=aliases)
    parser.add_argument(
        "ids", nargs=least, metavar="ID", help="incident numbers, ids, or the last six characters of an id"
    )
    add_actor(parser)
    parser.set_defaults(until=None, span=None, take_over=False)
    return parser


def add_actor(parser: Parser) -> None:
    parser.add_argument(
        "--actor", metavar="NAME", help="who acts (default: NOTIFIER_ACTOR, else your login name)"
    )


def act_on_each(action: str) -> Run:
    """A command that performs the act on each incident, and continues after one that is refused."""

    def run(arguments: Arguments, session: CommandSession) -> Exit:
        body = _body(arguments, session, until=until_of(arguments, session))
        if arguments.take_over:
            body["take_over"] = True
        done, refused = [], 0
        with connect(session, arguments.config) as service:
            for id_ in dict.fromkeys(arguments.ids):
                try:
                    done.append(_act(service, id_, action, body))
                except CommandFailure as failure:
                    if failure.status not in {Exit.NO, Exit.USAGE} or len(arguments.ids) == 1:
                        raise
                    session.say(f"notifier: {id_}: {failure}")
                    refused += 1
        _show(done, action, arguments, session, alone=len(arguments.ids) == 1)
        return Exit.NO if refused else Exit.OK

    return run


def act_on_selection(action: str) -> Run:
    """A command that performs the act on the named incidents, or on those that match `--query`."""

    def run(arguments: Arguments, session: CommandSession) -> int:
        if arguments.query is None and arguments.ids:
            return act_on_each(action)(arguments, session)
        if arguments.query is None:
            raise CommandFailure(
                Exit.USAGE, "name incidents by their numbers or ids, or find them by --query."
            )
        if arguments.ids:
            raise CommandFailure(Exit.USAGE, "give ids or --query, not both.")
        if arguments.take_over:
            raise CommandFailure(
                Exit.USAGE, "--take-over is for ids: what others have is not taken by the dozen"
            )
        body = _body(arguments, session, until=until_of(arguments, session), q=arguments.query)
        with connect(session, arguments.config) as service:
            answer = service.post(f"/v1/incidents/{action}", body)
        _show_many(answer, arguments, session)
        return Exit.NO if answer["skipped"] else Exit.OK

    return run


def _show_many(answer: Any, arguments: Arguments, session: CommandSession) -> None:
    if arguments.json:
        session.put(as_json(answer))
        return
    session.put(f"done: {answer['done']}")
    for skipped in answer["skipped"]:
        session.put(f"skipped: {skipped['id']} ({_SKIPPED[skipped['reason']]})")


def note(arguments: Arguments, session: CommandSession) -> Exit:
    with connect(session, arguments.config) as service:
        done = _act(service, arguments.id, "notes", _body(arguments, session, text=arguments.text))
    _show([done], "notes", arguments, session, alone=True)
    return Exit.OK


def _body(arguments: Arguments, session: CommandSession, **fields: str | None) -> dict[str, Any]:
    given = {**fields, "actor": actor_of(session, arguments.actor)}
    return {name: value for name, value in given.items() if value is not None}


def _act(service: ServiceClient, id_: str, action: str, body: Mapping[str, Any]) -> Any:
    try:
        return service.post(f"/v1/incidents/{segment(id_)}/{action}", body)
    except CommandFailure as failure:
        raise CommandFailure(failure.status, str(failure).replace("`take_over`", "--take-over")) from failure


def _show(
    done: Sequence[Any], action: str, arguments: Arguments, session: CommandSession, *, alone: bool
) -> None:
    """Print the incidents after the act."""
    if arguments.json:
        session.put(as_json(done[0] if alone else {"items": done}))
    elif done:
        session.put("\n".join(rows(done, session.screen(), wide=False)))
        session.say(f"{'It' if len(done) == 1 else 'Each'} {_DONE[action]}.")
