"""The audit trail of one object."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from notifier.domain.incident_history import AuditEntry
from notifier.domain.time import Instant
from notifier.wording.acts import act_in_words


@dataclass(frozen=True, slots=True, kw_only=True)
class ActLine:
    """An act: its time, actor and description."""

    at: Instant
    text: str


def trail(entries: Iterable[AuditEntry]) -> tuple[ActLine, ...]:
    """The acts, in the given order."""
    return tuple(ActLine(at=entry.at, text=act_in_words(entry)) for entry in entries)
