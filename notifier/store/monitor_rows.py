"""The stored form of a monitor."""

from __future__ import annotations

import msgspec

from notifier.domain.monitor import CheckInStatus, MonitorDeadline, MonitorSchedule, MonitorTrouble
from notifier.domain.severity import Severity
from notifier.domain.time import Instant
from notifier.domain.value import replace
from notifier.store.compiled import Row

MonitorName = tuple[str, str, str]
"""Project, environment and name."""

_encode = msgspec.json.Encoder().encode
_schedule = msgspec.json.Decoder(MonitorSchedule).decode


class MonitorRow(Row, frozen=True):
    """A row of a monitor. `schedule` is the JSON text of a `MonitorSchedule`, `declared_by` is `file` or `client`."""

    project: str
    environment: str
    name: str
    service: str
    fingerprint: str
    status: CheckInStatus
    at: Instant
    duration_ms: float | None
    trouble: MonitorTrouble | None
    severity: str | None
    schedule: str | None
    declared_by: str | None
    due_at: Instant | None
    due_from: Instant | None
    patience: int | None

    @property
    def key(self) -> MonitorName:
        return self.project, self.environment, self.name

    def expects(self) -> MonitorSchedule | None:
        """The schedule, or None if nothing is expected."""
        return None if self.schedule is None else _schedule(self.schedule)

    def declared(
        self, schedule: MonitorSchedule | None, severity: Severity | None, by: str | None
    ) -> MonitorRow:
        """The row with a new declaration."""
        return replace(
            self,
            schedule=None if schedule is None else _encode(schedule).decode(),
            severity=self.severity if severity is None else severity.value,
            declared_by=by,
        )

    def due(self, deadline: MonitorDeadline | None) -> MonitorRow:
        """The row with a new deadline."""
        if deadline is None:
            return replace(self, due_at=None, due_from=None, patience=None)
        return replace(self, due_at=deadline.due_at, due_from=deadline.due_from, patience=deadline.patience)
