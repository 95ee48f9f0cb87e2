"""Links that sign in to the pages: each opens one session with its key, once; only a hash of its token is stored."""

from __future__ import annotations

import sqlalchemy as sa

from notifier.domain.key import Key
from notifier.domain.time import Instant
from notifier.store.database import Tx
from notifier.store.keys import digest, key_of
from notifier.store.schema import api_keys, sign_in_links


def add(tx: Tx, token: str, *, key_id: str, expires_at: Instant) -> None:
    tx.run(sa.insert(sign_in_links).values(hash=digest(token), key_id=key_id, expires_at=expires_at))


def find(tx: Tx, token: str) -> Key | None:
    """The key that a link signs in with, be it revoked or not; None: it is used, expired or unknown."""
    row = tx.run(
        sa.select(api_keys)
        .join(sign_in_links, sign_in_links.c.key_id == api_keys.c.id)
        .where(sign_in_links.c.hash == digest(token), sign_in_links.c.expires_at > tx.now)
    ).one_or_none()
    return None if row is None else key_of(row)


def spend(tx: Tx, token: str) -> Key | None:
    """The same, and the link is used up; of two at a time one wins."""
    key = find(tx, token)
    taken = tx.run(sa.delete(sign_in_links).where(sign_in_links.c.hash == digest(token))).rowcount
    return key if taken else None


def forget(tx: Tx, before: Instant, most: int) -> int:
    """Remove links that expired before this; how many."""
    old = (
        sa.select(sign_in_links.c.hash)
        .where(sign_in_links.c.expires_at < before)
        .order_by(sign_in_links.c.expires_at)
        .limit(most)
    )
    return tx.run(sa.delete(sign_in_links).where(sign_in_links.c.hash.in_(old))).rowcount
