"""The service's own backups: one row for all replicas, so that one is made at a time and each of them knows of it."""

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
    """The fate of the service's own backups, since somebody wanted them.

    `made_at` is when the last one that was made had been begun; `file` is its name without a folder, and `kept` how
    many there were after it. `failed_at` and `why` are about the tries since then (None: none failed).
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
        """The moment that its age counts from."""
        return self.since if self.made_at is None else self.made_at


def state(tx: Tx) -> BackupState | None:
    """None: none was ever wanted."""
    row = _row(tx)
    return None if row is None else _state_of(row)


def next_at(tx: Tx, every: Duration) -> Instant:
    """The moment from which on one may be begun; while one is being made, the end of its lease."""
    row = _row(tx)
    return tx.now if row is None else due_at(_state_of(row).made_at, every, not_before=row.at)


def begin(tx: Tx, every: Duration) -> Instant | None:
    """Take it on: the end of the lease, which is what it is renewed and ended by; None: it is not due, or taken."""
    tx.run(
        upsert(tx.dialect, instance)
        .values(name=ROW, value=_text(BackupState(since=tx.now)), at=tx.now)
        .on_conflict_do_nothing()
    )
    row = _row(tx)
    assert row is not None
    if tx.now < due_at(_state_of(row).made_at, every, not_before=row.at):
        return None
    return _moved(tx, row.at, tx.now + LEASE)


def renew(tx: Tx, lease: Instant) -> Instant | None:
    """The lease's new end; None: another replica has taken it."""
    return _moved(tx, lease, max(lease + 1, tx.now + LEASE))


def succeeded(tx: Tx, lease: Instant, *, begun_at: Instant, bytes_: int, file: str, kept: int) -> None:
    """Note what was made."""
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
        _moved(tx, lease, tx.now, value=_text(made))


def give_back(tx: Tx, lease: Instant) -> None:
    """Let another process begin at once."""
    _moved(tx, lease, tx.now)


def failed(tx: Tx, lease: Instant, *, why: str, retry_at: Instant) -> None:
    """Note why none was made, and from when on it may be tried again."""
    row = _row(tx)
    if row is not None:
        _moved(tx, lease, retry_at, value=_text(replace(_state_of(row), failed_at=tx.now, why=why)))


def move_back(tx: Tx, by: Duration, edge: Instant) -> None:
    """Let moments after `edge` be `by` milliseconds earlier, for they are of a clock that has been set back."""
    row = _row(tx)
    if row is not None:
        state, at = _state_of(row), _earlier(row.at, by, edge)
        moved = replace(
            state,
            since=_earlier(state.since, by, edge),
            made_at=None if state.made_at is None else _earlier(state.made_at, by, edge),
            failed_at=None if state.failed_at is None else _earlier(state.failed_at, by, edge),
        )
        _moved(tx, row.at, at, value=_text(moved))


def _earlier(at: Instant, by: Duration, edge: Instant) -> Instant:
    return at - by if at > edge else at


def _row(tx: Tx) -> Any:
    return tx.run(sa.select(instance).where(instance.c.name == ROW)).one_or_none()


def _state_of(row: Any) -> BackupState:
    written: Mapping[str, Any] = json.loads(row.value)
    return BackupState(**written)


def _text(value: BackupState) -> str:
    return json.dumps(asdict(value))


def _moved(tx: Tx, seen: Instant, at: Instant, **values: str) -> Instant | None:
    """Set the row's moment, if it is still the one that was seen."""
    mine = sa.and_(instance.c.name == ROW, instance.c.at == seen)
    return at if tx.run(sa.update(instance).where(mine).values(at=at, **values)).rowcount else None
