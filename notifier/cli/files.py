"""Commands that work on files: `serve`, `check`, `schema`; and `backup`, which writes one."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from notifier.cli import formats
from notifier.cli.options import Arguments, Subparsers, command, port
from notifier.cli.service import connect
from notifier.cli.session import CommandFailure, CommandSession, Exit, writing
from notifier.cli.text import as_json

BACKUP_SECONDS = 300
_NO_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK})


def add(commands: Subparsers) -> None:
    parser = command(commands, "serve", serve, "run the service", prints=False)
    parser.add_argument(
        "--port",
        type=port,
        metavar="N",
        help="listen on this port instead of the configured one; 0 picks a free one",
    )
    parser.add_argument(
        "--hold",
        action="store_true",
        help="start on hold: deliveries, the fallback and escalation wait for `notifier release`",
    )
    checking = command(
        commands, "check", check, "report every problem in the configuration; exits 1 if there is one"
    )
    checking.add_argument(
        "--format", metavar="NAME", help="show the events that this format of /v1/ingest makes of a body"
    )
    checking.add_argument(
        "--sample",
        metavar="FILE",
        type=Path,
        help="with --format: the body (- is standard input; default: the format's own sample)",
    )
    command(commands, "schema", schema, "print the JSON Schema of the configuration")


def add_backup(commands: Subparsers) -> None:
    parser = command(
        commands, "backup", backup, "write a copy of the running service's database to a new file"
    )
    parser.add_argument("file", metavar="FILE|-", type=Path, help="- is standard output")


def serve(arguments: Arguments, session: CommandSession) -> Exit:
    status = session.local().serve(arguments.config, port=arguments.port, hold=arguments.hold)
    return Exit(status) if status in set(Exit) else Exit.NO


def check(arguments: Arguments, session: CommandSession) -> Exit:
    if arguments.format is not None:
        return formats.check(arguments, session)
    if arguments.sample is not None:
        raise CommandFailure(Exit.USAGE, "--sample is the body of a format: name it with --format.")
    errors, warnings = (
        tuple(map(str, part)) for part in session.local().check(arguments.config, session.environ)
    )
    if arguments.json:
        session.put(as_json({"errors": errors, "warnings": warnings}))
    else:
        for line in (*errors, *(f"{warning} (warning)" for warning in warnings)):
            session.put(line)
    session.say("The configuration has problems." if errors else "The configuration is good.")
    return Exit.NO if errors else Exit.OK


def schema(arguments: Arguments, session: CommandSession) -> Exit:
    del arguments
    session.put(as_json(session.local().schema()))
    return Exit.OK


def backup(arguments: Arguments, session: CommandSession) -> Exit:
    target: Path = arguments.file
    if str(target) == "-":
        return _backup_to(session, arguments)
    if target.exists():
        raise CommandFailure(Exit.USAGE, "a file of that name exists: a backup never overwrites one.")
    with (
        connect(session, arguments.config, seconds=BACKUP_SECONDS) as service,
        service.stream("POST", "/v1/backup") as chunks,
    ):
        size = _write(target, chunks)
    if arguments.json:
        session.put(as_json({"file": str(target), "bytes": size}))
    session.say(f"Wrote {size:,} bytes.")
    return Exit.OK


def _backup_to(session: CommandSession, arguments: Arguments) -> Exit:
    """Write the backup to standard output. If it fails midway, the exit status says that the output is incomplete."""
    if session.stdout.isatty() or arguments.json:
        raise CommandFailure(
            Exit.USAGE, "a backup is no text: redirect it, as in `notifier backup - > copy.db`."
        )
    out = getattr(session.stdout, "buffer", None)
    if out is None:
        raise CommandFailure(Exit.USAGE, "standard output takes no bytes here: name a file.")
    with (
        connect(session, arguments.config, seconds=BACKUP_SECONDS) as service,
        service.stream("POST", "/v1/backup") as chunks,
        writing(),
    ):
        size = sum(out.write(chunk) for chunk in chunks)
        out.flush()
    session.say(f"Wrote {size:,} bytes.")
    return Exit.OK


def _write(target: Path, chunks: Iterator[bytes]) -> int:
    """Write a file atomically: a temporary file with mode 600 is renamed once it is on the disk."""
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        with open(part, "xb", opener=_private) as file:
            size = sum(map(file.write, chunks))
            file.flush()
            os.fsync(file.fileno())
        give_name(part, target)
    except FileExistsError as error:
        raise CommandFailure(
            Exit.USAGE, "a file of that name came up meanwhile; it was left alone."
        ) from error
    except OSError as error:
        raise CommandFailure(Exit.USAGE, f"the backup cannot be written: {error.strerror}.") from error
    finally:
        with suppress(OSError):  # what has just been said
            part.unlink(missing_ok=True)
    return size


def give_name(part: Path, target: Path, link: Callable[[Path, Path], None] = os.link) -> None:
    """Give the file a name that must be free: by a hard link, or by renaming if the disk has no links."""
    try:
        link(part, target)
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        with open(target, "xb", opener=_private):
            part.replace(target)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
