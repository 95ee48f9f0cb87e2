"""Commands on the database while no service uses it: `db upgrade`, `db check`, `db copy`, `restore`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from notifier.cli.options import Arguments, Subparsers, command, family
from notifier.cli.session import CommandFailure, CommandSession, Exit
from notifier.cli.text import as_json, table


def add(commands: Subparsers) -> None:
    database = family(commands, "db", "maintain the database")
    command(database, "upgrade", upgrade, "upgrade the database's tables")
    command(
        database,
        "check",
        check,
        "look for damage, dangling references and books that do not balance; exits 1 if it finds any",
    )
    copying = command(
        database,
        "copy",
        copy,
        "copy everything into an empty database, SQLite or PostgreSQL, and compare the books",
    )
    where = copying.add_mutually_exclusive_group(required=True)
    where.add_argument("--to", metavar="URL", help="sqlite:///other.db, or postgresql://user@host/name")
    where.add_argument(
        "--to-file", metavar="FILE", type=Path, help="a file that contains the URL, if it has a password"
    )
    restoring = command(
        commands,
        "restore",
        restore,
        "replace the database with a backup, on hold: nothing is sent before a release",
    )
    restoring.add_argument("file", metavar="FILE", type=Path, help="a file that `notifier backup` wrote")
    restoring.add_argument(
        "--replace",
        action="store_true",
        help="replace an existing database; notifier keeps it next to the restored one",
    )


def upgrade(arguments: Arguments, session: CommandSession) -> Exit:
    made = session.local().new_database(arguments.config, session.environ)
    result = session.local().upgrade(arguments.config, session.environ)
    report_new_database(made, session)
    session.put(as_json({"result": result}) if arguments.json else result)
    return Exit.OK


def report_new_database(made: str | None, session: CommandSession) -> None:
    """Report that a database was created: the path may be mistyped."""
    if made is not None:
        session.say(f"There was no database: a new one was made at {made}.")


def check(arguments: Arguments, session: CommandSession) -> Exit:
    found = session.local().check_database(arguments.config, session.environ)
    books = found.books
    if arguments.json:
        session.put(
            as_json(
                {
                    "sound": found.sound,
                    "flaws": [asdict(flaw) for flaw in found.flaws],
                    "balanced": books.exact.balanced,
                    "differences": [asdict(difference) for difference in books.differences],
                }
            )
        )
    for flaw in found.flaws:
        session.say(_flaw(flaw))
    if not books.exact.balanced:
        session.say(
            f"The books do not balance: {books.exact.accepted:,} events were accepted, incidents count "
            f"{books.exact.counted:,} and {books.exact.pruned_events:,} were pruned; {books.exact.untold:,} "
            "incidents are neither told nor held nor due."
        )
    for difference in books.differences:
        session.say(
            f"{difference.term}: the running figure says {difference.running:,}, counted are {difference.exact:,}."
        )
    if found.sound:
        session.say("The database is whole, and its books balance.")
        return Exit.OK
    session.say("Keep a copy of the database, and restore a backup that passes this check.")
    return Exit.NO


def _flaw(flaw: Any) -> str:
    if flaw.kind == "pages":
        return f"SQLite finds damage: {flaw.detail}."
    return f"{flaw.count:,} rows of {flaw.where} name something that is not there."


def copy(arguments: Arguments, session: CommandSession) -> Exit:
    done = session.local().copy_database(arguments.config, session.environ, _target(arguments))
    rows = [{"table": name, "rows": count} for name, count in sorted(done.rows.items())]
    if arguments.json:
        session.put(
            as_json({"tables": done.rows, "rows": sum(done.rows.values()), "balanced": done.books.balanced})
        )
    else:
        session.put(table([row for row in rows if row["rows"]], ("rows", "table")))
    session.say(
        f"Copied {sum(done.rows.values()):,} rows; the rows and the books of both are equal. "
        "Set database.url to the copy, and start the service there."
    )
    return Exit.OK


def _target(arguments: Arguments) -> str:
    if arguments.to is not None:
        url = str(arguments.to)
    else:
        try:
            url = arguments.to_file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise CommandFailure(Exit.USAGE, "the file of --to-file cannot be read as text.") from error
    if not url.startswith(("sqlite:///", "postgresql://", "postgres://")):
        raise CommandFailure(Exit.USAGE, "a database is named sqlite:///FILE or postgresql://USER@HOST/NAME.")
    return url


def restore(arguments: Arguments, session: CommandSession) -> Exit:
    done = session.local().restore(
        arguments.config, session.environ, arguments.file, replace=arguments.replace
    )
    waiting = [asdict(entry) for entry in done.waiting]
    newest = None if done.newest is None else session.screen().when(done.newest)
    if arguments.json:
        session.put(
            as_json(
                {
                    "database": done.path,
                    "kept": done.aside,
                    "incidents": done.incidents,
                    "newest": done.newest,
                    "sound": done.check.sound,
                    "waiting": waiting,
                }
            )
        )
    elif waiting:
        session.put(table(waiting, ("count", "channel", "route")))
    if done.aside is not None:
        session.say(f"The database that was there is kept as {done.aside}.")
    if not done.check.sound:
        session.say("Something is wrong with the books or the rows of this backup: see `notifier db check`.")
    age = "" if newest is None else f", the last heard of at {newest}"
    count = sum(entry.count for entry in done.waiting)
    session.say(
        f"Restored {done.incidents:,} {'incident' if done.incidents == 1 else 'incidents'}{age}. It is on hold: start "
        f"the service, look at the pages, and `notifier release` lets {count:,} "
        f"{'delivery' if count == 1 else 'deliveries'} go, and what is decided meanwhile."
    )
    return Exit.OK
