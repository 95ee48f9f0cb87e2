"""A notification: a decision to notify, with the reasons for notifying and for holding."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """Why an incident was notified."""

    OPENED = "opened"
    REOPENED = "reopened"
    SEVERITY_RAISED = "severity_raised"
    UNMUTED = "unmuted"
    ESCALATED = "escalated"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"
    REPEATED = "repeated"
    DIGEST = "digest"
    FALLBACK = "fallback"
    SYSTEM = "system"
    TEST = "test"


class HeldBy(StrEnum):
    """Why an incident was not notified."""

    DUPLICATE = "duplicate"
    LATE = "late"
    WAITING = "waiting"
    BELOW_THRESHOLD = "below_threshold"
    SILENCED = "silenced"
    INHIBITED = "inhibited"
    MUTE_TIME = "mute_time"
    ACKNOWLEDGED = "acknowledged"
    SNOOZED = "snoozed"
    RATE_LIMITED = "rate_limited"
    ROUTE = "route"
    SEVERITY = "severity"
    HOLD = "hold"


# The group's reason is the first of these that any of its members has (RULES.md#timing).
PRECEDENCE = (
    Reason.OPENED,
    Reason.REOPENED,
    Reason.SEVERITY_RAISED,
    Reason.UNMUTED,
    Reason.ESCALATED,
    Reason.ACKNOWLEDGED,
    Reason.RESOLVED,
    Reason.REPEATED,
)
