"""Sessions of the pages: a row for each, found by the hash of what its cookie holds."""

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
    """A session, and who opened it: a key, as it is now, or a person. `hash` is that of its cookie."""

    hash: str
    who: Key | RecognisedPerson
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


def add_person(tx: Tx, token: str, person: RecognisedPerson, *, expires_at: Instant) -> None:
    """The same for a person without a key, as the provider has just described that person."""
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
    """The session of a cookie, be it over or not; None: there is none, or its key is gone."""
    row = tx.run(_with_keys().where(sessions.c.hash == digest(token))).one_or_none()
    return None if row is None else _stored(row)


def listing(tx: Tx, *, owner: str | RecognisedPerson | None, most: int) -> tuple[StoredSession, ...]:
    """The sessions of a key's id, of a person, or of all, that are not over, the last used first."""
    query = _with_keys().where(sessions.c.expires_at > tx.now, api_keys.c.revoked_at.is_(None), _of(owner))
    rows = tx.run(query.order_by(sessions.c.seen_at.desc(), sessions.c.hash).limit(most))
    return tuple(map(_stored, rows))


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


def end_hashed(tx: Tx, hash_: str, *, owner: str | RecognisedPerson | None) -> bool:
    """Close the session whose cookie has this hash, of this owner or, where that is None, of any; False: none is."""
    return tx.run(sa.delete(sessions).where(sessions.c.hash == hash_, _of(owner))).rowcount == 1


def forget(tx: Tx, before: Instant, most: int) -> int:
    """Remove sessions that were over before this; how many."""
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
