"""Browser sessions: opened with a key or by a provider, found by a cookie, with scopes looked up at each request."""

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
"""How long a session without a key lasts after its sign-in, since its groups are those of that moment."""
_NOTED: Duration = MINUTE
"""The use of a session is recorded at most this often."""
_TOKEN_CHARS = 128
LINK_LASTS: Duration = 10 * MINUTE
PENDING_LASTS: Duration = 10 * MINUTE
LISTED_AT_MOST = 200

RolesOf = Callable[[str], Roles | None]
"""The current roles of an issuer's users, or None if the configuration does not have the issuer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A person who has signed in.

    `id` identifies the session to people and grants nothing; `form_token` is the CSRF token of its forms. `projects`
    are those among which a person without a key can choose. `ends_here` means that signing out ends this session but
    not the one at the provider.
    """

    id: str
    caller: Caller
    form_token: str
    projects: tuple[str, ...] = ()
    ends_here: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenSession:
    """A session in a list, with its owner and times.

    `key_name` and `project` are its key's. For a session without a key, `key_name` is the person's name and `issuer`
    the provider.
    """

    id: str
    key_name: str
    project: str | None
    issuer: str | None
    created_at: Instant
    seen_at: Instant
    expires_at: Instant


class Sessions:
    """Opens, finds and ends sessions. Only a hash of the cookie's value is stored.

    `roles_of` is called at each request, so that a role removed by a reload is lost at once.
    """

    def __init__(
        self, database: Database, keyring: Keyring, roles_of: RolesOf = lambda _issuer: None
    ) -> None:
        self._database = database
        self._keyring = keyring
        self._roles_of = roles_of

    async def open(self, key: str) -> str:
        """Open a session with a key.

        Returns the cookie's value; raises `AccessError` if the key is invalid or may not read.
        """
        caller = await self._keyring.caller(key)
        caller.require("read")
        token = new_token()
        await self._database.write(lambda tx: _open(tx, token, caller.key_id))
        return token

    async def open_by_link(self, link: str) -> str | None:
        """Open a session with a link, which is spent by that.

        Returns None if it is spent, expired, or its key revoked.
        """
        token = new_token()

        def work(tx: Tx) -> bool:
            key = sign_in_links.spend(tx, link)
            if key is None or key.revoked_at is not None:
                return False
            _open(tx, token, key.id)
            return True

        return token if await self._database.write(work) else None

    async def open_for(self, person: RecognisedPerson) -> str:
        """Open a session for a person recognised by a provider. Raises `NoRole` if no role lets that person read."""
        Caller.of_person(person, self._roles_of(person.issuer) or {})
        token = new_token()
        await self._database.write(
            lambda tx: sessions.add_person(tx, token, person, expires_at=tx.now + PERSON_AT_MOST)
        )
        return token

    async def begin(self, state: str, *, browser: str, next_: str) -> None:
        """Store that a browser was sent to the provider with this state; valid for ten minutes."""
        await self._database.write(
            lambda tx: pending_sign_ins.add(
                tx, state, browser=browser, next_=next_, expires_at=tx.now + PENDING_LASTS
            )
        )

    async def finish_sign_in(self, state: str, *, browser: str) -> str | None:
        """The page that the browser wanted, once; None if the state is spent, expired or another browser's."""
        if await self._database.read(lambda tx: pending_sign_ins.find(tx, state, browser=browser)) is None:
            return None
        return await self._database.write(lambda tx: pending_sign_ins.spend(tx, state, browser=browser))

    async def is_valid_link(self, link: str) -> bool:
        """Whether a link would sign in. Read-only, so that guessing links does not load the writer."""
        key = await self._database.read(lambda tx: sign_in_links.find(tx, link))
        return key is not None and key.revoked_at is None

    async def find(self, token: str, *, project: str = "", used: bool = True) -> Session | None:
        """The session of a cookie; None if it expired, its key was revoked, or its issuer is no longer configured.

        `used` records a use by a person. `project` is the one chosen by a person with several. Raises `NoRole` if the
        person has lost all roles.
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
        """End a session."""
        if token and len(token) <= _TOKEN_CHARS:
            await self._database.write(lambda tx: sessions.end(tx, token))


async def listing(database: Database, caller: Caller) -> tuple[OpenSession, ...]:
    """The open sessions of the caller's key or person, or all for `admin`, most recently used first."""
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
    """End a session of the caller, or any session for `admin`. Returns False if the caller has no such session."""
    owner = None if caller.may("admin") else caller.owner
    return await database.write(lambda tx: sessions.end_hashed(tx, id_, owner=owner))


async def make_link(database: Database, key_id: str) -> tuple[str, Instant]:
    """Create a link that signs in once with that key. Returns its token and when it expires."""
    token = new_token()

    def work(tx: Tx) -> Instant:
        expires_at = tx.now + LINK_LASTS
        sign_in_links.add(tx, token, key_id=key_id, expires_at=expires_at)
        return expires_at

    return token, await database.write(work)


def new_token() -> str:
    """A new value for a cookie or a link, with 256 random bits."""
    return secrets.token_urlsafe(32)


def form_token(token: str) -> str:
    """The CSRF token of forms, derived from the cookie's value, which it does not reveal."""
    return hashlib.sha256(f"form:{token}".encode("utf-8", "surrogatepass")).hexdigest()


def _open(tx: Tx, token: str, key_id: str) -> None:
    sessions.add(tx, token, key_id=key_id, expires_at=_ends(tx.now, tx.now))


def _note(tx: Tx, token: str, created_at: Instant, caller: Caller) -> None:
    ends = _ends(created_at, tx.now) if caller.person is None else created_at + PERSON_AT_MOST
    sessions.seen(tx, token, expires_at=ends)


def _ends(created_at: Instant, now: Instant) -> Instant:
    return min(now + IDLE, created_at + AT_MOST)
