"""The result of reading a body in a format: event trees, and counts of what was dropped.

A format is a pure function `read(body, headers, *, service)`. It bounds its output before making it, and raises
`batch.Malformed` with a sentence if the body cannot be split into events.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeVar

from notifier.domain.monitor import CheckIn
from notifier.domain.time import Instant
from notifier.ingest.normalize import EventItem

_SEVERITIES: Final = ((21, "critical"), (17, "error"), (13, "warning"), (1, "info"))
UNKNOWN_SERVICE: Final = "unknown"
NO_SERVICE: Final = (
    f"service: the event names none, so that it counts as `{UNKNOWN_SERVICE}`; "
    "make this sender's key with `notifier keys create --service NAME`, or send a tag `service`"
)


class MissingExtra(Exception):
    """An extra that reading a body needs is not installed. The message is its name."""


@dataclass(frozen=True, slots=True)
class ParsedBody:
    """`items` are trees with the fields of `schema.EventBody`, or their JSON text.

    `dropped` counts what is no event, by kinds that the format defines; they are label values of a metric and hold no
    text of a sender. `sent_at` is the time of sending by the sender's clock. `warnings` are sentences.
    """

    items: Sequence[EventItem]
    dropped: Mapping[str, int] = field(default_factory=dict)
    sent_at: Instant | None = None
    warnings: Sequence[str] = ()
    check_ins: Sequence[CheckIn] = ()


R_co = TypeVar("R_co", covariant=True)


class BodyParser(Protocol[R_co]):
    """Reads a body. `headers` have lower-case names; `service` is the key's, for events that name none."""

    def __call__(self, body: bytes, headers: Mapping[str, str], *, service: str | None) -> R_co: ...


FormatReader = BodyParser[ParsedBody]
"""The reader of a format."""


def object_of(value: Any) -> Mapping[str, Any]:
    """The value if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def text_of(value: Any) -> str | None:
    """The text of a string or a number. None for anything else, and for an empty string."""
    if isinstance(value, str):
        return str(value) or None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return None


def numbered_severity(number: int) -> str | None:
    """The severity of an OpenTelemetry severity number, which CloudEvents use too. None if out of range."""
    return next((name for least, name in _SEVERITIES if number >= least), None)
