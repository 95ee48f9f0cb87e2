"""Removes secrets from an event before it is written: by the name of their field, and by their shape.

`suspicious` is one RE2 search over the raw bytes. If it finds nothing, `scrub` would change nothing and is skipped.
It is deliberately looser than the rules: words without boundaries, shapes without ends, and every escape that could
hide either.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from itertools import pairwise
from typing import Any, Final

import re2

from notifier.domain.matcher import Matcher, parse_all
from notifier.domain.secret_names import names_secret
from notifier.domain.secret_values import command, is_login, is_secret_pair, secret_fields
from notifier.domain.shapes import (
    HINTS,
    SCRUBBED,
    is_card,
    without_secrets,
)
from notifier.domain.value import replace
from notifier.ingest import sanitise

__all__ = [
    "SCRUBBED",
    "clean_text",
    "names_secret",
    "scrub",
    "scrub_matcher",
    "scrub_matchers",
    "scrub_text",
    "suspicious",
]

# RE2 accepts bytes only as Latin-1, so non-ASCII bytes pass unchanged.
_options = re2.Options()
_options.encoding = re2.Options.Encoding.LATIN1
_options.case_sensitive = False
_options.never_capture = True
_search_text: Callable[[bytes], object | None] = re2.compile("|".join(HINTS).encode(), _options).search
_search_raw: Callable[[bytes], object | None] = re2.compile(
    "|".join([*HINTS, r"\\[u/]"]).encode(), _options
).search
_UUID_CHARS: Final = 36
_uuid: Final = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}").fullmatch


def _is_uuid(text: str) -> bool:
    return len(text) == _UUID_CHARS and _uuid(text) is not None


def suspicious(raw: bytes) -> bool:
    r"""Whether this JSON text may hold a secret, or an escape (`\u`, `\/`) that may hide one."""
    return _search_raw(raw) is not None


def is_suspicious_id(text: str | None) -> bool:
    """Whether a decoded id may hold a secret, or a character that no database can store.

    UUIDs are exempt: one in forty has the digits of a valid card number.
    """
    if text is None or _is_uuid(text):
        return False
    return "\x00" in text or suspicious(text.encode("utf-8", "surrogatepass"))


def scrub_text(text: str) -> str:
    """The text with everything of a secret's shape replaced. A UUID is left unchanged."""
    if _is_uuid(text) or _search_text(text.encode("utf-8", "surrogatepass")) is None:
        return text
    return without_secrets(text)


def clean_text(text: str) -> str:
    """A person's text, without secrets and without characters that no database can store."""
    return scrub_text(sanitise.text(text))


def scrub_matchers(text: str) -> str:
    """A silence's matchers, scrubbed. A text that cannot be parsed is returned for the parser to report."""
    clean = sanitise.text(text)
    try:
        matchers = parse_all(clean)
    except ValueError:
        return clean
    clean_matchers = tuple(map(scrub_matcher, matchers))
    if clean_matchers == matchers:
        return clean
    words = ", ".join(map(str, clean_matchers))
    return words if len(clean_matchers) == 1 else f"{{{words}}}"


def scrub_matcher(matcher: Matcher) -> Matcher:
    """The matcher with its value scrubbed as events' labels are, so that it keeps matching. Patterns are unchanged.

    Empty values mean a missing label, and booleans are never secrets.
    """
    if matcher.op in {"=~", "!~"}:
        return matcher
    ((name, value),) = scrub({matcher.name: matcher.value}).items()
    if matcher.value in {"", "true", "false"}:
        value = matcher.value
    return replace(matcher, name=name, value=value)


def scrub(value: Any) -> Any:
    """A copy of a JSON value without its secrets. Keys are kept, scrubbed by shape alone."""
    if isinstance(value, str):
        return scrub_text(value)
    if isinstance(value, dict):
        hidden = secret_fields(value)
        return {
            _scrub_key(key): SCRUBBED if key in hidden else _scrub_field(key, inner)
            for key, inner in value.items()
        }
    if isinstance(value, list):
        return _items(value)
    if type(value) is int and value > 10**12:
        return SCRUBBED if is_card(str(value)) else value
    return value


def _items(values: list[Any]) -> list[Any]:
    """The items of a list. Command-line options come as separate items: `["--password", "x"]`."""
    clean = [scrub(inner) for inner in command(values)]
    if is_secret_pair(values):
        clean[1] = SCRUBBED
    for index, (before, value) in enumerate(pairwise(values), start=1):
        flag = isinstance(before, str) and before.startswith("--") and isinstance(value, str)
        if flag and not value.startswith("-") and names_secret(before):
            clean[index] = SCRUBBED
    return clean


def _scrub_key(key: str) -> str:
    return _scrub_key_cached(key) if len(key) <= 100 else scrub_text(key)


# Events repeat the same few keys.
_scrub_key_cached = lru_cache(maxsize=4_096)(scrub_text)


def _scrub_field(key: str, value: Any) -> Any:
    """The scrubbed value of a key. Booleans and null are kept even if the key names a secret."""
    if value is not None and not isinstance(value, bool) and names_secret(key):
        return SCRUBBED
    return [scrub(value[0]), SCRUBBED] if is_login(key, value) else scrub(value)
