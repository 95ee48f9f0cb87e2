"""Change detection for pages that update themselves."""

from __future__ import annotations

from notifier.store import ledger
from notifier.store.database import Database, Subscription


def subscribe(database: Database) -> Subscription:
    """A subscription that every commit of any replica wakes if it changes what is open, held, notified or delivered."""
    return database.signals.subscribe("attention", "groups", "targets", "sweep")


async def accepted_events(database: Database) -> int:
    """The number of events ever accepted by all replicas. Events of known problems wake no subscription."""
    return await database.read(ledger.accepted)
