"""The ledger: running counters, compared with the tables."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
import structlog

from notifier.runtime.books import Books
from notifier.store.schema import incidents
from notifier.telemetry.metrics import Metrics
from tests.world import World

pytestmark = pytest.mark.anyio


async def test_what_is_lost_is_said_once_and_shown(world: World) -> None:
    """A missing row is logged as CRITICAL once and shown in a metric; nothing is corrected."""
    metrics = Metrics()
    books = Books(world.database, metrics)
    await world.post_all([world.event(f"cause {number}") for number in range(3)])
    await books.show()
    assert b"notifier_accounting_balanced 1.0" in metrics.render()
    await world.database.write(
        lambda tx: tx.run(sa.delete(incidents).where(incidents.c.title == "cause 1")).rowcount
    )
    with structlog.testing.capture_logs() as lines:
        await books.show()
        await books.show()
    (line,) = (line for line in lines if line["event"] == "books_differ")
    assert (line["log_level"], line["terms"], line["balanced"]) == ("critical", {"counted": [3, 2]}, False)
    shown = metrics.render()
    assert b"notifier_accounting_balanced 0.0" in shown
    assert b"notifier_accounting_differences 1.0" in shown
    assert b'notifier_accounting{term="counted"} 3.0' in shown
    assert books.last_check is not None
    assert not books.last_check.sound
