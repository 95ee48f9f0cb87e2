"""The index that SQLite, without statistics, uses for a page of deliveries."""

from __future__ import annotations

from pathlib import Path

import pytest

from notifier.domain.delivery import DeliveryState
from notifier.store.database import Tx
from notifier.store.sqlite import SqliteDatabase
from notifier.store.views.deliveries import DeliverySearch, find_deliveries
from notifier.testing import ManualClock
from tests.plans import statements_of

pytestmark = pytest.mark.anyio

NEWEST, STATE, CHANNEL = "sqlite_autoindex_deliveries_1", "ix_deliveries_state", "ix_deliveries_channel"


@pytest.mark.parametrize(
    ("state", "channel", "index"),
    [
        (None, None, NEWEST),
        ("delivered", None, NEWEST),
        ("dead", None, STATE),
        ("pending", "hook", STATE),
        (None, "hook", CHANNEL),
        ("delivered", "hook", CHANNEL),
    ],
)
async def test_a_page_is_found_without_sorting_all(
    state: str | None, channel: str | None, index: str, sqlite_path: Path, clock: ManualClock
) -> None:
    """The wrong index would read all of a million deliveries for a page of twenty."""
    database = SqliteDatabase(sqlite_path, clock=clock)
    search = DeliverySearch(
        project="shop", channel=channel, state=None if state is None else DeliveryState(state)
    )
    first, *_ = await statements_of(
        database.read(lambda tx: find_deliveries(tx, search, after=None, limit=20))
    )

    def plan(tx: Tx) -> str:
        return str(tx.conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {first[0]}", first[1]).all()[0][-1])

    assert f"INDEX {index}" in await database.read(plan)
    await database.aclose()
