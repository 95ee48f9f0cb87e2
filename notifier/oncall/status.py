"""Signs of loss or delay: the ledger, the oldest waiting delivery, the hold and the replicas."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from notifier.domain.time import MINUTE, Duration, Instant
from notifier.store import backups, hold, housekeeping, replicas, timers, views
from notifier.store.backups import BackupState
from notifier.store.database import Database, Tx
from notifier.store.hold import DeliveryHold
from notifier.store.ledger import Accounting, BooksCheck, Difference
from notifier.store.replicas import ReplicaBeat
from notifier.store.views import UndeliveredRow

__all__ = [
    "REPLICAS_SHOWN_FOR",
    "Accounting",
    "BackupState",
    "BooksCheck",
    "DatabaseStatus",
    "DeliveryHold",
    "Difference",
    "Equation",
    "ReplicaBeat",
    "UndeliveredRow",
    "equations",
    "read",
]

REPLICAS_SHOWN_FOR: Duration = 10 * MINUTE
"""How long a silent replica is shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Equation:
    """One equation of the ledger (RULES.md#accounting). If `total` is not the sum of `parts`, something is lost."""

    name: str
    total: int
    parts: Mapping[str, int]

    @property
    def difference(self) -> int:
        return self.total - sum(self.parts.values())

    @property
    def holds(self) -> bool:
        return self.difference == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseStatus:
    """The state of the instance in its database, at one time.

    `oldest` is the delivery that has waited longest. `backup` is the state of scheduled backups, None if there are
    none. `retention_waits_until` is the time until which no data expires, because the clock went far ahead; None if
    it expires as usual.
    """

    at: Instant
    dialect: str
    bytes: int
    oldest: UndeliveredRow | None
    hold: DeliveryHold | None
    replicas: tuple[ReplicaBeat, ...]
    backup: BackupState | None
    retention_waits_until: Instant | None = None


def equations(books: Accounting) -> tuple[Equation, ...]:
    """The three equations. The one of notifications counts what is neither told, held nor due, which must be zero."""
    return (
        Equation(
            name="events",
            total=books.accepted,
            parts={"counted": books.counted, "pruned": books.pruned_events},
        ),
        Equation(name="telling", total=books.untold, parts={}),
        Equation(
            name="deliveries",
            total=books.created,
            parts={**books.by_state, "pruned": books.pruned_deliveries},
        ),
    )


async def read(database: Database) -> DatabaseStatus:
    """The state of the instance, without the ledger."""

    def work(tx: Tx) -> DatabaseStatus:
        return DatabaseStatus(
            at=tx.now,
            dialect=tx.dialect,
            bytes=housekeeping.size(tx),
            oldest=views.oldest_undelivered(tx),
            hold=hold.current(tx),
            replicas=replicas.since(tx, tx.now - REPLICAS_SHOWN_FOR),
            backup=backups.state(tx),
            retention_waits_until=timers.retention_waits_until(tx),
        )

    return await database.read(work)
