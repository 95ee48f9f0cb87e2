"""The states of an incident."""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """Where an incident stands; at most one of an identity is not `resolved`."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


RESOLVED_BY_NOBODY = frozenset({"auto", "event", "expired", "recovered"})
"""What `resolved_by` says where no person resolved the incident."""
