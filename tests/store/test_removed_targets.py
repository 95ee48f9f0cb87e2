"""Removed targets: their deliveries become dead letters, and the fallback is notified."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from notifier.delivery.targets import sync_targets
from notifier.domain.delivery import Outcome, RateLimit
from notifier.domain.errors import SendError
from notifier.domain.time import HOUR
from notifier.domain.url_names import shown_url
from notifier.domain.value import replace
from notifier.store.schema import deliveries, targets
from tests.store.conftest import Bench

pytestmark = pytest.mark.anyio

AWAY = SendError(Outcome.TRANSIENT, "no answer")


async def _sync(bench: Bench, **channels: tuple[str, ...]) -> None:
    bench.channels = channels
    bench.targets = await bench.database.write(lambda tx: sync_targets(tx, channels, fallback=bench.fallback))


async def _states(bench: Bench, channel: str) -> list[tuple[str, str | None]]:
    query = sa.select(deliveries.c.state, deliveries.c.outcome).where(deliveries.c.channel == channel)
    rows = await bench.database.read(lambda tx: tx.run(query.order_by(deliveries.c.id)).all())
    return [(row.state, row.outcome) for row in rows]


async def _waiting(bench: Bench, count: int = 1, **changes: Any) -> None:
    """Undelivered alerts, each in its own thread."""
    bench.route = replace(bench.route, group_by=("incident",))
    await bench.post(*(bench.event(f"fp-{n}", **changes) for n in range(count)))
    while await bench.alert():
        pass
    for job in (await bench.claim()).jobs:
        await bench.fail(job, AWAY)


async def test_the_fallback_hears_at_once(bench: Bench) -> None:
    """The fallback is notified at once, before `fallback_after`."""
    bench.fallback = "desk"
    await _sync(bench, mail=("a@example.com",), desk=("#desk",))
    await _waiting(bench)
    await _sync(bench, desk=("#desk",))
    assert await _states(bench, "mail") == [("dead", "target_removed")]
    assert len((await bench.sweep()).told) == 1
    (job,) = (await bench.claim()).jobs
    assert (job.address, job.reason.value) == ("#desk", "fallback")
    assert "target_removed" in (job.message.note or "")
    await bench.deliver(job)


async def test_a_delivery_from_a_time_without_a_fallback_reaches_the_new_one(bench: Bench) -> None:
    """A delivery from before there was a fallback is sent to the new one."""
    await _waiting(bench)
    bench.fallback = "desk"
    await _sync(bench, desk=("#desk",))
    assert len((await bench.sweep()).told) == 1
    assert [job.address for job in await bench.deliver_all()] == ["#desk"]


async def test_what_the_fallback_has_heard_is_not_told_again(bench: Bench) -> None:
    """A delivery that the fallback was notified of is not notified again."""
    bench.fallback = "desk"
    await _sync(bench, mail=("a@example.com",), desk=("#desk",))
    await _waiting(bench)
    bench.clock.advance(HOUR)
    assert len((await bench.sweep()).told) == 1
    await _sync(bench, desk=("#desk",))
    swept = await bench.sweep()
    assert (swept.told, swept.fallback_failed) == ((), ())
    assert [job.address for job in await bench.deliver_all()] == ["#desk"]
    assert await _states(bench, "mail") == [("dead", "target_removed")]


async def test_the_fallback_s_own_new_address_hears_what_waited_for_its_old_one(bench: Bench) -> None:
    """If the fallback's own address changes, its waiting messages are sent to the new one."""
    bench.fallback = "desk"
    await _sync(bench, mail=("a@example.com",), desk=("#wrong",))
    await _waiting(bench)
    bench.clock.advance(HOUR)
    await bench.sweep()
    for job in (await bench.claim()).jobs:
        await bench.fail(job, AWAY)
    await _sync(bench, mail=("a@example.com",), desk=("#right",))
    assert len((await bench.sweep()).told) == 1
    bench.clock.advance(HOUR)
    assert sorted(job.address for job in await bench.deliver_all()) == ["#right", "a@example.com"]


async def test_without_a_fallback_nothing_is_said(bench: Bench) -> None:
    """Without a fallback, the dead letter waits for a person."""
    await _waiting(bench)
    await _sync(bench)
    swept = await bench.sweep()
    assert (swept.told, swept.fallback_failed) == ((), ())
    assert await _states(bench, "mail") == [("dead", "target_removed")]


async def test_a_digest_that_waits_goes_as_one(bench: Bench) -> None:
    """The fallback gets a waiting digest as one message."""
    bench.fallback = "desk"
    bench.rate_limit = RateLimit(messages=1, per=HOUR, burst=1)
    await _sync(bench, mail=("a@example.com",), desk=("#desk",))
    await _waiting(bench, 3)
    await _sync(bench, desk=("#desk",))
    states = await _states(bench, "mail")
    assert sorted(states) == [("coalesced", None)] * 3 + [("dead", "target_removed")]
    assert len((await bench.sweep()).told) == 1
    (job,) = await bench.deliver_all()
    assert (job.reason.value, job.message.totals, len(job.message.told)) == ("fallback", {"opened": 3}, 3)


