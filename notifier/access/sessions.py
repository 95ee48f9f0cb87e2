"""Sessions of people at the pages: opened with a key, found by a cookie, with the scopes that the key has now."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

from notifier.access.caller import Caller
from notifier.access.keyring import Keyring
from notifier.domain.time import DAY, HOUR, MINUTE, Duration, Instant
from notifier.store import sessions
from notifier.store.database import Database, Tx

IDLE: Duration = 12 * HOUR
AT_MOST: Duration = 30 * DAY
_NOTED: Duration = MINUTE
"""That a session is used is written down at most so often."""
_TOKEN_CHARS = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A person who has signed in. `form_token` is what the session's forms carry."""

    caller: Caller
    form_token: str


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
        await self._database.write(
            lambda tx: sessions.add(tx, token, key_id=caller.key_id, expires_at=_ends(tx.now, tx.now))
        )
        return token

    async def find(self, token: str) -> Session | None:
        """The session of a cookie; None where it is over, or its key was revoked."""
        if not token or len(token) > _TOKEN_CHARS:
            return None
        stored = await self._database.read(lambda tx: sessions.find(tx, token))
        now = self._database.now()
        if stored is None or stored.key.revoked_at is not None or stored.expires_at <= now:
            return None
        if now - stored.seen_at >= _NOTED:
            await self._database.write(lambda tx: _note(tx, token, stored.created_at))
        return Session(caller=Caller.of(stored.key), form_token=form_token(token))

    async def end(self, token: str) -> None:
        """Sign out."""
        if token and len(token) <= _TOKEN_CHARS:
            await self._database.write(lambda tx: sessions.end(tx, token))


def new_token() -> str:
    """A new value for a cookie: 256 random bits."""
    return secrets.token_urlsafe(32)


def form_token(token: str) -> str:
    """The token that forms carry, so that nobody else can send them. The cookie cannot be told from it."""
    return hashlib.sha256(f"form:{token}".encode("utf-8", "surrogatepass")).hexdigest()


def _note(tx: Tx, token: str, created_at: Instant) -> None:
    sessions.seen(tx, token, expires_at=_ends(created_at, tx.now))


def _ends(created_at: Instant, now: Instant) -> Instant:
    return min(now + IDLE, created_at + AT_MOST)
