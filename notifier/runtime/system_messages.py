"""Messages about the service itself, without an incident."""

from __future__ import annotations

from notifier.domain.incident import Incident
from notifier.domain.message import Message, Origin, Told
from notifier.domain.notification import Reason
from notifier.domain.severity import Severity
from notifier.domain.state import State
from notifier.domain.time import Instant

NOTE_CHARS = 600


def system_message(*, reason: Reason, title: str, note: str, project: str, at: Instant) -> Message:
    """A message with the reason `test` or `system`. Its one incident stands for the service, and has no page."""
    labels = {"service": "notifier", "environment": "production", "severity": "info", "project": project}
    incident = Incident(
        id="00000000-0000-7000-8000-000000000000",
        number=0,
        project=project,
        environment="production",
        fingerprint=reason.value,
        title=title,
        state=State.OPEN,
        severity=Severity.INFO,
        labels=labels,
        count=1,
        first_seen=at,
        last_seen=at,
    )
    return Message(
        id="",
        reason=reason,
        at=at,
        project=project,
        group=None,
        labels={"service": "notifier", "environment": "production"},
        told=(Told(incident=incident, reason=reason),),
        totals={reason.value: 1},
        origin=Origin(route=reason.value),
        note=note if len(note) <= NOTE_CHARS else f"{note[: NOTE_CHARS - 1]}…",
        thread_id="",
    )
