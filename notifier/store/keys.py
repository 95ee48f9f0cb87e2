"""API keys. Only a hash is stored; the secret is shown once."""

from __future__ import annotations

import hashlib
import json
import secrets
import string
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from notifier.domain.key import SCOPES, DoorName, Key
from notifier.domain.time import Instant
from notifier.store.database import Tx
from notifier.store.json_rows import json_value
from notifier.store.schema import api_keys

_ALPHABET = string.ascii_letters + string.digits


def make_secret() -> str:
    """A new secret: `ntf_` and 43 random letters and digits, about 256 bits, safe in URLs and headers."""
    return "ntf_" + "".join(secrets.choice(_ALPHABET) for _ in range(43))


def digest(secret: str) -> str:
    """The stored hash of a secret.

    Secrets are random, so that one SHA-256 is enough and lookups leak nothing by timing.
    """
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def create(
    tx: Tx,
    *,
    id_: str,
    secret: str,
    project: str,
    name: str,
    scopes: Sequence[str],
    door: DoorName | None = None,
    service: str | None = None,
) -> Key:
    key = Key(
        id=id_,
        project=project,
        name=name,
        scopes=frozenset(scopes),
        created_at=tx.now,
        door=door,
        service=service,
    )
    tx.run(
        sa.insert(api_keys).values(
            id=id_,
            project=project,
            name=name,
            hash=digest(secret),
            scopes=json.dumps(sorted(scopes)),
            created_at=tx.now,
            door=door,
            service=service,
        )
    )
    return key


def find(tx: Tx, hash_: str) -> Key | None:
    """The key with this hash, revoked or not."""
    row = tx.run(sa.select(api_keys).where(api_keys.c.hash == hash_)).one_or_none()
    return None if row is None else key_of(row)


def revoke(tx: Tx, id_: str) -> Key | None:
    """Revoke a key; idempotent. Returns None if there is no such key."""
    tx.run(
        sa.update(api_keys)
        .where(api_keys.c.id == id_, api_keys.c.revoked_at.is_(None))
        .values(revoked_at=tx.now)
    )
    row = tx.run(sa.select(api_keys).where(api_keys.c.id == id_)).one_or_none()
    return None if row is None else key_of(row)


def used(tx: Tx, uses: Mapping[str, Instant]) -> None:
    """Record the last use of keys by id; replicas may write in any order."""
    for id_ in sorted(uses):
        tx.run(
            sa.update(api_keys)
            .where(
                api_keys.c.id == id_,
                sa.or_(api_keys.c.last_used_at.is_(None), api_keys.c.last_used_at < uses[id_]),
            )
            .values(last_used_at=uses[id_])
        )


def listing(tx: Tx) -> tuple[Key, ...]:
    """All keys, newest first."""
    rows = tx.run(sa.select(api_keys).order_by(api_keys.c.created_at.desc(), api_keys.c.id.desc()))
    return tuple(key_of(row) for row in rows)


def create_first(tx: Tx, *, id_: str, secret: str, project: str, name: str) -> bool:
    """Create a key with all scopes unless a valid key exists. Returns whether it was created."""
    if tx.dialect == "postgresql":
        tx.run(sa.text("LOCK TABLE api_keys IN EXCLUSIVE MODE"))
    if tx.run(sa.select(api_keys.c.id).where(api_keys.c.revoked_at.is_(None)).limit(1)).first() is not None:
        return False
    create(tx, id_=id_, secret=secret, project=project, name=name, scopes=SCOPES)
    return True


def key_of(row: sa.Row[Any]) -> Key:
    """The key for a row of its table."""
    return Key(
        id=row.id,
        project=row.project,
        name=row.name,
        scopes=frozenset(json_value(row.scopes)),
        created_at=row.created_at,
        revoked_at=row.revoked_at,
        door=row.door,
        service=row.service,
        last_used_at=row.last_used_at,
    )
