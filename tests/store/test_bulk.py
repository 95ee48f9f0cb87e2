"""Bulk acts and rapid acts: collected into few notifications, each incident once."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa

from notifier.domain.route import Route
from notifier.domain.time import HOUR, MINUTE, SECOND
from notifier.oncall import actions, bulk
from notifier.oncall.actor import Actor
from notifier.oncall.errors import Unreadable
from notifier.store import audit
from notifier.store.database import Tx
from notifier.store.schema import notifications
from tests.store.conftest import Bench, new_id

pytestmark = pytest.mark.anyio


def person(name: str, project_scope: str | None = "default") -> Actor:
    return Actor(name=name, key_name="desk", project="default", project_scope=project_scope, new_id=new_id)


ANN, BO = person("ann"), person("bo")


async def _told(bench: Bench, n: int, **fields: Any) -> list[str]:
    """Incidents of one group that were notified some time ago; their ids."""
    bench.route = Route(key="root", name="default", channels=("mail",), group_wait=0)
    stored = await bench.post(*(bench.event(f"fp {number}", **fields) for number in range(n)))
    await bench.alert()
    await bench.deliver_all()
    bench.clock.advance(10 * MINUTE)
    return [one.incident_id or "" for one in stored]


async def _acknowledge(bench: Bench, id_: str, actor: Actor = ANN) -> None:
    await bench.database.write(lambda tx: actions.acknowledge(tx, actor, id_))
    await bench.alert()


async def _messages(bench: Bench) -> int:
    count = sa.select(sa.func.count()).select_from(notifications)
    return int(await bench.database.read(lambda tx: tx.run(count).scalar_one()))


async def test_thirty_acknowledgements_in_a_row_are_two_messages(bench: Bench) -> None:
    """The first act is notified at once, and those of the next three seconds together."""
    ids = await _told(bench, 30)
    before = await _messages(bench)
    await _acknowledge(bench, ids[0])
    assert await _messages(bench) == before + 1
    for id_ in ids[1:]:
        bench.clock.advance(SECOND // 20)
        await _acknowledge(bench, id_)
    assert await _messages(bench) == before + 1
    bench.clock.advance(3 * SECOND)
    await bench.alert()
    assert await _messages(bench) == before + 2
    assert (await bench.accounting()).balanced
    await _acknowledge(bench, ids[0], ANN)
    bench.clock.advance(MINUTE)
    assert await _messages(bench) == before + 2


async def test_acts_of_several_kinds_in_a_row_are_two_messages(bench: Bench) -> None:
    """A snooze, which is not notified, does not hurry others."""
    ids = await _told(bench, 9)
    before = await _messages(bench)
    until = bench.clock.now() + HOUR
    acts: list[Callable[..., object]] = [
        lambda tx, id_: actions.acknowledge(tx, ANN, id_),
        lambda tx, id_: actions.snooze(tx, ANN, id_, until=until),
        lambda tx, id_: actions.resolve(tx, ANN, id_),
    ]
    for number, id_ in enumerate(ids):
        await bench.database.write(partial(acts[number % 3], id_=id_))
        await bench.alert()
        bench.clock.advance(SECOND // 10)
    assert await _messages(bench) == before + 1
    bench.clock.advance(3 * SECOND)
    await bench.alert()
    assert await _messages(bench) == before + 2
    assert (await bench.accounting()).balanced


async def test_a_later_act_is_told_at_once_again(bench: Bench) -> None:
    """After three seconds the next act is notified at once again."""
    ids = await _told(bench, 3)
    before = await _messages(bench)
    for number, id_ in enumerate(ids, 1):
        await _acknowledge(bench, id_)
        assert await _messages(bench) == before + number
        bench.clock.advance(3 * SECOND)


async def test_an_act_that_waits_to_be_told_has_its_effect(bench: Bench) -> None:
    """An acknowledgement stops repeats at its commit, whether notified or not."""
    ids = await _told(bench, 2)
    bench.clock.advance(4 * HOUR)
    await bench.post(bench.event("fp 1"))
    await bench.database.write(lambda tx: actions.acknowledge(tx, ANN, ids[0]))
    await bench.alert()
    await bench.database.write(lambda tx: actions.acknowledge(tx, ANN, ids[1]))
    bench.clock.advance(3 * SECOND)
    told = await bench.alert()
    assert [reason for _, reason in told] == ["acknowledged"]


@pytest.mark.parametrize(
    ("act", "state"),
    [
        (bulk.AcknowledgeAction(), "acknowledged"),
        (bulk.AcknowledgeAction(until=1_900_000_000_000), "acknowledged"),
        (bulk.ResolveAction(), "resolved"),
        (bulk.SnoozeAction(until=1_900_000_000_000), "open"),
    ],
)
async def test_one_call_acts_on_all_that_are_named(bench: Bench, act: Any, state: str) -> None:
    """Each incident is acted on once, by id or number; refusals have reasons, and each act is audited."""
    if getattr(act, "until", None):
        act = type(act)(until=bench.clock.now() + 2 * HOUR)
    ids = await _told(bench, 4)
    before = await _messages(bench)
    done = await bulk.act_on_named(bench.database, ANN, act, [*ids[:3], ids[0], "no such", "4", "99"])
    assert done.done == 4
    assert [(one.id, one.reason) for one in done.skipped] == [("no such", "unknown"), ("99", "unknown")]
    await bench.alert()
    assert await _messages(bench) == before + (0 if isinstance(act, bulk.SnoozeAction) else 1)

    def work(tx: Tx) -> tuple[set[str], int]:
        states = tx.run(sa.text("SELECT DISTINCT state FROM incidents")).scalars()
        return set(states), sum(len(audit.entries(tx, id_)) for id_ in ids)

    assert await bench.database.read(work) == ({state}, 4)


async def test_what_another_has_is_skipped(bench: Bench) -> None:
    """`taken` by another, `already` by oneself, `resolved` by anyone; another project's are unknown."""
    ids = await _told(bench, 4)
    await bench.database.write(lambda tx: actions.acknowledge(tx, BO, ids[0]))
    await bench.database.write(lambda tx: actions.acknowledge(tx, ANN, ids[1]))
    await bench.database.write(lambda tx: actions.resolve(tx, ANN, ids[2]))
    done = await bulk.act_on_named(bench.database, ANN, bulk.AcknowledgeAction(), ids)
    reasons = [(one.id, one.reason) for one in done.skipped]
    assert reasons == [(ids[0], "taken"), (ids[1], "already"), (ids[2], "resolved")]
    assert done.done == 1
    done = await bulk.act_on_named(bench.database, ANN, bulk.ResolveAction(), ids)
    assert [(one.id, one.reason) for one in done.skipped] == [(ids[2], "already")]
    done = await bulk.act_on_named(bench.database, BO, bulk.ResolveAction(), ids[:1])
    assert [one.reason for one in done.skipped] == ["resolved"]
    stranger = person("eve", project_scope="elsewhere")
    done = await bulk.act_on_named(bench.database, stranger, bulk.ResolveAction(), ids[:1])
    assert [one.reason for one in done.skipped] == ["unknown"]


