"""Whether anything has happened that a page would show otherwise."""

from __future__ import annotations

from notifier.store import ledger
from notifier.store.database import Database, Subscription


def subscribe(database: Database) -> Subscription:
    """Woken by every commit, of any replica, that changes what is open, held, told or delivered."""
    return database.signals.subscribe("attention", "groups", "targets", "sweep")


async def events_counted(database: Database) -> int:
    """How many events were ever accepted, by all replicas: an event of a known problem wakes nobody."""
    return await database.read(ledger.accepted)
