"""From a secret that somebody presents to the caller that it stands for.

Every door begins here, wherever it finds the secret: a header, an address, a form. HTTP stays with the door.
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
    """Looks keys up by hash, and remembers them for two seconds: that long a revocation by another replica takes."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._remembered: dict[str, tuple[Instant, Caller | str]] = {}
        self._looking_up: dict[str, asyncio.Future[Key | None]] = {}
        self._used: dict[str, Instant] = {}
        self._noted: dict[str, Instant] = {}

    def forget(self) -> None:
        """After a change made here: the change holds at once."""
        self._remembered.clear()

    async def caller(self, secret: str, *, door: str | None = None) -> Caller:
        """The caller whose key this secret is, at a sender's door or, where that is None, at any other place.

        `Unauthenticated` for a secret that is no key, or a revoked one; `OtherDoor` for a key that was made for another
        door; `StoreError` where the database does not say.
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
        """The key in the database. Whoever asks while somebody does already waits for that answer."""
        found = self._looking_up.get(hash_)
        if found is None:
            found = asyncio.ensure_future(self._database.read(lambda tx: keys.find(tx, hash_), limit=INGEST))
            self._looking_up[hash_] = found
            found.add_done_callback(lambda _: self._looking_up.pop(hash_))
        return await asyncio.shield(found)

    async def note_uses(self) -> None:
        """Write down when keys were used last, of each at most once a minute."""
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
    """Make a key with all scopes for the project `default` where no key works: its secret. None: a key works."""
    secret, id_ = keys.make_secret(), new_id()
    created = await database.write(
        lambda tx: keys.create_first(tx, id_=id_, secret=secret, project="default", name="first")
    )
    return secret if created else None


def _caller_of(key: Key | None) -> Caller | str:
    """The key's caller, or the sentence that refuses it."""
    if key is None:
        return _UNKNOWN
    if key.revoked_at is not None:
        return _REVOKED
    return Caller.of(key)
