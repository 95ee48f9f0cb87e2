"""The command line. `main` is the script `notifier`.

Commands are clients of the running service and need httpx alone; `serve`, `check`, `schema`, `db upgrade` and `keys
create --offline` work on files and need the extra `server`. The parser is argparse: it needs no dependency, and
`--help` takes a quarter of the time of typer or click.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from functools import cache

from notifier.cli import (
    completion,
    data,
    databases,
    demo,
    doctor,
    events,
    explain,
    files,
    grouping,
    hold,
    init,
    jobs,
    keys,
    manual,
    probes,
    resources,
    running,
    sign_in_link,
    silences,
    stats,
)
from notifier.cli.durations import with_until_joined
from notifier.cli.options import Parser, with_list_inserted
from notifier.cli.session import CommandFailure, CommandSession, Exit
from notifier.domain.errors import ConfigError, NotifierError, StoreUnavailable

EPILOG = """\
environment:
  NOTIFIER_URL       the service's address (default: http://127.0.0.1:8000)
  NOTIFIER_KEY       the API key; or NOTIFIER_KEY_FILE, a file that holds it
  NOTIFIER_ACTOR     who acts (default: your login name)
  NOTIFIER_CONFIG    the configuration file, if --config does not name one
  NO_COLOR           never use colours

Your own file, $XDG_CONFIG_HOME/notifier/client.toml, can set url, key_file and actor; the environment overrides it.

exit status:
  0  done                    3  the service cannot be reached or is too busy: try again later
  1  the answer is no        4  the key was refused
  2  wrong usage or configuration, whether the command or the service says so
  70   serve: a write failed half-way, or a loop stalled; start it again
  130  interrupted           141  the reader of the output has closed it

Results go to standard output, messages to standard error."""


@cache
def parser() -> Parser:
    """The parser with every command."""
    top = Parser(
        prog="notifier",
        description="Error reports in, alerts out. Commands ask the running service.",
        epilog=EPILOG,
    )
    top.add_argument("--version", action="store_true", help="print the version")
    top.set_defaults(run=None, parser=None, config=None, json=False)
    commands = top.add_subparsers(title="commands", metavar="COMMAND [options]")
    files.add(commands)
    databases.add(commands)
    data.add(commands)
    init.add(commands)
    demo.add(commands)
    events.add(commands)
    jobs.add(commands)
    keys.add(commands)
    sign_in_link.add(commands)
    probes.add(commands)
    resources.add(commands)
    silences.add(commands)
    running.add(commands)
    explain.add(commands)
    grouping.add(commands)
    stats.add(commands)
    hold.add(commands)
    doctor.add(commands)
    files.add_backup(commands)
    manual.add(commands)
    completion.add(commands, top)
    return top


def run(arguments: Sequence[str], session: CommandSession) -> int:
    """Run one command and return its exit status. argparse raises SystemExit(2) on wrong usage."""
    top = parser()
    given, unknown = top.parse_known_args(_normalized(arguments))
    if unknown:
        (given.parser or top).error(f"this is no part of it: {' '.join(unknown)}")
    try:
        if given.version:
            return _version(session)
        if given.run is None:
            top.error("name a command")
        return int(given.run(given, session))
    except CommandFailure as failure:
        session.say(f"notifier: {failure}")
        return failure.status
    except BrokenPipeError:
        raise
    except (ConfigError, OSError) as error:
        session.say(_unusable(error))
        return Exit.USAGE
    except NotifierError as error:
        session.say(f"notifier: {error}")
        return Exit.UNREACHABLE if isinstance(error, StoreUnavailable) else Exit.USAGE
    except KeyboardInterrupt:
        session.say("notifier: interrupted.")
        return Exit.INTERRUPTED


def _unusable(error: ConfigError | OSError) -> str:
    if isinstance(error, ConfigError):
        return f"{error}\nnotifier: the configuration cannot be used; `notifier check` shows this again."
    if not isinstance(error, PermissionError):
        return f"notifier: {error.filename or 'a file'} cannot be used: {error.strerror or error}."
    return (
        f"notifier: this user may not open {error.filename or 'a file'}: run the command as the user that owns it, "
        "the service's as a rule, in a folder that it may read."
    )


def _normalized(arguments: Sequence[str]) -> list[str]:
    """The arguments in the parser's form; those after `--` are left unchanged."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    return [*with_until_joined(with_list_inserted(arguments[:end])), *arguments[end:]]


def main() -> int:
    """The script: uses this process's arguments, environment and streams."""
    _open_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    session = CommandSession(environ=os.environ, stdin=sys.stdin.buffer, stdout=sys.stdout, stderr=sys.stderr)
    try:
        return run(sys.argv[1:], session)
    except BrokenPipeError:
        return Exit.BROKEN_PIPE
    finally:
        _discard_output()


def _open_closed_streams() -> None:
    """Open the standard streams that the parent has closed, on /dev/null.

    Otherwise the next file opened, perhaps a database, would get the descriptor of standard output.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # `open` returns the lowest free descriptor.
            os.open(os.devnull, os.O_WRONLY if number == 2 else os.O_RDONLY)
    if sys.stdin is None:
        sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    if sys.stdout is None:
        sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    if sys.stderr is None:
        sys.stderr = os.fdopen(2, "w", encoding="utf-8", closefd=False)


def _discard_output() -> None:
    """Discard buffered output, which would raise again when the interpreter closes the stream."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _version(session: CommandSession) -> Exit:
    from importlib.metadata import PackageNotFoundError, version

    try:
        session.put(version("notifier-alerting"))
    except PackageNotFoundError:
        session.put("unknown")
    return Exit.OK
