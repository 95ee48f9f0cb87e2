"""`notifier release`: end the hold of `serve --hold`."""

from __future__ import annotations

from typing import Any

from notifier.cli.actions import add_actor
from notifier.cli.options import Arguments, Subparsers, command
from notifier.cli.resources import actor_body
from notifier.cli.service import connect
from notifier.cli.session import CommandSession, Exit
from notifier.cli.text import as_json, table


def add(commands: Subparsers) -> None:
    parser = command(
        commands, "release", release, "end the hold: send pending messages and resume escalation"
    )
    parser.add_argument("--dry-run", action="store_true", help="show what would be sent, and keep the hold")
    add_actor(parser)


def release(arguments: Arguments, session: CommandSession) -> Exit:
    with connect(session, arguments.config) as service:
        before = service.get("/v1/hold")
        after = (
            before if arguments.dry_run else service.post("/v1/hold/release", actor_body(arguments, session))
        )
    if arguments.json:
        session.put(as_json(after))
    elif before["items"]:
        session.put(table(before["items"], ("count", "channel", "route")))
    session.say(
        _summary(before, after, session.screen().when(before.get("since")), dry_run=arguments.dry_run)
    )
    return Exit.OK


def _summary(before: Any, after: Any, since: str, *, dry_run: bool) -> str:
    if not before["held"]:
        return "Nothing was on hold."
    if dry_run:
        return f"On hold since {since}; `notifier release` would send {_deliveries(before['pending'])}."
    return f"Released: {_deliveries(after['released'])}."


def _deliveries(count: int) -> str:
    return f"{count:,} {'delivery' if count == 1 else 'deliveries'}"
