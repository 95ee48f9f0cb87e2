"""Sessions of the pages: a row for each, found by the hash of what its cookie holds."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from notifier.domain.key import Key
from notifier.domain.time import Instant
from notifier.store.database import Tx
from notifier.store.keys import digest, key_of
from notifier.store.schema import api_keys, sessions


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSession:
    """A session and the key that opened it, as the key is now."""

    key: Key
    created_at: Instant
    seen_at: Instant
    expires_at: Instant


def add(tx: Tx, token: str, *, key_id: str, expires_at: Instant) -> None:
    """Open a session for what a cookie will hold."""
    tx.run(
        sa.insert(sessions).values(
            hash=digest(token), key_id=key_id, created_at=tx.now, seen_at=tx.now, expires_at=expires_at
        )
    )


def find(tx: Tx, token: str) -> StoredSession | None:
    """The session of a cookie, be it over or not; None: there is none, or its key is gone."""
    opened = (sessions.c.created_at.label("opened_at"), sessions.c.seen_at, sessions.c.expires_at)
    row = tx.run(
        sa.select(api_keys, *opened)
        .join(sessions, sessions.c.key_id == api_keys.c.id)
        .where(sessions.c.hash == digest(token))
    ).one_or_none()
    if row is None:
        return None
    return StoredSession(
        key=key_of(row), created_at=row.opened_at, seen_at=row.seen_at, expires_at=row.expires_at
    )


def seen(tx: Tx, token: str, *, expires_at: Instant) -> None:
    """Note that somebody uses it, and until when it lasts now."""
    tx.run(
        sa.update(sessions)
        .where(sessions.c.hash == digest(token))
        .values(seen_at=tx.now, expires_at=expires_at)
    )


def end(tx: Tx, token: str) -> None:
    """Close a session; what is closed already stays so."""
    tx.run(sa.delete(sessions).where(sessions.c.hash == digest(token)))


def forget(tx: Tx, before: Instant, most: int) -> int:
    """Remove sessions that were over before this; how many."""
    old = (
        sa.select(sessions.c.hash)
        .where(sessions.c.expires_at < before)
        .order_by(sessions.c.expires_at)
        .limit(most)
    )
    return tx.run(sa.delete(sessions).where(sessions.c.hash.in_(old))).rowcount