async def test_a_query_acts_on_what_is_unresolved(bench: Bench) -> None:
    """Matchers and words select unresolved incidents only."""
    ids = await _told(bench, 3)
    await bench.database.write(lambda tx: actions.resolve(tx, BO, ids[2]))
    done = await bulk.act_on_matches(
        bench.database, ANN, bulk.AcknowledgeAction(), 'service=~"bil.*" timeouterror'
    )
    assert (done.done, done.skipped) == (2, ())
    assert (await bulk.act_on_matches(bench.database, ANN, bulk.ResolveAction(), "nowhere")).done == 0
    with pytest.raises(Unreadable, match="empty query"):
        await bulk.act_on_matches(bench.database, ANN, bulk.ResolveAction(), " { } ")


async def test_more_than_a_thousand_are_refused_with_their_number(bench: Bench) -> None:
    """A query with more than a thousand matches is refused with their number, and nothing is done."""
    await _told(bench, 1_001)
    with pytest.raises(Unreadable, match=r"1,001 incidents match.*nothing was done"):
        await bulk.act_on_matches(bench.database, ANN, bulk.ResolveAction(), 'service="billing"')
    done = await bulk.act_on_matches(bench.database, ANN, bulk.ResolveAction(), 'service="billing" "fp 99"')
    assert done.done == 11
    assert await bulk.count_matches(bench.database, ANN, 'service="billing"') == 990
    every = await bulk.act_on_matches(
        bench.database, ANN, bulk.AcknowledgeAction(), 'service="billing"', most=bulk.MAX_CONFIRMED
    )
    assert (every.done, every.skipped) == (990, ())
    assert (await bench.accounting()).balanced
