"""The caller of a command, and its audit entries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from notifier.store import audit
from notifier.store.database import Tx


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """`name` is the caller's own claim, `key_name` the key that it used.

    `project` is where its commands are recorded. `project_scope` is the project that it may access, None for all.
    `new_id` makes ids of rows.
    """

    name: str
    key_name: str
    project: str
    project_scope: str | None
    new_id: Callable[[], str]

    def record(self, tx: Tx, action: str, subject: str, detail: str | None = None) -> None:
        """Adds an audit entry in the transaction of the action."""
        audit.add(
            tx,
            id_=self.new_id(),
            project=self.project,
            actor=self.name,
            key_name=self.key_name,
            action=action,
            subject=subject,
            detail=detail,
        )
