"""Validates the arguments of `report` and `message`.

A wrong argument never loses the report, because it is given while a failure is handled, in code that is seldom
tested.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from itertools import islice
from typing import Any, Final

from notifier.client.capture import exception_parts, json_safe
from notifier.client.capture.events import FINGERPRINT, LINKS, ReportDetails

_LEVELS: Final = ((logging.CRITICAL, "critical"), (logging.ERROR, "error"), (logging.WARNING, "warning"))


def validated(error: object, details: ReportDetails) -> tuple[BaseException | None, ReportDetails]:
    """The failure and its details, converted to valid values."""
    failure, message = _failure(error, details.message)
    return failure, ReportDetails(
        severity=severity_of(details.severity),
        message=None if message is None else text(message),
        labels=_mapping("labels", details.labels),
        context=_mapping("context", details.context),
        fingerprint=None if details.fingerprint is None else _parts(details.fingerprint),
        links=_links(details.links),
    )


def _failure(error: Any, message: object) -> tuple[BaseException | None, object]:
    """The exception and the message. `error` may also be the result of `sys.exc_info()`, a class, or a string."""
    if error is None or exception_parts.is_exception(error):
        return error, message
    if isinstance(error, tuple) and len(error) == 3 and exception_parts.is_exception(error[1]):
        return error[1], message
    if message is None and error is not True:
        message = json_safe.name_of(error) if isinstance(error, type) else error
    return sys.exception(), message


def text(value: object) -> str:
    """The text of a value. Lazy translations and other objects are converted by `str`."""
    kind = type(value)
    if kind is str:
        return value  # type: ignore[return-value]
    if exception_parts.is_exception(value):
        return f"{json_safe.name_of(kind)}: {json_safe.message_of(value)}"
    try:
        return str.__str__(value if issubclass(kind, str) else str(value))
    except BaseException:  # noqa: BLE001 - an application's object may raise anything
        return f"<{json_safe.name_of(kind)}>"


def severity_of(value: object) -> str:
    """The name of a severity, `error` for an unknown one. A number is a level of `logging`."""
    if isinstance(value, Enum):
        value = value.value
    if type(value) is int:
        return severity_of_level(value)
    return text(value).strip() or "error" if isinstance(value, str) else "error"


def severity_of_level(number: int) -> str:
    """The severity for a level of `logging`."""
    return next((name for level, name in _LEVELS if number >= level), "info")


def _mapping(name: str, value: object) -> Mapping[str, object]:
    """The mapping with strings as keys. A value that is no mapping is kept under the parameter's name."""
    if type(value) is dict and all(type(key) is str for key in value):
        return value
    if value is None:
        return {}
    try:
        return {text(key): inner for key, inner in dict(value).items()}  # type: ignore[call-overload]
    except Exception:  # noqa: BLE001 - an application's object may raise anything
        return {name: value}


def _parts(value: object) -> Sequence[str]:
    """The parts of a fingerprint. Sets are sorted."""
    parts = [text(part) for part in _listed(value, FINGERPRINT)]
    return sorted(parts) if isinstance(value, set | frozenset) else parts


def _links(value: object) -> list[dict[str, str]]:
    """Links that have a URL. A plain URL gets a default title."""
    links = []
    for link in _listed(value, LINKS) if value is not None else ():
        given = _mapping("url", link)
        url, title = text(given.get("url") or ""), text(given.get("title") or "link")
        if url:
            links.append({"title": title, "url": url})
    return links


def _listed(value: object, most: int) -> list[Any]:
    """The first `most` entries of a collection. A single value counts as a collection of one."""
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        return [value]
    try:
        return list(islice(value, most))
    except Exception:  # noqa: BLE001 - as above
        return []
