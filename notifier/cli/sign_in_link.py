"""`notifier sign-in-link`: a one-time link that signs in to the pages."""

from __future__ import annotations

from notifier.cli.actions import add_actor
from notifier.cli.options import Arguments, Subparsers, command
from notifier.cli.resources import actor_body
from notifier.cli.service import address, connect
from notifier.cli.session import CommandSession, Exit
from notifier.cli.text import as_json


def add(commands: Subparsers) -> None:
    parser = command(commands, "sign-in-link", sign_in_link, "create a link that signs in to the pages once")
    add_actor(parser)


def sign_in_link(arguments: Arguments, session: CommandSession) -> Exit:
    with connect(session, arguments.config) as service:
        made = service.post("/v1/sign-in-links", actor_body(arguments, session))
    url = made["url"] or f"{address(session, arguments.config).rstrip('/')}{made['path']}"
    session.put(as_json({**made, "url": url}) if arguments.json else url)
    session.say("It signs in with your key, once, within ten minutes: open it in your browser.")
    return Exit.OK
