"""Words of searches: the titles that they meet, and the terms that incidents are found by.

A word meets a title where it begins as a word of it does, whatever its case: `time` and `error` both meet
`TimeoutError`, `out` does not. A word begins after anything but letters and digits, at a capital within a name, and at
each character of scripts that are written without spaces.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from notifier.domain.matcher import Matcher

TERM_CHARS = 32
LABEL_CHARS = 96
# A label that events change; and one that all incidents of a project have.
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
    """A term that an incident must have; with `prefix`, one that begins with it."""

    text: str
    prefix: bool = False


def terms(title: str, labels: Mapping[str, str]) -> set[str]:
    """The terms that an incident is found by: what begins a word of its title, and its labels."""
    found = {_label(name, value) for name, value in labels.items() if value and name not in _NOT_INDEXED}
    for match in _RUN.finditer(title):
        run = match[0]
        if run.isascii() and (run.islower() or run.isdecimal()):  # most are, and begin once
            found.add(run[:TERM_CHARS])
            continue
        for start in _START.finditer(title, match.start(), match.end()):
            found.add(title[start.start() : match.end()].casefold()[:TERM_CHARS])
    return found


def asked(words: Sequence[str], matchers: Sequence[Matcher]) -> list[Term]:
    """The terms without which no incident meets all of these."""
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
    """Whether a title has every word."""
    folded = title.casefold()
    return all(_meets(word.casefold(), title, folded) for word in words)


def _meets(word: str, title: str, folded: str) -> bool:
    at = folded.find(word)
    if at < 0:
        return False
    if not _RUN.match(word):  # it begins with what is no letter: anywhere
        return True
    if len(folded) != len(title):  # what is folded stands elsewhere than what it was
        return any(title[start.start() :].casefold().startswith(word) for start in _START.finditer(title))
    while at >= 0:
        if _START.match(title, at):
            return True
        at = folded.find(word, at + 1)
    return False


def _label(name: str, value: str) -> str:
    return f"{name}={value}"[:LABEL_CHARS]
