"""Timestamps as senders write them: a date-time in one of several notations, or a Unix time."""

from __future__ import annotations

import re
from typing import Any, Final

from notifier.domain.time import SECOND, parse_rfc3339, rfc3339

_SPELLING: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]([0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?) ?(Z|UTC|[+-][0-9]{2}:?[0-9]{2})?",
    re.IGNORECASE,
)
_DIGITS: Final = re.compile(r"[0-9]{9,19}(?:\.[0-9]{1,9})?")
_UNITS: Final = (1, 1_000, 1_000_000, 1_000_000_000)  # seconds, milliseconds, micro- and nanoseconds
_PLAUSIBLE: Final = 20_000_000_000  # seconds; a larger number has a smaller unit


def as_rfc3339(value: Any) -> str | None:
    """The time as RFC 3339. None if it cannot be read: a bad timestamp never costs an event."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        return _number(float(value)) if _DIGITS.fullmatch(value) else _text(value)
    return _number(value) if isinstance(value, int | float) else None


def _number(number: float) -> str | None:
    for unit in _UNITS:
        if 0 < number / unit < _PLAUSIBLE:
            return rfc3339(int(number / unit * SECOND))
    return None


def _text(text: str) -> str | None:
    parts = _SPELLING.fullmatch(text.strip())
    if parts is None:
        return None
    day, clock, offset = parts.groups()
    clock = clock if len(clock) > 5 else f"{clock}:00"
    if offset is None or offset.upper() in {"Z", "UTC"}:
        offset = "Z"
    elif ":" not in offset:
        offset = f"{offset[:3]}:{offset[3:]}"
    try:
        at = parse_rfc3339(f"{day}T{clock}{offset}")
        return rfc3339(at) if at > 0 else None
    except ValueError:
        return None
