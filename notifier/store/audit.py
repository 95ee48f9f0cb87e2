"""The audit log: one row per command, written in the command's transaction."""

from __future__ import annotations

import sqlalchemy as sa

from notifier.domain.incident_history import AuditEntry
from notifier.store.database import Tx
from notifier.store.schema import audit


def add(
    tx: Tx,
    *,
    id_: str,
    project: str,
    actor: str,
    key_name: str,
    action: str,
    subject: str,
    detail: str | None = None,
) -> None:
    tx.run(
        sa.insert(audit).values(
            id=id_,
            at=tx.now,
            project=project,
            actor=actor,
            key_name=key_name,
            action=action,
            subject=subject,
            detail=detail,
        )
    )


def entries(tx: Tx, subject: str, *, most: int | None = None) -> tuple[AuditEntry, ...]:
    """Commands on one subject, oldest first; with `most`, only the most recent ones."""
    newest = sa.select(audit).where(audit.c.subject == subject).order_by(audit.c.at.desc(), audit.c.id.desc())
    rows = reversed(tx.run(newest.limit(most)).all())
    return tuple(
        AuditEntry(
            at=row.at,
            project=row.project,
            actor=row.actor,
            key_name=row.key_name,
            action=row.action,
            subject=row.subject,
            detail=row.detail,
        )
        for row in rows
    )
