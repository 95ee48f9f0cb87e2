"""What people and programs look at, on both engines."""

from __future__ import annotations

import pytest

from notifier.store import keys
from notifier.store.database import Database

pytestmark = pytest.mark.anyio


async def test_probe(database: Database) -> None:
    await database.write(
        lambda tx: keys.create(tx, id_="k1", secret="s", project="p", name="n", scopes=["read"])
    )
    assert (await database.read(keys.listing))[0].id == "k1"
