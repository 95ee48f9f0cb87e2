"""The audit trail of one thing: who did what to it."""

from __future__ import annotations

from collections.abc import Sequence

from notifier.domain.incident_history import AuditEntry
from notifier.oncall import hold
from notifier.store import audit
from notifier.store.database import Database, Tx

MAX_ENTRIES = 50

CONFIGURATION = "configuration"
HOLD = hold.SUBJECT


async def audit_entries(
    database: Database, subjects: Sequence[str], *, project: str | None = None
) -> tuple[AuditEntry, ...]:
    """The audit entries of these subjects, newest first. With `project`, only those recorded in it.

    Ids of deliveries and silences are globally unique. The id of a run is its sender's, and may also be that of
    another project's run.
    """

    def read(tx: Tx) -> tuple[AuditEntry, ...]:
        entries = [entry for subject in subjects for entry in audit.entries(tx, subject, most=MAX_ENTRIES)]
        visible = [entry for entry in entries if project in {None, entry.project}]
        return tuple(sorted(visible, key=lambda entry: entry.at, reverse=True)[:MAX_ENTRIES])

    return await database.read(read)
