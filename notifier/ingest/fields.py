"""Reads one field of a posted object: returns its value, or raises `InvalidField` with the field's path.

A path names fields of the schema only. A message names a value's type, never the value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any, Final, Literal, TypeGuard

from notifier.domain.time import Instant, parse_rfc3339
from notifier.ingest import sanitise, schema
from notifier.ingest.scrub import scrub_text

Fields = Mapping[str, Any]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_DATE_TIME: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}([.,][0-9]+)?([Zz]|[+-][0-9]{2}(:?[0-9]{2})?)?"
).fullmatch


class InvalidField(Exception):
    """A field with an invalid value. `path` is empty if the event as a whole is invalid."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(message)
        self.path = path
        self.message = message


def identity(value: Any, path: str = "id", chars: int = schema.ID_CHARS) -> str | None:
    """The id, unchanged so that duplicates are found. An id that holds a secret is replaced by its hash."""
    if value is None:
        return None
    if type(value) is not str or not 1 <= len(value) <= chars:
        raise InvalidField(path, f"must be a string of 1 to {chars} characters")
    if scrub_text(value) == value:
        return value
    return f"scrubbed-{blake2b(value.encode(), digest_size=16).hexdigest()}"


def choice(owner: Fields, name: str, values: tuple[str, ...], default: str) -> str:
    value = owner.get(name)
    if value is None:
        return default
    if type(value) is not str or value not in values:
        raise InvalidField(name, f"must be one of {', '.join(values)}")
    return value


def integer(owner: Fields, name: str, where: str) -> int | None:
    value = owner.get(name)
    if value is not None and type(value) is not int:
        raise InvalidField(
            f"{where}{name}", f"must be a whole number of at most 64 bits, this is {kind(value)}"
        )
    return value


def truth(owner: Fields, name: str, where: str) -> bool | None:
    value = owner.get(name)
    if value is not None and type(value) is not bool:
        raise InvalidField(f"{where}{name}", f"must be true or false, this is {kind(value)}")
    return value


def object_in(owner: Fields, name: str, where: str) -> Fields | None:
    value = owner.get(name)
    return None if value is None else as_object(value, f"{where}{name}")


def as_object(value: Any, path: str) -> Fields:
    if not isinstance(value, dict):
        raise InvalidField(path, f"must be an object, this is {kind(value)}")
    return value


def array_in(owner: Fields, name: str, where: str) -> list[Any]:
    value = owner.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise InvalidField(f"{where}{name}", f"must be an array, this is {kind(value)}")
    return value


def is_text(value: Any) -> TypeGuard[str]:
    """Whether the value is a string, and not a number beyond 64 bits, which `sanitise` keeps as a string of digits."""
    return isinstance(value, str) and not isinstance(value, sanitise.Huge)


def kind(value: Any) -> Literal["null", "a truth value", "a number", "a string", "an array", "an object"]:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a truth value"
    if isinstance(value, int | float | sanitise.Huge):
        return "a number"
    if is_text(value):
        return "a string"
    return "an array" if isinstance(value, list) else "an object"


def instant(text: str, path: str) -> Instant:
    """Parses an RFC 3339 date-time. The offset defaults to UTC, and may lack its colon or its minutes."""
    try:
        if _DATE_TIME(text) is None:
            raise ValueError  # noqa: TRY301 - `fromisoformat` accepts other formats as well
        if text[17:19] == "60":
            return parse_rfc3339(text)
        moment = datetime.fromisoformat(text if text[-1] != "z" else text.upper())
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return (moment - _EPOCH) // _MILLISECOND
    except (ValueError, OverflowError):
        raise InvalidField(path, "must be an RFC 3339 date-time, for example 2026-11-22T05:00:00Z") from None
