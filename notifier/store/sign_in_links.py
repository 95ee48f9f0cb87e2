"""Sign-in links: each opens one session with its key, once. Only a hash of the token is stored."""

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
    """The key of a link, revoked or not; None if the link is spent, expired or unknown."""
    row = tx.run(
        sa.select(api_keys)
        .join(sign_in_links, sign_in_links.c.key_id == api_keys.c.id)
        .where(sign_in_links.c.hash == digest(token), sign_in_links.c.expires_at > tx.now)
    ).one_or_none()
    return None if row is None else key_of(row)


def spend(tx: Tx, token: str) -> Key | None:
    """Like `find`, and spends the link. Of two concurrent calls one succeeds."""
    key = find(tx, token)
    taken = tx.run(sa.delete(sign_in_links).where(sign_in_links.c.hash == digest(token))).rowcount
    return key if taken else None


def forget(tx: Tx, before: Instant, most: int) -> int:
    """Delete links that expired before `before`. Returns how many."""
    old = (
        sa.select(sign_in_links.c.hash)
        .where(sign_in_links.c.expires_at < before)
        .order_by(sign_in_links.c.expires_at)
        .limit(most)
    )
    return tx.run(sa.delete(sign_in_links).where(sign_in_links.c.hash.in_(old))).rowcount
