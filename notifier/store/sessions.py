"""Browser sessions, stored by the hash of their cookie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from notifier.domain.key import Key
from notifier.domain.person import RecognisedPerson
from notifier.domain.time import Instant
from notifier.store.database import Tx
from notifier.store.json_rows import json_text, json_value
from notifier.store.keys import digest, key_of
from notifier.store.schema import api_keys, sessions


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSession:
    """A session and its owner: a key in its current state, or a person. `hash` is the cookie's."""

    hash: str
    who: Key | RecognisedPerson
    created_at: Instant
    seen_at: Instant
    expires_at: Instant


def add(tx: Tx, token: str, *, key_id: str, expires_at: Instant) -> None:
    """Store a session with a key."""
    tx.run(
        sa.insert(sessions).values(
            hash=digest(token), key_id=key_id, created_at=tx.now, seen_at=tx.now, expires_at=expires_at
        )
    )


def add_person(tx: Tx, token: str, person: RecognisedPerson, *, expires_at: Instant) -> None:
    """Store a session for a person, as the provider describes that person."""
    tx.run(
        sa.insert(sessions).values(
            hash=digest(token),
            issuer=person.issuer,
            subject=person.subject,
            name=person.name,
            groups=json_text(sorted(person.groups)),
            created_at=tx.now,
            seen_at=tx.now,
            expires_at=expires_at,
        )
    )


def find(tx: Tx, token: str) -> StoredSession | None:
    """The session of a cookie, even if expired; None if there is none, or its key was deleted."""
    row = tx.run(_with_keys().where(sessions.c.hash == digest(token))).one_or_none()
    return None if row is None else _stored(row)


def listing(tx: Tx, *, owner: str | RecognisedPerson | None, most: int) -> tuple[StoredSession, ...]:
    """The current sessions of a key's id or a person, or of all, most recently used first."""
    query = _with_keys().where(sessions.c.expires_at > tx.now, api_keys.c.revoked_at.is_(None), _of(owner))
    rows = tx.run(query.order_by(sessions.c.seen_at.desc(), sessions.c.hash).limit(most))
    return tuple(map(_stored, rows))


def seen(tx: Tx, token: str, *, expires_at: Instant) -> None:
    """Record a use, and until when the session now lasts."""
    tx.run(
        sa.update(sessions)
        .where(sessions.c.hash == digest(token))
        .values(seen_at=tx.now, expires_at=expires_at)
    )


def end(tx: Tx, token: str) -> None:
    """End a session; idempotent."""
    tx.run(sa.delete(sessions).where(sessions.c.hash == digest(token)))


def end_hashed(tx: Tx, hash_: str, *, owner: str | RecognisedPerson | None) -> bool:
    """End the session whose cookie has this hash, if it belongs to `owner` or that is None.

    Returns whether it existed.
    """
    return tx.run(sa.delete(sessions).where(sessions.c.hash == hash_, _of(owner))).rowcount == 1


def forget(tx: Tx, before: Instant, most: int) -> int:
    """Delete sessions that expired before `before`. Returns how many."""
    old = (
        sa.select(sessions.c.hash)
        .where(sessions.c.expires_at < before)
        .order_by(sessions.c.expires_at)
        .limit(most)
    )
    return tx.run(sa.delete(sessions).where(sessions.c.hash.in_(old))).rowcount


def _of(owner: str | RecognisedPerson | None) -> sa.ColumnElement[bool]:
    if owner is None:
        return sa.true()
    if isinstance(owner, RecognisedPerson):
        return sa.and_(sessions.c.issuer == owner.issuer, sessions.c.subject == owner.subject)
    return sessions.c.key_id == owner


def _with_keys() -> sa.Select[Any]:
    opened = (
        sessions.c.hash.label("cookie"),
        sessions.c.created_at.label("opened_at"),
        sessions.c.seen_at,
        sessions.c.expires_at,
        sessions.c.issuer,
        sessions.c.subject,
        sessions.c.name.label("person"),
        sessions.c.groups,
    )
    joined = sessions.outerjoin(api_keys, sessions.c.key_id == api_keys.c.id)
    known = sa.or_(api_keys.c.id.is_not(None), sessions.c.issuer.is_not(None))
    return sa.select(api_keys, *opened).select_from(joined).where(known)


def _stored(row: sa.Row[Any]) -> StoredSession:
    return StoredSession(
        hash=row.cookie,
        who=key_of(row) if row.issuer is None else _person(row),
        created_at=row.opened_at,
        seen_at=row.seen_at,
        expires_at=row.expires_at,
    )


def _person(row: sa.Row[Any]) -> RecognisedPerson:
    return RecognisedPerson(
        issuer=row.issuer, subject=row.subject, name=row.person, groups=frozenset(json_value(row.groups))
    )
