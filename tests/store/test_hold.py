"""During a hold nothing is sent, expires or escalates; the release sends everything."""

from __future__ import annotations

import pytest

from notifier.domain.delivery import Outcome
from notifier.domain.errors import SendError
from notifier.domain.message import Message
from notifier.domain.notification import Reason
from notifier.domain.route import Route, Step
from notifier.domain.time import DAY, HOUR, MINUTE
from notifier.oncall import actions
from notifier.oncall.actor import Actor
from notifier.store import hold, notifications
from notifier.store.database import Tx
from tests.store.conftest import Bench, new_id

pytestmark = pytest.mark.anyio

ANN = Actor(name="ann", key_name="desk", project="default", project_scope=None, new_id=new_id)


async def _hold(bench: Bench) -> None:
    assert await bench.database.write(lambda tx: hold.begin(tx, by="a test"))


async def _release(bench: Bench) -> int | None:
    rules = bench.rules
    return await bench.database.write(
        lambda tx: hold.release(tx, expires_after=rules.expires_after, fallback_after=rules.fallback_after)
    )


@pytest.fixture
async def held(bench: Bench) -> Bench:
    bench.channels = {"mail": ("a@example.com",), "boss": ("boss",), "audit": ("audit",)}
    bench.fallback = "audit"
    await bench.start()
    step = Step(after=15 * MINUTE, channels=("boss",))
    bench.route = Route(key="root", name="default", channels=("mail",), group_wait=0, escalate=(step,))
    await _hold(bench)
    return bench


async def test_nothing_goes_out_and_nothing_dies(held: Bench) -> None:
    """In two days, longer than a delivery's lifetime, nothing is sent, dies or escalates, and the equations balance."""
    await held.post(held.event())
    assert [reason for _, reason in await held.alert()] == ["opened"]
    for _ in range(48):
        held.clock.advance(HOUR)
        assert await held.alert() == []
        assert (await held.claim()).jobs == ()
        swept = await held.sweep()
        assert (swept.told, swept.expired, swept.fallback_failed) == ((), (), ())
        assert swept.next_at is None or swept.next_at > held.clock.now()
    assert (await held.accounting()).balanced
    waiting = await held.database.read(hold.waiting)
    assert [(one.channel, one.route, one.count) for one in waiting] == [("mail", "root", 1)]


async def test_a_release_lets_everything_go(held: Bench) -> None:
    """After the release, waiting deliveries are sent, and expiry, fallback and escalation count from then."""
    await held.post(held.event())
    await held.alert()
    held.clock.advance(2 * DAY)
    await held.alert()
    assert await _release(held) == 1
    assert await _release(held) is None
    (job,) = (await held.claim()).jobs
    assert (await held.sweep()).told == ()
    await held.fail(job, SendError(Outcome.TRANSIENT, "503"))
    held.clock.advance(9 * MINUTE)
    assert (await held.sweep()).told == ()
    held.clock.advance(MINUTE)
    assert (await held.sweep()).told == (job.id,)
    assert [reason for _, reason in await held.alert()] == ["escalated"]
    (step,) = [job for job in await held.deliver_all() if job.message.reason == "escalated"]
    assert step.message.note == "Escalated: it has been open for 2 d 10 min, and nobody has acknowledged it."
    assert (await held.accounting()).balanced


async def test_steps_are_not_taken_of_what_somebody_took_meanwhile(held: Bench) -> None:
    """An acknowledgement during the hold prevents escalation."""
    (stored,) = await held.post(held.event())
    await held.alert()
    held.clock.advance(HOUR)
    await held.alert()
    await held.database.write(lambda tx: actions.acknowledge(tx, ANN, stored.incident_id or ""))
    await held.alert()
    await _release(held)
    assert [reason for _, reason in await held.alert()] == []
    held.clock.advance(HOUR)
    assert [reason for _, reason in await held.alert()] == []


async def test_a_channel_test_passes(held: Bench) -> None:
    """A channel test is sent during a hold."""
    await held.post(held.event())
    await held.alert()
    message = Message(
        id="", reason=Reason.TEST, at=held.clock.now(), project="default", group=None, labels={}, told=(),
        totals={}, thread_id="",
    )  # fmt: skip

    def enqueue(tx: Tx) -> tuple[str, ...]:
        return notifications.enqueue_test(tx, held.rules, project="default", channel="mail", message=message)

    await held.database.write(enqueue)
    (job,) = await held.deliver_all()
    assert job.reason is Reason.TEST


async def test_what_was_being_sent_is_returned_and_waits(held: Bench) -> None:
    """A lease in the backup expires as usual, and its delivery waits."""
    await _release(held)
    await held.post(held.event())
    await held.alert()
    (job,) = (await held.claim()).jobs
    await _hold(held)
    assert (await held.sweep(restarted=True)).lost == (job.id,)
    held.clock.advance(HOUR)
    assert (await held.claim()).jobs == ()
    await _release(held)
    (again,) = (await held.claim()).jobs
    assert again.id == job.id


async def test_messages_of_one_thread_are_one_after_the_release(held: Bench) -> None:
    """Opened and resolved during the hold is one message about the final state."""
    await held.post(held.event())
    await held.alert()
    held.clock.advance(HOUR)
    await held.post(held.event(status="resolved"))
    await held.alert()
    assert await _release(held) == 2
    (job,) = await held.deliver_all()
    assert [one.incident.state.value for one in job.message.told] == ["resolved"]


async def test_a_hold_outlives_who_began_it(held: Bench) -> None:
    """A hold is stored; starting it again changes nothing, and says since when it exists."""
    first = await held.database.read(hold.current)
    held.clock.advance(HOUR)
    assert not await held.database.write(lambda tx: hold.begin(tx, by="another"))
    assert await held.database.read(hold.current) == first


async def test_a_release_without_a_fallback(held: Bench) -> None:
    """Without a fallback, the release sends what waited."""
    held.fallback = None
    await held.post(held.event())
    await held.alert()
    assert await _release(held) == 1
    assert len((await held.claim()).jobs) == 1
