"""Declaration of commands: name, summary, function, and shared options."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterable, Sequence
from typing import NoReturn, TypeAlias

from notifier.cli.session import CommandFailure, CommandSession, Exit

Subparsers: TypeAlias = "argparse._SubParsersAction[Parser]"  # noqa: SLF001 - the type has no public name
Arguments = argparse.Namespace
Run = Callable[[Arguments, CommandSession], int]
"""A command's function, which returns the exit status."""

KEY_LIKE = re.compile(r"(ntf|whsec)_\S+")


class HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """A formatter that keeps the lines of examples, and prints commands beside their summaries."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=26)


class Parser(argparse.ArgumentParser):
    """An argparse parser without abbreviations.

    Its error messages never contain a key that was typed as an argument.
    """

    def __init__(self, **parts: object) -> None:
        parts.setdefault("formatter_class", HelpFormatter)
        super().__init__(allow_abbrev=False, **parts)  # type: ignore[arg-type] # argparse passes its own on

    def error(self, message: str) -> NoReturn:
        if KEY_LIKE.search(message):
            message = (
                "a key was given as an argument, which every user of this machine can read: use NOTIFIER_KEY"
            )
        super().error(f"{message}\nnotifier: `{self.prog} --help` shows what it takes")


def command(
    parent: Subparsers,
    name: str,
    run: Run,
    summary: str,
    *,
    prints: bool = True,
    aliases: Sequence[str] = (),
) -> Parser:
    """A command with the options that all commands have: `--config`, and `--json` if it `prints` an answer.

    `summary` is shown in its own help and in its parent's.
    """
    parser = parent.add_parser(
        name, help=summary, description=f"{summary[:1].upper()}{summary[1:]}.", aliases=aliases
    )
    parser.set_defaults(run=run, parser=parser)
    parser.add_argument(
        "--config", metavar="FILE", default=argparse.SUPPRESS, help="the configuration (else NOTIFIER_CONFIG)"
    )
    if prints:
        parser.add_argument(
            "--json",
            action="store_true",
            default=argparse.SUPPRESS,
            help="print JSON instead of text for people",
        )
    return parser


LISTING_FAMILIES = (
    "incidents",
    "deliveries",
    "dead-letters",
    "silences",
    "channels",
    "groups",
    "tasks",
    "keys",
)
"""Families that list when called without a subcommand."""


def with_list_inserted(arguments: Sequence[str]) -> list[str]:
    """The arguments with `list` inserted, so that `notifier incidents service=billing` lists incidents."""
    first, options = list(arguments[:1]), list(arguments[1:])
    bare = not options or (
        options[0] not in {"-h", "--help"} and re.search(r"^-|[={]", options[0]) is not None
    )
    return (
        [*first, "list", *options] if first and first[0] in LISTING_FAMILIES and bare else [*first, *options]
    )


def family(parent: Subparsers, name: str, summary: str) -> Subparsers:
    """A group of commands, such as `keys list` and `keys create`."""
    parser = parent.add_parser(name, help=summary, description=f"{summary[:1].upper()}{summary[1:]}.")
    return parser.add_subparsers(title="commands", metavar="COMMAND", required=True)


def paged(parser: Parser) -> None:
    parser.add_argument("--limit", type=positive, metavar="N", help="show at most N")
    parser.add_argument("--cursor", help="continue after the last page")


def query(arguments: Arguments, names: Iterable[str]) -> dict[str, str]:
    """The options among `names` that were given, as query parameters."""
    given = ((name, getattr(arguments, name, None)) for name in names)
    return {name: str(value) for name, value in given if value is not None}


def positive(text: str) -> int:
    return _whole(text, 1, 999_999_999, "expected a whole number from 1 up")


def port(text: str) -> int:
    return _whole(text, 0, 65_535, "a port is a number from 0 to 65535")


def _whole(text: str, least: int, most: int, sentence: str) -> int:
    """A number in plain digits between `least` and `most`."""
    short = text.isascii() and text.isdecimal() and len(text) <= len(str(most))
    if not (short and least <= int(text) <= most):
        raise argparse.ArgumentTypeError(sentence)
    return int(text)


def wide(parser: Parser) -> None:
    parser.add_argument("--wide", action="store_true", help="show every column in full")


def pair(text: str) -> tuple[str, str]:
    """Parse `name=value`; the value may be empty or contain equals signs."""
    name, sign, value = text.partition("=")
    if not (name.strip() and sign):
        raise argparse.ArgumentTypeError("a label is written name=value, such as region=eu-west-1")
    return name.strip(), value


def named(path: str, given: Sequence[str]) -> str:
    """The argument as typed, for the place `matchers[1]` in an error."""
    place = re.fullmatch(r"[a-z_]+\[([0-9]{1,6})\]", path)
    return given[int(place[1])] if place and int(place[1]) < len(given) else path


def segment(text: str) -> str:
    """An id or name as one segment of a URL's path; for a link to a page, its last segment."""
    from urllib.parse import parse_qs, quote, urlsplit

    name = text.strip()
    if name.startswith(("http://", "https://")):
        link = urlsplit(name)
        # In a restored database, another incident may have the number.
        name = parse_qs(link.query).get("id", [link.path.rstrip("/").rpartition("/")[2]])[0]
    name = name.removeprefix("#")
    if not name:
        raise CommandFailure(Exit.USAGE, "an id or a name is empty: give one as the list shows it.")
    return quote(name, safe="").replace(".", "%2E") if name.strip(".") == "" else quote(name, safe="")
