"""Exclusive backups: the row that replicas share."""

from __future__ import annotations

import pytest

from notifier.domain.time import DAY, MINUTE
from notifier.store import backups
from notifier.store.backups import LEASE
from notifier.store.database import Database
from notifier.testing import ManualClock

pytestmark = pytest.mark.anyio


async def _is_due(database: Database) -> bool:
    return await database.read(lambda tx: backups.next_at(tx, DAY) <= tx.now)


async def test_one_takes_it_on_and_another_after_its_lease(database: Database, clock: ManualClock) -> None:
    """The first backup is due at once. A replica that lost the lease neither renews nor ends it."""
    assert await database.read(backups.state) is None
    assert await _is_due(database)
    mine = await database.write(lambda tx: backups.begin(tx, DAY))
    assert mine == clock.now() + LEASE
    assert await database.write(lambda tx: backups.begin(tx, DAY)) is None
    clock.advance(MINUTE)
    renewed = await database.write(lambda tx: backups.renew(tx, mine))
    assert renewed == clock.now() + LEASE
    clock.advance(LEASE)
    other = await database.write(lambda tx: backups.begin(tx, DAY))
    assert other is not None
    assert await database.write(lambda tx: backups.renew(tx, renewed)) is None
    await database.write(lambda tx: backups.failed(tx, renewed, why="lost", retry_at=0))
    made_at = clock.now()
    await database.write(
        lambda tx: backups.succeeded(tx, other, begun_at=made_at, bytes_=9, file="a.db", kept=1)
    )
    state = await database.read(backups.state)
    assert state is not None
    assert (state.made_at, state.bytes, state.file, state.kept, state.why) == (made_at, 9, "a.db", 1, "")
    assert not await _is_due(database)
    clock.advance(DAY)
    assert await _is_due(database)


async def test_a_failure_is_known_until_one_is_made(database: Database, clock: ManualClock) -> None:
    """A failed backup is retried at its time; a process that stops lets others start at once."""
    lease = await database.write(lambda tx: backups.begin(tx, DAY))
    assert lease is not None
    again = clock.now() + MINUTE
    await database.write(lambda tx: backups.failed(tx, lease, why="the disk is full", retry_at=again))
    state = await database.read(backups.state)
    assert state is not None
    assert (state.failed_at, state.why, state.made_at) == (clock.now(), "the disk is full", None)
    assert state.fresh_at == state.since
    assert not await _is_due(database)
    clock.advance(MINUTE)
    second = await database.write(lambda tx: backups.begin(tx, DAY))
    assert second is not None
    await database.write(lambda tx: backups.give_back(tx, second))
    assert await database.write(lambda tx: backups.begin(tx, DAY)) is not None
