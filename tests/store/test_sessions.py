"""Sessions of the pages and links that open one, on both engines."""

from __future__ import annotations

import pytest

from notifier.access import sessions
from notifier.access.caller import Caller
from notifier.access.keyring import Keyring
from notifier.access.sessions import Sessions, make_link
from notifier.domain.time import DAY, HOUR
from notifier.oncall import changes
from notifier.store import keys, sign_in_links
from notifier.store import sessions as stored
from tests.world import World

pytestmark = pytest.mark.anyio


async def caller(world: World, name: str, *scopes: str) -> tuple[Caller, str]:
    secret = keys.make_secret()
    key = await world.database.write(
        lambda tx: keys.create(
            tx, id_=world.new_id(), secret=secret, project="shop", name=name, scopes=scopes
        )
    )
    return Caller.of(key), secret


async def test_sessions_are_listed_and_ended_by_whom_they_concern(world: World) -> None:
    """The last used first; those of other keys by an administrator alone."""
    database = world.database
    door = Sessions(database, Keyring(database))
    ann, key_of_ann = await caller(world, "ann", "read")
    bo, key_of_bo = await caller(world, "bo", "read")
    root, key_of_root = await caller(world, "root", "admin")
    await door.open(key_of_ann)
    world.clock.advance(1)
    await door.open(key_of_bo)
    world.clock.advance(1)
    token = await door.open(key_of_root)
    assert [one.key_name for one in await sessions.listing(database, root)] == ["root", "bo", "ann"]
    (of_ann,) = await sessions.listing(database, ann)
    assert not await sessions.revoke(database, bo, of_ann.id)
    assert await sessions.revoke(database, ann, of_ann.id)
    assert not await sessions.revoke(database, ann, of_ann.id)
    (of_bo,) = await sessions.listing(database, bo)
    assert await sessions.revoke(database, root, of_bo.id)
    assert not await sessions.revoke(database, root, "unknown")
    session = await door.find(token, used=False)
    assert session is not None
    assert session.caller == root


async def test_a_link_opens_one_session_of_its_key(world: World) -> None:
    """Once; and rows of what is over go."""
    database = world.database
    door = Sessions(database, Keyring(database))
    root, _ = await caller(world, "root", "admin")
    link, _ = await make_link(database, root.key_id)
    assert await door.is_valid_link(link)
    token = await door.open_by_link(link)
    assert token is not None
    assert not await door.is_valid_link(link)
    assert await door.open_by_link(link) is None
    await make_link(database, root.key_id)
    world.clock.advance(13 * HOUR)
    assert await door.find(token) is None
    assert await database.write(lambda tx: sign_in_links.forget(tx, tx.now, 10)) == 1
    assert await database.write(lambda tx: stored.forget(tx, tx.now, 10)) == 1
    world.clock.advance(DAY)
    assert await database.write(lambda tx: stored.forget(tx, tx.now, 10)) == 0


async def test_events_are_counted_whichever_replica_took_them(world: World) -> None:
    """By which open pages know of an event that woke nobody."""
    before = await changes.accepted_events(world.database)
    await world.post("known")
    await world.post("known")
    assert await changes.accepted_events(world.database) == before + 2
