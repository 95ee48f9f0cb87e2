"""A matcher: `name op "value"` as in Alertmanager (RE2, anchored)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal, cast

import re2

Op = Literal["=", "!=", "=~", "!~"]

LONGEST_TEXT = 4_096
LONGEST_REGEX = 1_024
_REGEX_MEMORY = 1 << 20
_REMEMBERED_VALUES = 128
_PATTERNS_AT_ONCE = 256

_PLAIN_NAME = re.compile(r"[^\s{}!=~,\\\"'`]+")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_PART = re.compile(r'(?:"(?:[^"\\]|\\.)*"|[^",])+', re.DOTALL)
_BRACED = re.compile(rf"{_PART.pattern}(?:,{_PART.pattern})*", re.DOTALL)
_OP = re.compile(r"\s*(=~|!=|!~|=)\s*")
_ESCAPE = re.compile(r'\\([n"\\])')
_ESCAPED = {"n": "\n", '"': '"', "\\": "\\"}
_SHAPE = 'write name="value", with one of = != =~ !~'


@dataclass(frozen=True, slots=True, kw_only=True)
class Matcher:
    """A condition on one label; an absent label counts as the empty string.

    Raises `ValueError` with a sentence if RE2 refuses a regular expression. `str()` returns the form that `parse`
    accepts.
    """

    name: str
    op: Op
    value: str
    _test: Callable[[str], bool] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_test", _TESTS[self.op](self.value))

    def matches(self, labels: Mapping[str, str]) -> bool:
        return self._test(labels.get(self.name, ""))

    def __str__(self) -> str:
        name = self.name if _PLAIN_NAME.fullmatch(self.name) else _quote(self.name)
        return f"{name}{self.op}{_quote(self.value)}"


def match_all(matchers: Iterable[Matcher], labels: Mapping[str, str]) -> bool:
    """Whether the labels match all matchers."""
    return all(matcher.matches(labels) for matcher in matchers)


def parse(text: str) -> Matcher:
    r"""Parse `name op "value"`. Raises `ValueError` with a sentence that does not repeat the text.

    Follows Alertmanager's matchers: in quotes `\n`, `\"` and `\\` are escapes, and any other backslash is kept, so
    that `path=~"v\d+"` works; a value without quotes extends to the end; a name with special characters is quoted.
    Unlike Alertmanager's older parser, `==` and other kinds of quotes are refused instead of becoming part of the
    value.
    """
    if len(text) > LONGEST_TEXT:
        raise ValueError(f"a matcher has at most {LONGEST_TEXT} characters")
    name, rest = _take_name(text.strip())
    op = _OP.match(rest)
    if op is None:
        raise ValueError(f"no operator follows the label's name: {_SHAPE}")
    return Matcher(name=name, op=cast("Op", op[1]), value=_value(rest[op.end() :]))


def parse_all(text: str) -> tuple[Matcher, ...]:
    """Parse one matcher, or several in braces: `{a="b", c=~"d"}`."""
    stripped = text.strip()
    if not stripped.startswith("{"):
        return (parse(text),)
    if len(text) > LONGEST_TEXT:
        raise ValueError(f"matchers have at most {LONGEST_TEXT} characters")
    inner = stripped[1:-1].strip().removesuffix(",")
    if not stripped.endswith("}") or _BRACED.fullmatch(inner) is None:
        raise ValueError('matchers in braces are separated by commas, and end: write {a="b", c=~"d"}')
    return tuple(parse(part) for part in _PART.findall(inner))


class Patterns:
    """Regular expressions of matchers, evaluated together in one pass over a value."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self._sets: list[tuple[int, Any]] = []
        for start in range(0, len(patterns), _PATTERNS_AT_ONCE):
            options = _options()
            options.max_mem = _PATTERNS_AT_ONCE * _REGEX_MEMORY
            found = re2.Set.FullMatchSet(options)
            for pattern in patterns[start : start + _PATTERNS_AT_ONCE]:
                found.Add(pattern)
            found.Compile()
            self._sets.append((start, found))

    def matching_patterns(self, value: str) -> list[int]:
        """The positions of the patterns that match the whole value."""
        text = value.encode("utf-8", "replace").decode()  # a lone surrogate; RE2 reads UTF-8
        return [start + number for start, one in self._sets for number in one.Match(text) or ()]


def _take_name(text: str) -> tuple[str, str]:
    quoted = _QUOTED.match(text)
    if quoted is not None:
        name = _unescape(quoted[0][1:-1])
        if not name:
            raise ValueError(f"the label's name is empty: {_SHAPE}")
        return name, text[quoted.end() :]
    plain = _PLAIN_NAME.match(text)
    if plain is None:
        raise ValueError(f"a matcher begins with a label's name: {_SHAPE}")
    return plain[0], text[plain.end() :]


def _value(text: str) -> str:
    if text.startswith('"'):
        if _QUOTED.fullmatch(text) is None:
            raise ValueError(
                r"the quoted value must end with the text's last quote; write a quote inside it as \""
            )
        return _unescape(text[1:-1])
    if text.startswith(("=", "~")):
        raise ValueError("there is no such operator: equality is one =, a regular expression is =~")
    if text.startswith(("'", "`")):
        raise ValueError('a value is quoted with ", not with other quotes')
    if '"' in text:
        raise ValueError(r'a value with quotes inside is written in quotes itself, as name="a \"b\" c"')
    return _unescape(text)


def _unescape(text: str) -> str:
    return _ESCAPE.sub(lambda escape: _ESCAPED[escape[1]], text)


def _quote(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _regex(pattern: str) -> Callable[[str], bool]:
    """A function that tests whether the whole value matches.

    Results are cached, since labels repeat and RE2 takes 3 us.
    """
    search = _compile(pattern).fullmatch

    @lru_cache(maxsize=_REMEMBERED_VALUES)
    def test(value: str) -> bool:
        try:
            return search(value) is not None
        except UnicodeEncodeError:  # a lone surrogate; RE2 reads UTF-8
            return search(value.encode("utf-8", "replace").decode()) is not None

    return test


def _not_regex(pattern: str) -> Callable[[str], bool]:
    test = _regex(pattern)
    return lambda value: not test(value)


@lru_cache(maxsize=1_024)
def _compile(pattern: str) -> re2._Regexp:
    if len(pattern) > LONGEST_REGEX:
        raise ValueError(f"a regular expression has at most {LONGEST_REGEX} characters")
    try:
        return re2.compile(pattern, _options())
    except UnicodeEncodeError:
        raise ValueError("a regular expression must be valid Unicode, without lone surrogates") from None
    except re2.error as error:
        raise ValueError(
            f"the regular expression does not compile: {_complaint(error)} (RE2 syntax)"
        ) from None


def _options() -> re2.Options:
    options = re2.Options()
    options.log_errors = False  # Otherwise RE2 writes to stderr.
    options.max_mem = _REGEX_MEMORY
    return options


def _complaint(error: Exception) -> str:
    """RE2's message up to the colon; the rest repeats the pattern."""
    reason = error.args[0] if error.args else b""
    text = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
    return text.partition(":")[0] or "it is not valid"


_TESTS: Mapping[str, Callable[[str], Callable[[str], bool]]] = {
    "=": lambda wanted: lambda value: value == wanted,
    "!=": lambda wanted: lambda value: value != wanted,
    "=~": _regex,
    "!~": _not_regex,
}
