"""Removes secrets from a report before it leaves the process: by the name of their field, and by their shape.

The service scrubs again by the same rules.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from typing import Any, Final

from notifier.client.capture.secret_names import names_secret
from notifier.client.capture.secret_values import command, is_login, is_secret_pair, secret_fields
from notifier.client.capture.shapes import (
    SCRUBBED,
    is_card,
    without_secrets,
)

__all__ = ["SCRUBBED", "names_secret", "scrub", "scrub_text"]

KEY_CHARS: Final = 100

scrub_text = lru_cache(maxsize=4_096)(without_secrets)


def scrub(value: Any) -> Any:
    """A copy of a JSON value without its secrets."""
    kind = type(value)
    if kind is str:
        return scrub_text(value)
    if kind is dict:
        hidden = secret_fields(value)
        return {
            _scrub_key(key): SCRUBBED if key in hidden else _scrub_field(key, inner)
            for key, inner in value.items()
        }
    if kind is list:
        return _items(value)
    if kind is int and value > 10**12:
        return SCRUBBED if is_card(str(value)) else value
    return value


def _items(values: list[Any]) -> list[Any]:
    """The items of a list. Command-line options come as separate items: `["--password", "x"]`."""
    clean = [scrub(inner) for inner in command(values)]
    if is_secret_pair(values):
        clean[1] = SCRUBBED
    for index, (before, value) in enumerate(pairwise(values), start=1):
        flag = type(before) is str and before.startswith("--") and type(value) is str
        if flag and not value.startswith("-") and names_secret(before):
            clean[index] = SCRUBBED
    return clean


def _scrub_key(key: str) -> str:
    clean = scrub_text(key)
    return key if clean == key else clean[:KEY_CHARS]


def _scrub_field(key: str, value: Any) -> Any:
    """The scrubbed value of a key. Booleans and null are kept even if the key names a secret."""
    if value is not None and not isinstance(value, bool) and names_secret(key):
        return SCRUBBED
    return [scrub(value[0]), SCRUBBED] if is_login(key, value) else scrub(value)
