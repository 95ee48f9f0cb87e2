"""Secrets in structured values: fields named by a neighbouring field, logins, and words of commands. Pure.

The service and the client, which imports nothing of the service, each have an identical copy of this module.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from .secret_names import names_secret
from .shapes import without_secrets

# Keys whose value is the name of what is stored under one of the other keys.
_NAMING = frozenset(
    f(name)
    for name in (
        "name",
        "key",
        "field",
        "variable",
        "header",
        "setting",
        "param",
        "parameter",
        "option",
        "attribute",
    )
    for f in (str, str.capitalize)
)
_HELD = frozenset(
    f(name)
    for name in ("value", "val", "old", "new", "old_value", "new_value", "content")
    for f in (str, str.capitalize)
)
_COMMAND_WORDS = 100


def secret_fields(value: Mapping[str, Any]) -> frozenset[str]:
    """The keys whose value is a secret because another field says so.

    Examples are a setting, `{"name": "DB_PASSWORD", "value": "..."}`, its change, `{"field": "token", "old": "..."}`,
    and pydantic's error about a secret, `{"loc": ["body", "password"], "input": "..."}`.
    """
    if "loc" not in value and _HELD.isdisjoint(value):
        return frozenset()
    loc = value.get("loc")
    if isinstance(loc, list | tuple) and any(isinstance(name, str) and names_secret(name) for name in loc):
        return frozenset({"input"})
    names = (value[key] for key in _NAMING & value.keys())
    return _HELD if any(isinstance(name, str) and names_secret(name) for name in names) else frozenset()


def is_login(key: str, value: object) -> bool:
    """Whether this is a pair of user name and password, as HTTP clients take it: `"auth": ["ann", "..."]`."""
    return (
        key.lower() in {"auth", "login"}
        and isinstance(value, list | tuple)
        and len(value) == 2
        and all(isinstance(part, str) for part in value)
    )


def command(words: Sequence[Any]) -> Sequence[Any]:
    """The words of a command without its secrets: `["mysql", "-p..."]`. Other lists are returned unchanged."""
    if not 1 < len(words) <= _COMMAND_WORDS or not all(isinstance(word, str) for word in words):
        return words
    if not any(word.startswith("-") for word in words):
        return words
    joined = [re.sub(r"\s", "_", word) for word in words]
    clean = without_secrets(" ".join(joined)).split(" ")
    if len(clean) != len(words):
        return words
    return [
        word if before == after else after for word, before, after in zip(words, joined, clean, strict=True)
    ]


def is_secret_pair(values: Sequence[Any]) -> bool:
    """Whether this is a pair of name and secret, as headers are stored: `["authorization", "Bearer ..."]`."""
    if len(values) != 2 or not all(isinstance(value, str) for value in values):
        return False
    name, value = values
    return any(map(str.isdigit, value)) and names_secret(name)
