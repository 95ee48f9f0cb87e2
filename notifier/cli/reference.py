"""The manual's chapter of the command line, generated from the argument parser."""

from __future__ import annotations

import argparse
from collections.abc import Iterator


def commands() -> str:
    """Every command with its options, then the environment variables."""
    from notifier.cli import EPILOG, parser

    lines = [line for name, each in _commands(parser()) for line in _command(name, each)]
    return "\n".join(["```text", EPILOG, "```", "", *lines])


def _commands(parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    for action in parser._actions:  # noqa: SLF001 - argparse has no public walk
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - as above
            unique = {id(each): (name, each) for name, each in reversed(action.choices.items())}
            for _, each in reversed(unique.values()):
                inner = list(_commands(each))
                yield from inner or [(each.prog, each)]


def _command(name: str, parser: argparse.ArgumentParser) -> Iterator[str]:
    yield f"### {name}"
    yield ""
    yield "```text"
    # A fixed width, so that the text does not depend on the terminal.
    formatter = argparse.RawDescriptionHelpFormatter(name, max_help_position=30, width=110)
    formatter.add_text(parser.description)
    formatter.add_usage(parser.usage, parser._actions, parser._mutually_exclusive_groups)  # noqa: SLF001
    formatter.start_section("options")
    formatter.add_arguments(action for action in parser._actions if action.dest != "help")  # noqa: SLF001
    formatter.end_section()
    formatter.add_text(parser.epilog)
    yield formatter.format_help().rstrip()
    yield "```"
    yield ""
