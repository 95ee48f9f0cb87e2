"""Authentication of secrets: finds the caller that a secret belongs to.

The secret may come from a header, a URL or a form; HTTP is left to the caller of this module.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from notifier.access.caller import Caller
from notifier.access.errors import OtherDoor, Unauthenticated
from notifier.domain.key import Key
from notifier.domain.time import MINUTE, Instant
from notifier.store import keys
from notifier.store.database import HOUSEKEEPING, INGEST, Database

REMEMBERED_MS = 2_000
REMEMBERED_AT_MOST = 10_000

_UNKNOWN = "this key is not known: list keys with `notifier keys list`, or create one"
_REVOKED = "this key has been revoked: create another with `notifier keys create`"


class Keyring:
    """Looks up keys by hash. Results are cached for two seconds, which delays a revocation by another replica."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._remembered: dict[str, tuple[Instant, Caller | str]] = {}
        self._looking_up: dict[str, asyncio.Future[Key | None]] = {}
        self._used: dict[str, Instant] = {}
        self._noted: dict[str, Instant] = {}

    def forget(self) -> None:
        """Clear the cache, so that a change made by this process applies at once."""
        self._remembered.clear()

    async def caller(self, secret: str, *, door: str | None = None) -> Caller:
        """The caller whose key this secret is, at the given door, or at any other endpoint if that is None.

        Raises `Unauthenticated` if the secret is unknown or revoked, `OtherDoor` if its key was made for another
        door, and `StoreError` if the database fails.
        """
        hash_ = keys.digest(secret)
        now = self._database.now()
        looked_up = self._remembered.get(hash_)
        if looked_up is None or not 0 <= now - looked_up[0] < REMEMBERED_MS:
            key = await self._key(hash_)
            if len(self._remembered) >= REMEMBERED_AT_MOST:
                self._remembered.clear()
            looked_up = self._remembered[hash_] = (now, _caller_of(key))
            if key is not None and key.revoked_at is None:
                self._used[key.id] = now
        caller = looked_up[1]
        if isinstance(caller, str):
            raise Unauthenticated(caller)
        if caller.door is not None and caller.door != door:
            raise OtherDoor(caller.door)
        return caller

    async def _key(self, hash_: str) -> Key | None:
        """Look up a key in the database. Concurrent lookups of the same key share one query."""
        found = self._looking_up.get(hash_)
        if found is None:
            found = asyncio.ensure_future(self._database.read(lambda tx: keys.find(tx, hash_), limit=INGEST))
            self._looking_up[hash_] = found
            found.add_done_callback(lambda _: self._looking_up.pop(hash_))
        return await asyncio.shield(found)

    async def record_uses(self) -> None:
        """Write the time of the last use of each key, at most once a minute."""
        now = self._database.now()
        due = {
            id_: at for id_, at in self._used.items() if not 0 <= now - self._noted.get(id_, -MINUTE) < MINUTE
        }
        if not due:
            return
        await self._database.write(lambda tx: keys.used(tx, due), housekeeping=True, limit=HOUSEKEEPING)
        for id_, at in due.items():
            self._noted[id_] = now
            if self._used[id_] == at:
                del self._used[id_]


async def create_first_key(database: Database, new_id: Callable[[], str]) -> str | None:
    """Create a key with all scopes for the project `default` and return its secret; None if a valid key exists."""
    secret, id_ = keys.make_secret(), new_id()
    created = await database.write(
        lambda tx: keys.create_first(tx, id_=id_, secret=secret, project="default", name="first")
    )
    return secret if created else None


def _caller_of(key: Key | None) -> Caller | str:
    """The key's caller; raises `Unauthenticated` or `OtherDoor` if the key is refused."""
    if key is None:
        return _UNKNOWN
    if key.revoked_at is not None:
        return _REVOKED
    return Caller.of(key)
