"""Search words: the titles that they match, and the terms by which incidents are indexed.

A word matches a title if a word of the title begins with it, regardless of case: `time` and `error` both match
`TimeoutError`, `out` does not. Words of a title begin after any character but letters and digits, at a capital letter
within a name, and at each character in scripts without spaces.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from notifier.domain.matcher import Matcher

TERM_CHARS = 32
LABEL_CHARS = 96
# A label that events change, and one that all incidents of a project share.
_NOT_INDEXED = frozenset({"severity", "project"})

_RUN = re.compile(r"[^\W_]+")
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_START = re.compile(
    rf"(?<![^\W_])(?=[^\W_])"
    rf"|(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])"
    rf"|(?=[{_UNSPACED}])"
    rf"|(?<=[{_UNSPACED}])(?=[^\W_])"
)


@dataclass(frozen=True, slots=True)
class Term:
    """A term that an incident must have, or begin with if `prefix` is set."""

    text: str
    prefix: bool = False


def terms(title: str, labels: Mapping[str, str]) -> set[str]:
    """The terms of an incident: the words of its title, and its labels."""
    found = {_label(name, value) for name, value in labels.items() if value and name not in _NOT_INDEXED}
    for match in _RUN.finditer(title):
        run = match[0]
        if run.isascii() and (run.islower() or run.isdecimal()):  # Most runs: a single word begins here.
            found.add(run[:TERM_CHARS])
            continue
        for start in _START.finditer(title, match.start(), match.end()):
            found.add(title[start.start() : match.end()].casefold()[:TERM_CHARS])
    return found


def asked(words: Sequence[str], matchers: Sequence[Matcher]) -> list[Term]:
    """The terms that every matching incident has."""
    needed = [
        Term(_label(matcher.name, matcher.value))
        for matcher in matchers
        if matcher.op == "=" and matcher.value and matcher.name not in _NOT_INDEXED
    ]
    for word in words:
        *whole, last = [run[0].casefold()[:TERM_CHARS] for run in _RUN.finditer(word)] or [""]
        needed += [Term(text) for text in whole]
        needed += [Term(last, prefix=True)] if last else []
    return needed


def meets(words: Sequence[str], title: str) -> bool:
    """Whether a title contains every word."""
    folded = title.casefold()
    return all(_meets(word.casefold(), title, folded) for word in words)


def _meets(word: str, title: str, folded: str) -> bool:
    at = folded.find(word)
    if at < 0:
        return False
    if not _RUN.match(word):  # The word does not begin with a letter or digit: it matches anywhere.
        return True
    if len(folded) != len(title):  # Folding has changed the length of the text.
        return any(title[start.start() :].casefold().startswith(word) for start in _START.finditer(title))
    while at >= 0:
        if _START.match(title, at):
            return True
        at = folded.find(word, at + 1)
    return False


def _label(name: str, value: str) -> str:
    return f"{name}={value}"[:LABEL_CHARS]