async def test_a_digest_that_is_being_sent_decides_for_what_it_carries(bench: Bench) -> None:
    """A digest in flight that is delivered makes all its members delivered."""
    bench.fallback = "desk"
    bench.rate_limit = RateLimit(messages=1, per=HOUR, burst=1)
    await _sync(bench, mail=("a@example.com",), desk=("#desk",))
    bench.route = replace(bench.route, group_by=("incident",))
    await bench.post(*(bench.event(f"fp-{n}") for n in range(3)))
    while await bench.alert():
        pass
    (digest,) = (await bench.claim()).jobs
    await _sync(bench, desk=("#desk",))
    await bench.deliver(digest)
    await _sync(bench, desk=("#desk",))
    assert sorted(await _states(bench, "mail")) == [("coalesced", None)] * 3 + [("delivered", "delivered")]
    assert (await bench.sweep()).told == ()


async def test_what_was_being_sent_and_failed_is_found_afterwards(bench: Bench) -> None:
    """A delivery in flight that fails becomes a dead letter at the next sync of targets."""
    bench.fallback = "desk"
    await _sync(bench, mail=("a@example.com",), desk=("#desk",))
    await bench.post(bench.event())
    await bench.alert()
    (job,) = (await bench.claim()).jobs
    await _sync(bench, desk=("#desk",))
    assert await _states(bench, "mail") == [("sending", None)]
    await bench.fail(job, AWAY)
    await _sync(bench, desk=("#desk",))
    assert await _states(bench, "mail") == [("dead", "target_removed")]
    assert len((await bench.sweep()).told) == 1
    await bench.deliver_all()


async def test_an_address_with_a_token_goes_on_without_it(bench: Bench) -> None:
    """An address stored with a token by an earlier version is used once more, and stored without it."""
    token = "https://hooks.example.com/4f9a1c7be2d04f9a1c7b"
    shown = shown_url(token)
    await _sync(bench, mail=(token,), old=(f"{token}/x",))
    await _waiting(bench)
    before = bench.targets
    await _sync(bench, mail=(shown,))
    assert bench.targets["mail"] == before["mail"]
    assert await _states(bench, "mail") == [("pending", "transient")]
    rows = await bench.database.read(lambda tx: tx.run(sa.select(targets.c.address)).scalars().all())
    assert {shown, shown_url(f"{token}/x")} <= set(rows)
    assert token not in "".join(rows)


WRONG, RIGHT = "https://hooks.example.com/wrong", "https://hooks.example.com/right"


async def test_what_waits_for_a_wrong_url_goes_to_the_right_one(bench: Bench) -> None:
    """Deliveries for a corrected URL are carried by the next message of the thread."""
    bench.fallback = "desk"
    await _sync(bench, mail=(WRONG,), desk=("#desk",))
    await _waiting(bench)
    await _sync(bench, mail=(RIGHT,), desk=("#desk",))
    assert await _states(bench, "mail") == [("pending", "transient")]
    assert (await bench.sweep()).told == ()
    bench.clock.advance(HOUR)
    await bench.post(bench.event("fp-0", status="resolved"))
    while await bench.alert():
        pass
    (job,) = (await bench.claim()).jobs
    assert (job.address, job.message.totals) == (RIGHT, {"opened": 1, "resolved": 1})
    assert [state for state, _ in await _states(bench, "mail")] == ["superseded", "sending"]
    await bench.deliver(job)


async def test_a_url_that_comes_back_gets_what_waited_for_the_other(bench: Bench) -> None:
    await _sync(bench, mail=(RIGHT,))
    await _sync(bench, mail=(WRONG,))
    await _waiting(bench, 3)
    await _sync(bench, mail=(RIGHT,))
    assert [job.address for job in await bench.deliver_all()] == [RIGHT] * 3


async def test_what_was_being_sent_to_the_wrong_url_follows(bench: Bench) -> None:
    await _sync(bench, mail=(WRONG,))
    await bench.post(bench.event())
    await bench.alert()
    (job,) = (await bench.claim()).jobs
    await _sync(bench, mail=(RIGHT,))
    assert await _states(bench, "mail") == [("sending", None)]
    await bench.fail(job, AWAY)
    await _sync(bench, mail=(RIGHT,))
    assert [job.address for job in await bench.deliver_all()] == [RIGHT]


@pytest.mark.parametrize(("before", "after"), [("#ops", RIGHT), (WRONG, "#ops"), ("#ops", "#alerts")])
async def test_rooms_and_people_are_no_places_of_one_receiver(bench: Bench, before: str, after: str) -> None:
    await _sync(bench, mail=(before,))
    await _waiting(bench)
    await _sync(bench, mail=(after,))
    assert await _states(bench, "mail") == [("dead", "target_removed")]
