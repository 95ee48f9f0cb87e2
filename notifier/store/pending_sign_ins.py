"""Pending sign-ins with an OpenID provider. A row grants nothing.

Only hashes of the state and of the browser's cookie are stored; nonce and verifier are derived from the two.
"""

from __future__ import annotations

import sqlalchemy as sa

from notifier.domain.time import Instant
from notifier.store.database import Tx
from notifier.store.keys import digest
from notifier.store.schema import pending_sign_ins


def add(tx: Tx, state: str, *, browser: str, next_: str, expires_at: Instant) -> None:
    """Store that a browser was sent to the provider with this state, and the page that it wanted."""
    tx.run(
        sa.insert(pending_sign_ins).values(
            hash=digest(state), browser=digest(browser), next=next_, expires_at=expires_at
        )
    )


def find(tx: Tx, state: str, *, browser: str) -> str | None:
    """The page that this browser wanted; None if the state is unknown, spent, expired or another browser's."""
    return tx.run(
        sa.select(pending_sign_ins.c.next).where(
            pending_sign_ins.c.hash == digest(state),
            pending_sign_ins.c.browser == digest(browser),
            pending_sign_ins.c.expires_at > tx.now,
        )
    ).scalar_one_or_none()


def spend(tx: Tx, state: str, *, browser: str) -> str | None:
    """Like `find`, and spends the state. Of two concurrent calls one succeeds."""
    next_ = find(tx, state, browser=browser)
    if next_ is None:
        return None
    taken = tx.run(sa.delete(pending_sign_ins).where(pending_sign_ins.c.hash == digest(state))).rowcount
    return next_ if taken else None


def forget(tx: Tx, before: Instant, most: int) -> int:
    """Delete sign-ins that expired before `before`. Returns how many."""
    old = (
        sa.select(pending_sign_ins.c.hash)
        .where(pending_sign_ins.c.expires_at < before)
        .order_by(pending_sign_ins.c.expires_at)
        .limit(most)
    )
    return tx.run(sa.delete(pending_sign_ins).where(pending_sign_ins.c.hash.in_(old))).rowcount
