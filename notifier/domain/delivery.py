"""A delivery: one outbox row, notification x target; and how an attempt at it can end."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from notifier.domain.time import Duration


class DeliveryState(StrEnum):
    """Where a delivery stands; the last five are terminal, though `dead` can be redelivered."""

    PENDING = "pending"
    SENDING = "sending"
    DELIVERED = "delivered"
    COALESCED = "coalesced"
    SUPERSEDED = "superseded"
    DEAD = "dead"
    DISCARDED = "discarded"


class Outcome(StrEnum):
    """How an attempt ended, for every channel (RULES.md#outcomes); doubles as the metric's label."""

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
    """The receiver has taken it. `ref` names the message there (a Slack `ts`, a Message-ID): the thread's anchor."""

    ref: str | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Thread:
    """The messages about one episode of a group at one target. `ref` is the first receipt's, None before it.

    `previous_ref` is that of the thread of the group's episode before, where there is one.
    """

    id: str
    ref: str | None = None
    previous_ref: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit:
    """A token bucket: `messages` in every `per`, at most `burst` at once."""

    messages: int
    per: Duration
    burst: int
