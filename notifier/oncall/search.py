"""Search queries for incidents: matchers and words, in any order.

`service="billing" environment=~"prod.*" timeout "could not"`: the labels match every matcher, and the title contains
every word or quoted phrase. Braces and commas around matchers, as in Alertmanager and Prometheus, are ignored.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from notifier.domain.matcher import Matcher, parse
from notifier.oncall.errors import Unreadable

MAX_QUERY_CHARS = 2_000
MAX_TERMS = 20

_QUOTED = r'"(?:[^"\\]|\\.)*"'
_TERM = re.compile(
    rf"""
    (?P<matcher> (?:{_QUOTED} | [^\s{{}}!=~,\\"'`]+) \s* (?:=~|!=|!~|=) \s* (?:{_QUOTED} | [^\s,}}]*) )
    | (?P<phrase> {_QUOTED} )
    | (?P<word> [^\s{{}},]+ )
    | [\s{{}},]+
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r'\\(["\\])')


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """A parsed query. All parts must match."""

    matchers: tuple[Matcher, ...] = ()
    words: tuple[str, ...] = ()


def read(text: str) -> Terms:
    """The matchers and words of a query. Raises `Unreadable` with a sentence for a bad matcher."""
    if len(text) > MAX_QUERY_CHARS or "\0" in text:
        raise Unreadable("q", f"a query is text of at most {MAX_QUERY_CHARS} characters")
    matchers: list[Matcher] = []
    words: list[str] = []
    for term in _TERM.finditer(text):
        match term.lastgroup:
            case "matcher":
                matchers.append(_matcher(term[0]))
            case "phrase":
                words.append(_ESCAPE.sub(r"\1", term[0][1:-1]))
            case "word":
                words.append(term[0])
    if len(matchers) + len(words) > MAX_TERMS:
        raise Unreadable("q", f"a query has at most {MAX_TERMS} matchers and words")
    return Terms(matchers=tuple(matchers), words=tuple(word for word in words if word.strip()))


def with_matcher(text: str, matcher: Matcher | None, *, instead_of: str) -> str:
    """The query with `matcher` in place of its matchers for the label `instead_of`. None removes them."""
    terms = [
        term[0]
        for term in _TERM.finditer(text)
        if term.lastgroup is not None and not _is_of(term, instead_of)
    ]
    return " ".join([*terms, *([] if matcher is None else [str(matcher)])])


def _is_of(term: re.Match[str], label: str) -> bool:
    return term.lastgroup == "matcher" and _matcher(term[0]).name == label


def _matcher(text: str) -> Matcher:
    try:
        return parse(text)
    except ValueError as error:
        raise Unreadable("q", str(error)) from None
