"""A delivery: one row of the outbox for each notification and target, and the outcomes of its attempts."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from notifier.domain.time import Duration


class DeliveryState(StrEnum):
    """The state of a delivery. The last five are terminal, though a `dead` one can be redelivered."""

    PENDING = "pending"
    SENDING = "sending"
    DELIVERED = "delivered"
    COALESCED = "coalesced"
    SUPERSEDED = "superseded"
    DEAD = "dead"
    DISCARDED = "discarded"


class Outcome(StrEnum):
    """The outcome of an attempt, the same for every channel (RULES.md#outcomes) and a label of metrics."""

    DELIVERED = "delivered"
    THROTTLED = "throttled"
    TRANSIENT = "transient"
    AMBIGUOUS = "ambiguous"
    GONE = "gone"
    PERMANENT = "permanent"
    BLOCKED = "blocked"
    EXPIRED = "expired"
    QUARANTINED = "quarantined"
    TARGET_REMOVED = "target_removed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """The receiver's acceptance of a message. `ref` identifies the message there (a Slack `ts`, a Message-ID)."""

    ref: str | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Thread:
    """The messages about one episode of a group at one target. `ref` is the first receipt's, None before it.

    `previous_ref` is the reference of the thread of the group's previous episode, if there is one.
    """

    id: str
    ref: str | None = None
    previous_ref: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit:
    """A token bucket: `messages` every `per` milliseconds, at most `burst` at once."""

    messages: int
    per: Duration
    burst: int
