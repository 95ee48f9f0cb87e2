"""`notifier data export` and `data delete`: all data about a label's value or a person."""

from __future__ import annotations

from typing import Any

from notifier.cli.actions import add_actor
from notifier.cli.options import Arguments, Parser, Subparsers, command, family
from notifier.cli.resources import actor_body
from notifier.cli.service import connect
from notifier.cli.session import CommandFailure, CommandSession, Exit
from notifier.cli.text import as_json, table

SECONDS = 3_600.0
"""The timeout in seconds: every table is read."""


def add(commands: Subparsers) -> None:
    data = family(commands, "data", "export or remove the data about a label's value or a person")
    exporting = command(
        data, "export", export, "print every matching row, one JSON object a line", prints=False
    )
    _about(exporting)
    deleting = command(
        data, "delete", delete, "show what would be removed, and with --yes remove it for good"
    )
    _about(deleting)
    deleting.add_argument("--yes", action="store_true", help="remove it; only a backup can undo this")
    add_actor(deleting)


def _about(parser: Parser) -> None:
    subject = parser.add_mutually_exclusive_group(required=True)
    subject.add_argument(
        "--label", metavar="NAME=VALUE", help="incidents with this label, and everything that belongs to them"
    )
    subject.add_argument("--person", metavar="WORDS", help="every text that contains this name")


def export(arguments: Arguments, session: CommandSession) -> Exit:
    count, rest = 0, b""
    with (
        connect(session, arguments.config, seconds=SECONDS) as service,
        service.stream("POST", "/v1/data/export", _subject(arguments)) as chunks,
    ):
        for chunk in chunks:
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                session.put(line.decode())
            count += len(lines)
    session.say(f"{count:,} rows.")
    return Exit.OK


def delete(arguments: Arguments, session: CommandSession) -> Exit:
    asked = {**_subject(arguments), **actor_body(arguments, session), "dry_run": not arguments.yes}
    with connect(session, arguments.config, seconds=SECONDS) as service:
        done = service.post("/v1/data/delete", asked)
    if arguments.json:
        session.put(as_json(done))
    elif _rows(done):
        session.put(table(_rows(done), ("rows", "table", "what")))
    if not _rows(done):
        session.say("Nothing is kept about it.")
    elif arguments.yes:
        session.say("Removed. Backups that were made before still have it.")
    else:
        session.say("Nothing was removed yet: say --yes to remove this for good.")
    return Exit.OK


def _subject(arguments: Arguments) -> dict[str, Any]:
    if arguments.person is not None:
        return {"person": arguments.person}
    name, equals, value = arguments.label.partition("=")
    if not (name and equals and value):
        raise CommandFailure(Exit.USAGE, "a label is written NAME=VALUE.")
    return {"label": name, "value": value}


def _rows(done: Any) -> list[dict[str, Any]]:
    return [
        {"rows": count, "table": name, "what": what}
        for what, key in (("gone", "removed"), ("taken out", "redacted"))
        for name, count in sorted(done[key].items())
    ]
