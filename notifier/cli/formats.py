"""`notifier check --format NAME --sample FILE`: the events that a format makes of a body."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from notifier.cli.options import Arguments
from notifier.cli.session import CommandFailure, CommandSession, Exit
from notifier.cli.text import as_json

LARGEST = 8 * 1024 * 1024


def check(arguments: Arguments, session: CommandSession) -> Exit:
    """Print the events as JSON; unmapped fields and problems are printed to standard error."""
    try:
        tried = session.local().try_format(
            arguments.config, session.environ, arguments.format, _sample(arguments.sample, session)
        )
    except KeyError as error:
        raise CommandFailure(Exit.USAGE, f"{error.args[0]}.") from None
    if isinstance(tried, tuple):
        for problem in tried:
            session.put(str(problem))
        session.say("The configuration has problems.")
        return Exit.NO
    shown = {
        "events": [dict(event) for event in tried.events],
        "faults": list(tried.faults),
        "warnings": list(tried.warnings),
        "not_mapped": list(tried.not_mapped),
    }
    session.put(as_json(shown if arguments.json else shown["events"]))
    if not arguments.json:
        _say(shown, session)
    return Exit.NO if tried.faults else Exit.OK


def _say(shown: Mapping[str, Any], session: CommandSession) -> None:
    if not shown["events"] and not shown["faults"]:
        session.say("Nothing becomes of this body.")
    for sentence in (*shown["faults"], *shown["warnings"]):
        session.say(sentence)
    if shown["not_mapped"]:
        session.say(f"Not mapped: {', '.join(shown['not_mapped'])}")


def _sample(file: Path | None, session: CommandSession) -> bytes | None:
    if file is None:
        return None
    if str(file) == "-":
        return session.stdin.read(LARGEST)
    try:
        with file.open("rb") as opened:
            return opened.read(LARGEST)
    except OSError as error:
        raise CommandFailure(
            Exit.USAGE, f"the sample cannot be read ({error.strerror or 'no reason given'})."
        ) from None
