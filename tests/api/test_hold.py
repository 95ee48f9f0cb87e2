"""`/v1/hold` and `/v1/hold/release`."""

from __future__ import annotations

from typing import Any

import pytest

from notifier.store import audit, hold
from tests.api.conftest import Desk

pytestmark = pytest.mark.anyio

NOTHING: dict[str, Any] = {
    "held": False,
    "since": None,
    "by": None,
    "pending": 0,
    "items": [],
    "next_cursor": None,
    "released": 0,
}


async def test_it_lists_what_waits_and_lets_it_go(desk: Desk) -> None:
    """Waiting deliveries are listed by channel and route; a second release is a 200 with none."""
    assert (await desk.get("/v1/hold", "admin")).json() == NOTHING
    await desk.world.database.write(lambda tx: hold.begin(tx, by="serve --hold"))
    await desk.world.post(severity="critical")
    await desk.world.alert()
    assert await desk.world.claim() == ()
    shown = (await desk.get("/v1/hold", "admin")).json()
    assert (shown["held"], shown["by"], shown["pending"]) == (True, "serve --hold", 3)
    assert shown["since"] is not None
    assert shown["items"] == [
        {"channel": "mail", "route": 'severity="critical"', "count": 2},
        {"channel": "hook", "route": 'severity="critical"', "count": 1},
    ]
    answer = await desk.post("/v1/hold/release", {"actor": "ada"}, key="admin")
    assert answer.status_code == 200, answer.text
    assert answer.json() == NOTHING | {"released": 3}
    assert len(await desk.world.claim()) == 3
    assert (await desk.post("/v1/hold/release", key="admin")).json() == NOTHING
    (entry,) = await desk.world.database.read(lambda tx: audit.entries(tx, "hold"))
    assert (entry.actor, entry.action, entry.detail) == ("ada", "release", "3 deliveries")


@pytest.mark.parametrize("key", ["reader", "manager", "sender"])
async def test_it_is_the_instance_s_and_needs_admin(desk: Desk, key: str) -> None:
    """The hold belongs to the instance and needs `admin`."""
    assert (await desk.get("/v1/hold", key)).status_code == 403
    assert (await desk.post("/v1/hold/release", key=key)).status_code == 403
