"""The selection of incidents by options and arguments."""

from __future__ import annotations

import re

from notifier.cli.options import Arguments, Parser, query
from notifier.domain.state import State

ALL = "all"
UNRESOLVED = "unresolved"

_MATCHER = re.compile(r"([^\s{}!=~,\\\"'`]+)(=~|!=|!~|=)(.*)", re.DOTALL)


def add_filters(parser: Parser) -> None:
    parser.add_argument("terms", nargs="*", metavar="MATCHER", help="service=billing, or a word of the title")
    parser.add_argument(
        "--state",
        choices=[*(state.value for state in State), UNRESOLVED, ALL],
        help="only incidents in this state (default: unresolved, that is, open or acknowledged)",
    )
    parser.add_argument(
        "--query",
        dest="q",
        metavar="TEXT",
        help="matchers and words in one argument: 'service=\"billing\" timeout'",
    )


def filters(arguments: Arguments) -> dict[str, str]:
    """The selection as the API's query parameters."""
    asked = query(arguments, ("sort", "limit", "cursor"))
    terms = [*map(term, arguments.terms), *([arguments.q] if arguments.q else [])]
    if terms:
        asked["q"] = " ".join(terms)
    state = arguments.state or UNRESOLVED
    return asked if state == ALL else {"state": state, **asked}


def term(text: str) -> str:
    """An argument as a term of the query language, with the quotes that the shell removed."""
    matcher = _MATCHER.fullmatch(text)
    if text.startswith("{") or (matcher and matcher[3].startswith('"')):
        return text
    if matcher:
        return f"{matcher[1]}{matcher[2]}{_quoted(matcher[3])}"
    return _quoted(text) if re.search(r"[\s,{}\"]", text) else text


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
