"""What people do to incidents, on both engines: one winner, a clear answer to the other, and told at once."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa

from notifier.domain.time import DAY, HOUR, MINUTE, Duration, rfc3339
from notifier.oncall import actions
from notifier.oncall.actor import Actor
from notifier.oncall.errors import Refused, Unknown, Unreadable
from notifier.store import actions as rows
from notifier.store import audit
from notifier.store.alerting import Progress, resolve_quiet
from notifier.store.database import Tx
from notifier.store.schema import groups, incidents, members
from tests.store.conftest import Bench, new_id

pytestmark = pytest.mark.anyio


def person(name: str, *, reach: str | None = "default") -> Actor:
    return Actor(name=name, key_name="desk", project="default", reach=reach, new_id=new_id)


ANN, BO = person("ann"), person("bo")


async def _do(bench: Bench, action: Callable[[Tx], str]) -> str:
    return await bench.database.write(action)


async def _row(bench: Bench, id_: str) -> sa.Row[Any]:
    return await bench.database.read(
        lambda tx: tx.run(sa.select(incidents).where(incidents.c.id == id_)).one()
    )


async def _told(bench: Bench, **fields: Any) -> str:
    """An incident that has been told of; its id."""
    (stored,) = await bench.post(bench.event(**fields))
    await bench.alert()
    await bench.deliver_all()
    return stored.incident_id or ""


async def _expire(bench: Bench) -> Progress:
    return await bench.database.write(rows.expire)


async def test_who_acknowledges_has_it(bench: Bench) -> None:
    """The row, the audit and the group that is due at once."""
    id_ = await _told(bench)
    bench.clock.advance(MINUTE)
    until = bench.clock.now() + HOUR
    assert await _do(bench, lambda tx: actions.acknowledge(tx, ANN, id_, until=until)) == id_
    row = await _row(bench, id_)
    assert (row.state, row.acknowledged_by, row.acknowledged_at) == ("acknowledged", "ann", bench.clock.now())
    assert row.acknowledged_until == until
    due_at, changed_at = await bench.database.read(
        lambda tx: (
            tx.run(sa.select(groups.c.due_at)).scalar_one(),
            tx.run(sa.select(members.c.changed_at)).scalar_one(),
        )
    )
    assert (due_at, changed_at) == (bench.clock.now(), bench.clock.now())
    (entry,) = await bench.database.read(lambda tx: audit.entries(tx, id_))
    assert (entry.actor, entry.key_name, entry.action) == ("ann", "desk", "acknowledge")
    assert entry.detail == f"until {rfc3339(until)}"
