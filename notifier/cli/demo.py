"""`notifier demo`: the service, an inbox and a sample application in one command."""

from __future__ import annotations

from notifier.cli.options import Arguments, Subparsers, command, port
from notifier.cli.session import CommandSession, Exit

EPILOG = """\
It needs nothing and leaves nothing behind: a new SQLite file, an inbox in the place of mail, Slack and webhooks, and
an application to send requests to, all on this machine. It prints their addresses and lines to try, shows what the
service sends, and runs until Ctrl-C. It needs the extra `demo`."""


def add(commands: Subparsers) -> None:
    parser = command(
        commands, "demo", demo, "try it: the service, an inbox and a sample application", prints=False
    )
    parser.epilog = EPILOG
    for option, default, what in (
        ("--port", 8000, "the service's"),
        ("--app-port", 8001, "the sample application's"),
        ("--inbox-port", 8025, "the inbox's"),
    ):
        parser.add_argument(
            option, type=port, default=default, metavar="N", help=f"{what} port (default {default}; 0: any)"
        )


def demo(arguments: Arguments, session: CommandSession) -> Exit:
    status = session.local().demo(
        port=arguments.port,
        app_port=arguments.app_port,
        inbox_port=arguments.inbox_port,
        out=session.stdout,
        environ=session.environ,
    )
    return Exit(status)
