"""`POST /v1/sign-in-links`: a link to the pages for whoever has an admin key."""

from __future__ import annotations

import re

import pytest

from notifier.access.keyring import Keyring
from notifier.access.sessions import Sessions
from notifier.store import audit
from tests.api.conftest import Desk

pytestmark = pytest.mark.anyio


async def test_a_link_signs_in_as_the_key_that_asked(desk: Desk) -> None:
    """The link is audited under the actor's name and not cached."""
    answer = await desk.post("/v1/sign-in-links", {"actor": "ada"}, key="admin")
    assert answer.status_code == 201, answer.text
    assert answer.headers["cache-control"] == "no-store"
    link = answer.json()
    found = re.fullmatch(r"/welcome/([A-Za-z0-9_-]{43})", link["path"])
    assert found is not None
    assert link["url"] is None or link["url"].endswith(link["path"])
    opened = Sessions(desk.world.database, Keyring(desk.world.database))
    token = await opened.open_by_link(found[1])
    assert token is not None
    session = await opened.find(token)
    assert session is not None
    assert session.caller.name == "admin"
    assert await opened.open_by_link(found[1]) is None
    (entry,) = await desk.world.database.read(lambda tx: audit.entries(tx, "key-admin"))
    assert (entry.actor, entry.action) == ("ada", "create_sign_in_link")
