"""The actor who gives a command, and the row that says so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from notifier.store import audit
from notifier.store.database import Tx


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """`name` is who the caller says it is, `key_name` is the key that it used.

    `project` is where its commands are recorded. `project_scope` is the project whose things it may see and touch,
    None for those of all. `new_id` makes the ids of the rows.
    """

    name: str
    key_name: str
    project: str
    project_scope: str | None
    new_id: Callable[[], str]

    def record(self, tx: Tx, action: str, subject: str, detail: str | None = None) -> None:
        """Write down what this actor does, in the transaction that does it."""
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
