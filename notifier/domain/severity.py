"""How bad an event or an incident is."""

from __future__ import annotations

from enum import StrEnum


class Severity(StrEnum):
    """A severity; `rank` orders them, with `critical` highest. Incidents of severity `none` are never notified."""

    NONE = "none"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        return _RANK[self]


_RANK = {severity: rank for rank, severity in enumerate(Severity)}
