"""The result of reading a body in a format: events as trees, and counts of what is no event.

A format is a pure function `read(body, headers, *, service)`. It bounds what it makes before it makes it, and raises
`batch.Malformed` with a sentence where there is nothing that could be told apart.
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
    """An extra of the installation that a body needs; its name is the message."""


@dataclass(frozen=True, slots=True)
class Read:
    """`items` are trees with the fields of `schema.EventBody`, or their JSON text.

    `dropped` counts what is no event, by kinds that the format knows: they become labels of a metric, so that no word
    of a sender is among them. `sent_at` is the moment of sending by the sender's clock. `warnings` are sentences.
    `check_ins` are signs of monitors.
    """

    items: Sequence[EventItem]
    dropped: Mapping[str, int] = field(default_factory=dict)
    sent_at: Instant | None = None
    warnings: Sequence[str] = ()
    check_ins: Sequence[CheckIn] = ()


R_co = TypeVar("R_co", covariant=True)


class BodyReading(Protocol[R_co]):
    """Reads a body. `headers` have lower-case names; `service` is the key's, for events that carry none."""

    def __call__(self, body: bytes, headers: Mapping[str, str], *, service: str | None) -> R_co: ...


FormatReader = BodyReading[Read]
"""A format."""


def object_of(value: Any) -> Mapping[str, Any]:
    """The object, or an empty one where the sender sent something else."""
    return value if isinstance(value, dict) else {}


def text_of(value: Any) -> str | None:
    """The text of a string or a number; None for anything else, and for an empty string."""
    if isinstance(value, str):
        return str(value) or None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return None


def numbered_severity(number: int) -> str | None:
    """The severity of one of OpenTelemetry's numbers, which CloudEvents use as well; None for what is none."""
    return next((name for least, name in _SEVERITIES if number >= least), None)
