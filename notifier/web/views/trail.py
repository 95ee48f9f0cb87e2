"""The trail of acts on a thing, as its page shows it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from notifier.domain.incident_history import AuditEntry
from notifier.domain.time import Instant
from notifier.wording.acts import act_in_words


@dataclass(frozen=True, slots=True, kw_only=True)
class ActLine:
    """An act: when, and who did what."""

    at: Instant
    text: str


def trail(entries: Iterable[AuditEntry]) -> tuple[ActLine, ...]:
    """The acts, in the order that they come in."""
    return tuple(ActLine(at=entry.at, text=act_in_words(entry)) for entry in entries)
