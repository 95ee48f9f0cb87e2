"""Regression tests, each as small as possible, on both engines."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from notifier import alerting
from notifier.delivery.jobs import Job
from notifier.domain.delivery import Outcome, RateLimit
from notifier.domain.errors import SendError
from notifier.domain.notification import Reason
from notifier.domain.route import Route
from notifier.domain.severity import Severity
from notifier.domain.time import HOUR, SECOND
from notifier.domain.value import replace
from notifier.store import dead_letters
from notifier.store.schema import groups, incidents
from tests.store.conftest import Bench

pytestmark = pytest.mark.anyio

ROOT = Route(key="root", name="default", channels=("mail",), group_wait=0, group_interval=0)


async def _set(bench: Bench, **values: object) -> None:
    """Set columns of the only incident."""
    change = sa.update(incidents).values(attention_at=bench.clock.now(), **values)
    await bench.database.write(lambda tx: tx.run(change))


async def _due(bench: Bench) -> int | None:
    return await bench.database.read(lambda tx: tx.run(sa.select(groups.c.due_at)).scalar())


async def test_an_acknowledged_incident_leaves_no_repeat_that_is_always_due(bench: Bench) -> None:
    """The repeat of an acknowledged incident does not leave its group due for ever."""
    bench.route = ROOT
    await bench.post(bench.event())
    await bench.alert()
    await bench.post(bench.event())
    await _set(bench, state="acknowledged")
    bench.clock.advance(5 * HOUR)
    assert [reason for _, reason in await bench.alert()] == ["acknowledged"]
    bench.clock.advance(5 * HOUR)
    assert await bench.alert() == []
    assert await _due(bench) is None


async def test_repeats_go_on_when_an_acknowledgement_ends(bench: Bench) -> None:
    """After an acknowledgement expires, the repeat is due at its original time."""
    bench.route = ROOT
    await bench.post(bench.event())
    await bench.alert()
    await _set(bench, state="acknowledged")
    await bench.alert()
    await bench.post(bench.event())
    await _set(bench, state="open")
    await bench.alert()
    bench.clock.advance(4 * HOUR)
    assert [reason for _, reason in await bench.alert()] == ["repeated"]


async def test_a_repeat_survives_a_reload_that_makes_its_interval_longer(bench: Bench) -> None:
    """A longer repeat_interval postpones the repeat."""
    bench.route = ROOT
    await bench.post(bench.event())
    await bench.alert()
    bench.clock.advance(4 * HOUR)
    assert await bench.alert() == []
    bench.route = replace(ROOT, repeat_interval=24 * HOUR)
    await bench.post(bench.event())
    assert await bench.alert() == []
    bench.clock.advance(20 * HOUR)
    assert [reason for _, reason in await bench.alert()] == ["repeated"]


async def test_a_replayed_old_event_is_not_resolved_before_it_was_told(bench: Bench) -> None:
    """Auto-resolve counts from an event's arrival, so that a replayed old event is notified."""
    bench.route = replace(ROOT, group_wait=10_000)
    await bench.post(bench.event(at=bench.clock.now() - 48 * HOUR))
    quiet = await bench.database.write(lambda tx: alerting.auto_resolve(tx, 24 * HOUR))
    assert quiet.done == 0
    await bench.alert()
    bench.clock.advance(10_000)
    assert [reason for _, reason in await bench.alert()] == ["opened"]
    bench.clock.advance(24 * HOUR)
    quiet = await bench.database.write(lambda tx: alerting.auto_resolve(tx, 24 * HOUR))
    assert quiet.done == 1
    await bench.alert()


async def _failed_digest(bench: Bench) -> Job:
    """A digest of two incidents that failed once, with a newer message of one of them."""
    bench.route = replace(ROOT, group_by=("incident",))
    bench.rate_limit = RateLimit(messages=1, per=SECOND, burst=1)
    await bench.post(bench.event("one"), bench.event("two"))
    await bench.alert()
    (digest,) = (await bench.claim()).jobs
    assert digest.reason is Reason.DIGEST
    await bench.fail(digest, SendError(Outcome.TRANSIENT, "503"))
    await bench.post(bench.event("one", severity=Severity.CRITICAL))
    await bench.alert()
    return digest


async def test_a_newer_message_waits_for_the_digest_that_carries_its_thread(bench: Bench) -> None:
    """The newer message waits for the digest, so that states arrive in order."""
    digest = await _failed_digest(bench)
    bench.clock.advance(2 * SECOND)
    assert (await bench.claim()).jobs == ()
    bench.clock.advance(3 * SECOND)
    (again,) = (await bench.claim()).jobs
    assert again.id == digest.id
    await bench.deliver(again)
    bench.clock.advance(SECOND)
    (newer,) = (await bench.claim()).jobs
    assert newer.reason is Reason.SEVERITY_RAISED
    await bench.deliver(newer)


@pytest.mark.parametrize("swept", [True, False])
async def test_a_digest_that_dies_lets_the_newer_message_go(bench: Bench, *, swept: bool) -> None:
    """If the digest expires, in the sweep or in the claim, the newer message is due at once."""
    bench.expires_after = 3 * SECOND
    await _failed_digest(bench)
    bench.expires_after = HOUR
    await bench.post(bench.event("two", severity=Severity.CRITICAL))
    await bench.alert()
    await bench.claim()
    bench.clock.advance(3 * SECOND)
    if swept:
        await bench.sweep()
    sent = await bench.deliver_all() or await bench.deliver_all()
    assert Reason.SEVERITY_RAISED in {job.reason for job in sent}


async def test_a_redelivery_that_dies_before_the_sweep_is_told_by_the_fallback(bench: Bench) -> None:
    """The fallback is notified even if the person redelivered before the sweep."""
    bench.channels = {"mail": ("a@example.com",), "audit": ("hook",)}
    bench.fallback = "audit"
    await bench.start()
    bench.route = ROOT
    await bench.post(bench.event())
    await bench.alert()
    (job,) = (await bench.claim()).jobs
    await bench.fail(job, SendError(Outcome.BLOCKED, "policy"))
    await bench.database.write(lambda tx: dead_letters.redeliver(tx, bench.rules, [job.id]))
    (job,) = (await bench.claim()).jobs
    await bench.fail(job, SendError(Outcome.BLOCKED, "policy"))
    assert (await bench.sweep()).told == (job.id,)


async def test_a_redelivered_older_message_does_not_change_one_that_was_sent(bench: Bench) -> None:
    """A newer message that was sent keeps its body when an older one is redelivered."""
    bench.route = ROOT
    await bench.post(bench.event())
    await bench.alert()
    (first,) = (await bench.claim()).jobs
    await bench.fail(first, SendError(Outcome.BLOCKED, "policy"))
    await bench.post(bench.event(severity=Severity.CRITICAL))
    await bench.alert()
    (second,) = (await bench.claim()).jobs
    await bench.fail(second, SendError(Outcome.AMBIGUOUS, "no answer"))
    await bench.database.write(lambda tx: dead_letters.redeliver(tx, bench.rules, [first.id]))
    bench.clock.advance(HOUR)
    sent = await bench.deliver_all()
    assert [job.id for job in sent] == [first.id, second.id]
    assert sent[1].message.as_json() == second.message.as_json()
