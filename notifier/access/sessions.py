"""Sessions of people at the pages: opened with a key or by a provider, found by a cookie, with today's scopes."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from notifier.access.caller import Caller
from notifier.access.keyring import Keyring
from notifier.domain.person import RecognisedPerson, Roles, grants
from notifier.domain.time import DAY, HOUR, MINUTE, Duration, Instant
from notifier.store import pending_sign_ins, sessions, sign_in_links
from notifier.store.database import Database, Tx

IDLE: Duration = 12 * HOUR
AT_MOST: Duration = 30 * DAY
PERSON_AT_MOST: Duration = 12 * HOUR
"""A session without a key ends so long after the sign-in, however it is used: its groups are those of that moment."""
_NOTED: Duration = MINUTE
"""That a session is used is written down at most so often."""
_TOKEN_CHARS = 128
LINK_LASTS: Duration = 10 * MINUTE
PENDING_LASTS: Duration = 10 * MINUTE
LISTED_AT_MOST = 200

RolesOf = Callable[[str], Roles | None]
"""From an issuer to the roles that people of it have now; None where the configuration knows none of that name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A person who has signed in.

    `id` names the session to people and opens nothing; `form_token` is what its forms carry. `projects` are those that
    a person without a key can choose among. `ends_here`: signing out ends it, and not elsewhere.
    """

    id: str
    caller: Caller
    form_token: str
    projects: tuple[str, ...] = ()
    ends_here: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenSession:
    """A session as its owner or an administrator sees it: whose it is, and its moments.

    `key_name` and `project` are its key's; without a key `key_name` is the person's and `issuer` says who knows it.
    """

    id: str
    key_name: str
    project: str | None
    issuer: str | None
    created_at: Instant
    seen_at: Instant
    expires_at: Instant


class Sessions:
    """Opens, finds and ends sessions. What a cookie holds is kept as a hash.

    `roles_of` is asked at each request: a role that a reload takes away is gone at once.
    """

    def __init__(
        self, database: Database, keyring: Keyring, roles_of: RolesOf = lambda _issuer: None
    ) -> None:
        self._database = database
        self._keyring = keyring
        self._roles_of = roles_of

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

    async def open_for(self, person: RecognisedPerson) -> str:
        """The same for a person whom a provider has recognised; `NoRole` where none lets that person read."""
        Caller.of_person(person, self._roles_of(person.issuer) or {})
        token = new_token()
        await self._database.write(
            lambda tx: sessions.add_person(tx, token, person, expires_at=tx.now + PERSON_AT_MOST)
        )
        return token

    async def begin(self, state: str, *, browser: str, next_: str) -> None:
        """Note that a browser goes to the provider with this state; ten minutes later that is forgotten."""
        await self._database.write(
            lambda tx: pending_sign_ins.add(
                tx, state, browser=browser, next_=next_, expires_at=tx.now + PENDING_LASTS
            )
        )

    async def come_back(self, state: str, *, browser: str) -> str | None:
        """Where the browser wanted to be, once; None where this state is not its own, used or expired."""
        if await self._database.read(lambda tx: pending_sign_ins.find(tx, state, browser=browser)) is None:
            return None
        return await self._database.write(lambda tx: pending_sign_ins.spend(tx, state, browser=browser))

    async def link_is_good(self, link: str) -> bool:
        """Whether a link would sign in. A stranger who tries links costs reads, and never the writer's time."""
        key = await self._database.read(lambda tx: sign_in_links.find(tx, link))
        return key is not None and key.revoked_at is None

    async def find(self, token: str, *, project: str = "", used: bool = True) -> Session | None:
        """The session of a cookie; None where it is over, its key was revoked, or nobody knows its issuer any more.

        `used`: by a person, just now. `project`: what a person of several has chosen. `NoRole`: none is left.
        """
        if not token or len(token) > _TOKEN_CHARS:
            return None
        stored = await self._database.read(lambda tx: sessions.find(tx, token))
        now = self._database.now()
        if stored is None or stored.expires_at <= now:
            return None
        who = stored.who
        if isinstance(who, RecognisedPerson):
            roles = self._roles_of(who.issuer)
            if roles is None:
                return None
            caller, projects = Caller.of_person(who, roles, project=project), tuple(grants(who, roles))
        elif who.revoked_at is not None:
            return None
        else:
            caller, projects = Caller.of(who), ()
        if used and now - stored.seen_at >= _NOTED:
            await self._database.write(lambda tx: _note(tx, token, stored.created_at, caller))
        return Session(id=stored.hash, caller=caller, form_token=form_token(token), projects=projects)

    async def end(self, token: str) -> None:
        """Sign out."""
        if token and len(token) <= _TOKEN_CHARS:
            await self._database.write(lambda tx: sessions.end(tx, token))


async def listing(database: Database, caller: Caller) -> tuple[OpenSession, ...]:
    """The open sessions of the caller's key or person; of all for `admin`. The last used first."""
    owner = None if caller.may("admin") else caller.owner
    stored = await database.read(lambda tx: sessions.listing(tx, owner=owner, most=LISTED_AT_MOST))
    return tuple(
        OpenSession(
            id=session.hash,
            key_name=session.who.name,
            project=None if isinstance(session.who, RecognisedPerson) else session.who.project,
            issuer=session.who.issuer if isinstance(session.who, RecognisedPerson) else None,
            created_at=session.created_at,
            seen_at=session.seen_at,
            expires_at=session.expires_at,
        )
        for session in stored
    )


async def revoke(database: Database, caller: Caller, id_: str) -> bool:
    """End a session of the caller's key or person, or with `admin` any; False where this caller has no such one."""
    owner = None if caller.may("admin") else caller.owner
    return await database.write(lambda tx: sessions.end_hashed(tx, id_, owner=owner))


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


def _note(tx: Tx, token: str, created_at: Instant, caller: Caller) -> None:
    ends = _ends(created_at, tx.now) if caller.person is None else created_at + PERSON_AT_MOST
    sessions.seen(tx, token, expires_at=ends)


def _ends(created_at: Instant, now: Instant) -> Instant:
    return min(now + IDLE, created_at + AT_MOST)
