"""Scheduled backups: one row shared by all replicas, with a lease so that one backup is made at a time."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import sqlalchemy as sa

from notifier.domain.time import MINUTE, Duration, Instant
from notifier.policy.backups import due_at
from notifier.store.compiled import upsert
from notifier.store.database import Tx
from notifier.store.schema import instance

ROW = "backup"
LEASE: Duration = 2 * MINUTE


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupState:
    """The state of scheduled backups. `since` is when they were first enabled.

    `made_at` is when the last successful backup was begun, `file` its name without a folder, and `kept` the number of
    backups after it. `failed_at` and `why` describe the last failure since then, if there was one.
    """

    since: Instant
    made_at: Instant | None = None
    bytes: int = 0
    file: str = ""
    kept: int = 0
    by: str = ""
    failed_at: Instant | None = None
    why: str = ""

    @property
    def fresh_at(self) -> Instant:
        """The time from which the age of the last backup counts."""
        return self.since if self.made_at is None else self.made_at


def state(tx: Tx) -> BackupState | None:
    """The stored state, or None if backups were never enabled."""
    row = _row(tx)
    return None if row is None else _state_of(row)


def next_at(tx: Tx, every: Duration) -> Instant:
    """When the next backup may begin; while one is being made, the end of its lease."""
    row = _row(tx)
    return tx.now if row is None else due_at(_state_of(row).made_at, every, not_before=row.at)


def begin(tx: Tx, every: Duration) -> Instant | None:
    """Take the lease for a backup.

    Returns its end, which identifies it, or None if no backup is due or another has it.
    """
    tx.run(
        upsert(tx.dialect, instance)
        .values(name=ROW, value=_text(BackupState(since=tx.now)), at=tx.now)
        .on_conflict_do_nothing()
    )
    row = _row(tx)
    assert row is not None
    if tx.now < due_at(_state_of(row).made_at, every, not_before=row.at):
        return None
    return _compare_and_set(tx, row.at, tx.now + LEASE)


def renew(tx: Tx, lease: Instant) -> Instant | None:
    """Extend the lease. Returns its new end, or None if another replica has taken it."""
    return _compare_and_set(tx, lease, max(lease + 1, tx.now + LEASE))


def succeeded(tx: Tx, lease: Instant, *, begun_at: Instant, bytes_: int, file: str, kept: int) -> None:
    """Record a successful backup and release the lease."""
    row = _row(tx)
    if row is not None:
        made = replace(
            _state_of(row),
            made_at=begun_at,
            bytes=bytes_,
            file=file,
            kept=kept,
            by=tx.replica,
            failed_at=None,
            why="",
        )
        _compare_and_set(tx, lease, tx.now, value=_text(made))


def give_back(tx: Tx, lease: Instant) -> None:
    """Release the lease, so that another process can begin at once."""
    _compare_and_set(tx, lease, tx.now)


def failed(tx: Tx, lease: Instant, *, why: str, retry_at: Instant) -> None:
    """Record a failure and release the lease; the next attempt is due at `retry_at`."""
    row = _row(tx)
    if row is not None:
        _compare_and_set(tx, lease, retry_at, value=_text(replace(_state_of(row), failed_at=tx.now, why=why)))


def move_back(tx: Tx, by: Duration, edge: Instant) -> None:
    """Move times after `edge` back by `by` milliseconds, since the clock has been set back."""
    row = _row(tx)
    if row is not None:
        state, at = _state_of(row), _earlier(row.at, by, edge)
        moved = replace(
            state,
            since=_earlier(state.since, by, edge),
            made_at=None if state.made_at is None else _earlier(state.made_at, by, edge),
            failed_at=None if state.failed_at is None else _earlier(state.failed_at, by, edge),
        )
        _compare_and_set(tx, row.at, at, value=_text(moved))


def _earlier(at: Instant, by: Duration, edge: Instant) -> Instant:
    return at - by if at > edge else at


def _row(tx: Tx) -> Any:
    return tx.run(sa.select(instance).where(instance.c.name == ROW)).one_or_none()


def _state_of(row: Any) -> BackupState:
    written: Mapping[str, Any] = json.loads(row.value)
    return BackupState(**written)


def _text(value: BackupState) -> str:
    return json.dumps(asdict(value))


def _compare_and_set(tx: Tx, expected: Instant, at: Instant, **values: str) -> Instant | None:
    """Set the time of the row if it still is `expected`. Returns the new time, or None."""
    mine = sa.and_(instance.c.name == ROW, instance.c.at == expected)
    return at if tx.run(sa.update(instance).where(mine).values(at=at, **values)).rowcount else None
