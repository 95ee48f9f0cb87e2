"""Sessions of people at the pages: opened with a key, found by a cookie, with the scopes that the key has now."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

from notifier.access.caller import Caller
from notifier.access.keyring import Keyring
from notifier.domain.time import DAY, HOUR, MINUTE, Duration, Instant
from notifier.store import sessions, sign_in_links
from notifier.store.database import Database, Tx

IDLE: Duration = 12 * HOUR
AT_MOST: Duration = 30 * DAY
_NOTED: Duration = MINUTE
"""That a session is used is written down at most so often."""
_TOKEN_CHARS = 128
LINK_LASTS: Duration = 10 * MINUTE
LISTED_AT_MOST = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A person who has signed in.

    `id` names the session to people and opens nothing; `form_token` is what its forms carry.
    """

    id: str
    caller: Caller
    form_token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenSession:
    """A session as its owner or an administrator sees it: the name and project of its key, and its moments."""

    id: str
    key_name: str
    project: str
    created_at: Instant
    seen_at: Instant
    expires_at: Instant


class Sessions:
    """Opens, finds and ends sessions. What a cookie holds is kept as a hash."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring

    async def open(self, key: str) -> str:
        """The value for a new session's cookie; an `AccessError` where this is no good key, or may not read."""
        caller = await self._keyring.caller(key)
        caller.require("read")
        token = new_token()
        await self._database.write(lambda tx: _open(tx, token, caller.key_id))
        return token

    async def open_by_link(self, link: str) -> str | None:
        """The same with a link, which is used up by that; None where it is used, expired, or its key revoked."""
        token = new_token()

        def work(tx: Tx) -> bool:
            key = sign_in_links.spend(tx, link)
            if key is None or key.revoked_at is not None:
                return False
            _open(tx, token, key.id)
            return True

        return token if await self._database.write(work) else None

    async def link_is_good(self, link: str) -> bool:
        """Whether a link would sign in. A stranger who tries links costs reads, and never the writer's time."""
        key = await self._database.read(lambda tx: sign_in_links.find(tx, link))
        return key is not None and key.revoked_at is None

    async def find(self, token: str, *, used: bool = True) -> Session | None:
        """The session of a cookie; None where it is over, or its key was revoked. `used`: by a person, just now."""
        if not token or len(token) > _TOKEN_CHARS:
            return None
        stored = await self._database.read(lambda tx: sessions.find(tx, token))
        now = self._database.now()
        if stored is None or stored.key.revoked_at is not None or stored.expires_at <= now:
            return None
        if used and now - stored.seen_at >= _NOTED:
            await self._database.write(lambda tx: _note(tx, token, stored.created_at))
        return Session(id=stored.hash, caller=Caller.of(stored.key), form_token=form_token(token))

    async def end(self, token: str) -> None:
        """Sign out."""
        if token and len(token) <= _TOKEN_CHARS:
            await self._database.write(lambda tx: sessions.end(tx, token))


async def listing(database: Database, caller: Caller) -> tuple[OpenSession, ...]:
    """The open sessions of the caller's key; of all keys for `admin`. The last used first."""
    key_id = None if caller.may("admin") else caller.key_id
    stored = await database.read(lambda tx: sessions.listing(tx, key_id=key_id, most=LISTED_AT_MOST))
    return tuple(
        OpenSession(
            id=one.hash,
            key_name=one.key.name,
            project=one.key.project,
            created_at=one.created_at,
            seen_at=one.seen_at,
            expires_at=one.expires_at,
        )
        for one in stored
    )


async def revoke(database: Database, caller: Caller, id_: str) -> bool:
    """End a session of the caller's key, or with `admin` any; False where there is no such one for this caller."""
    key_id = None if caller.may("admin") else caller.key_id
    return await database.write(lambda tx: sessions.end_hashed(tx, id_, key_id=key_id))


async def make_link(database: Database, key_id: str) -> tuple[str, Instant]:
    """A new link's token, which signs in once with that key, and when it expires."""
    token = new_token()

    def work(tx: Tx) -> Instant:
        expires_at = tx.now + LINK_LASTS
        sign_in_links.add(tx, token, key_id=key_id, expires_at=expires_at)
        return expires_at

    return token, await database.write(work)


def new_token() -> str:
    """A new value for a cookie or a link: 256 random bits."""
    return secrets.token_urlsafe(32)


def form_token(token: str) -> str:
    """The token that forms carry, so that nobody else can send them. The cookie cannot be told from it."""
    return hashlib.sha256(f"form:{token}".encode("utf-8", "surrogatepass")).hexdigest()


def _open(tx: Tx, token: str, key_id: str) -> None:
    sessions.add(tx, token, key_id=key_id, expires_at=_ends(tx.now, tx.now))


def _note(tx: Tx, token: str, created_at: Instant) -> None:
    sessions.seen(tx, token, expires_at=_ends(created_at, tx.now))


def _ends(created_at: Instant, now: Instant) -> Instant:
    return min(now + IDLE, created_at + AT_MOST)
