"""The states of an incident."""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """The state of an incident. At most one incident of an identity is not `resolved`."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


RESOLVED_BY_NOBODY = frozenset({"auto", "event", "expired", "recovered"})
"""Values of `resolved_by` that do not name a person."""
