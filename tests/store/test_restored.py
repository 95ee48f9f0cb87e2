"""Incident numbers after rows were copied to another database."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from notifier.store import copying, restored
from notifier.store.database import Database
from notifier.store.schema import instance

pytestmark = pytest.mark.anyio


async def test_rows_from_elsewhere_go_on_at_the_next_step(database: Database) -> None:
    """Rows restored by `pg_restore` get a gap in numbers, once; SQLite copies are marked instead."""
    elsewhere = sa.update(instance).where(instance.c.name == "database").values(value="7/16384")
    assert [await database.write(restored.renumber) for _ in range(2)] == [None, None]
    await database.write(lambda tx: tx.run(elsewhere))
    restores = database.dialect == "postgresql"
    assert await database.write(restored.renumber) == (restored.STEP if restores else None)
    assert await database.write(restored.renumber) is None
    last = await database.read(copying.last_numbers)
    assert last["incidents"] == (restored.STEP - 1 if restores else 0)
