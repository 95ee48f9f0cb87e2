"""Authentication: a secret becomes a caller, for the API, doors and pages alike."""

from __future__ import annotations

from typing import Any

import pytest

from notifier.access.errors import AccessError, MissingScope, OtherDoor, Unauthenticated
from notifier.access.keyring import Keyring, create_first_key
from notifier.domain.key import SCOPES
from notifier.store import keys
from notifier.store.database import Database
from notifier.testing import ManualClock

pytestmark = pytest.mark.anyio


async def test_a_secret_becomes_a_caller(database: Database) -> None:
    """The caller has the key's id, name, project and scopes."""
    secret = await made(database, "key-1", scopes=("read", "ingest"))
    caller = await Keyring(database).caller(secret)
    assert (caller.key_id, caller.name, caller.project) == ("key-1", "ci", "shop")
    assert caller.scopes == {"read", "ingest"}
    caller.require("read")
    with pytest.raises(MissingScope, match="lacks the scope `manage`"):
        caller.require("manage")


async def test_what_is_no_key_is_nobody_s(database: Database) -> None:
    """Text of any form that is no key is unauthenticated."""
    await made(database, "key-1")
    for secret in ("", "ntf_nobody", "https://0123456789abcdef@example.com/1", "\ud800", "a\0"):
        with pytest.raises(Unauthenticated, match="this key is not known"):
            await Keyring(database).caller(secret)


async def test_a_revoked_key_is_refused(database: Database, clock: ManualClock) -> None:
    """A revocation takes effect at once, on other replicas within two seconds."""
    secret = await made(database, "key-1")
    here, elsewhere = Keyring(database), Keyring(database)
    for keyring in (here, elsewhere):
        await keyring.caller(secret)
    await database.write(lambda tx: keys.revoke(tx, "key-1"))
    here.forget()
    with pytest.raises(Unauthenticated, match="revoked"):
        await here.caller(secret)
    await elsewhere.caller(secret)
    clock.advance(2_000)
    with pytest.raises(AccessError, match="revoked"):
        await elsewhere.caller(secret)


async def test_a_key_of_one_door_opens_no_other(database: Database) -> None:
    """A door's key is refused at other doors and at the API; a key without a door is accepted by all doors."""
    secret = await made(database, "key-1", door="sentry", service="billing")
    keyring = Keyring(database)
    caller = await keyring.caller(secret, door="sentry")
    assert (caller.door, caller.service) == ("sentry", "billing")
    for door in (None, "prometheus"):
        with pytest.raises(OtherDoor, match="made for sentry alone"):
            await keyring.caller(secret, door=door)
    everywhere = await made(database, "key-2")
    assert (await keyring.caller(everywhere, door="sentry")).service is None


async def test_the_last_use_is_written_once_a_minute(database: Database, clock: ManualClock) -> None:
    """The first use is stored at once, later ones at most once a minute, and never for a revoked key."""
    secret, other = await made(database, "key-1"), await made(database, "key-2")
    await database.write(lambda tx: keys.revoke(tx, "key-2"))
    keyring = Keyring(database)
    start = clock.now()

    async def last_used() -> dict[str, int | None]:
        await keyring.record_uses()
        return {key.id: key.last_used_at for key in await database.read(keys.listing)}

    await keyring.caller(secret)
    with pytest.raises(Unauthenticated):
        await keyring.caller(other)
    assert await last_used() == {"key-1": start, "key-2": None}
    clock.advance(10_000)
    await keyring.caller(secret)
    assert await last_used() == {"key-1": start, "key-2": None}
    clock.advance(50_000)
    assert await last_used() == {"key-1": start + 10_000, "key-2": None}
    await database.write(lambda tx: keys.used(tx, {"key-1": start}))
    assert await last_used() == {"key-1": start + 10_000, "key-2": None}


async def test_the_first_key_is_made_once(database: Database) -> None:
    """The first key has every scope, and is created only if no key is valid."""
    ids = iter(("key-1", "key-2"))
    secret = await create_first_key(database, lambda: next(ids))
    assert secret is not None
    caller = await Keyring(database).caller(secret)
    assert (caller.key_id, caller.project, caller.scopes) == ("key-1", "default", frozenset(SCOPES))
    assert await create_first_key(database, lambda: next(ids)) is None


async def made(database: Database, id_: str, scopes: tuple[str, ...] = ("ingest",), **more: Any) -> str:
    secret = keys.make_secret()
    await database.write(
        lambda tx: keys.create(tx, id_=id_, secret=secret, project="shop", name="ci", scopes=scopes, **more)
    )
    return secret
