"""The outbox on both engines: claims, outcomes, cooling, rate limits, digests, superseding, fallback, dead letters."""

from __future__ import annotations

import json
from hashlib import blake2b
from typing import Any

import pytest
import sqlalchemy as sa

from notifier.delivery.jobs import Job
from notifier.delivery.targets import forget_health, settings_hashes
from notifier.domain.delivery import DeliveryState, Outcome, RateLimit
from notifier.domain.errors import SendError
from notifier.domain.message import FORM
from notifier.domain.notification import Reason
from notifier.domain.route import Route
from notifier.domain.severity import Severity
from notifier.domain.time import HOUR, MINUTE, SECOND
from notifier.domain.value import replace
from notifier.store import dead_letters
from notifier.store.database import Tx
from notifier.store.schema import attempts, deliveries, notifications, targets
from tests.store.conftest import Bench

pytestmark = pytest.mark.anyio

ROOT = Route(key="root", name="default", channels=("mail",), group_wait=0, group_interval=0)
EACH = replace(ROOT, group_by=("incident",))


async def _job(bench: Bench) -> Job:
    bench.route = ROOT
    await bench.post(bench.event())
    await bench.alert()
    (job,) = (await bench.claim()).jobs
    return job


async def _row(bench: Bench, id_: str) -> sa.Row[Any]:
    return await bench.database.read(
        lambda tx: tx.run(sa.select(deliveries).where(deliveries.c.id == id_)).one()
    )


async def _states(bench: Bench) -> dict[str, int]:
    query = sa.select(deliveries.c.state, sa.func.count().label("n")).group_by(deliveries.c.state)
    rows = await bench.database.read(lambda tx: tx.run(query).all())
    return {row.state: row.n for row in rows}


async def test_a_claim_is_exclusive_and_a_receipt_is_terminal(bench: Bench) -> None:
    """A delivery in flight cannot be claimed again; its receipt ends it and is stored."""
    job = await _job(bench)
    assert (await bench.claim()).jobs == ()
    await bench.deliver(job, ref="ts-1")
    row = await _row(bench, job.id)
    assert (row.state, row.ref, row.attempts, row.claims) == ("delivered", "ts-1", 1, 0)


async def test_transient_failures_follow_the_schedule_with_the_same_id_and_body(bench: Bench) -> None:
    """The delays are 5 s, 30 s, and 2 m with cooling; every attempt sends the same message."""
    job = await _job(bench)
    sent = [job.message.as_json()]
    for wait in (5 * SECOND, 30 * SECOND, 2 * MINUTE):
        result = await bench.fail(job, SendError(Outcome.TRANSIENT, "503"))
        assert result is not None
        assert result.again_at == bench.clock.now() + wait
        bench.clock.advance(wait - 1)
        assert (await bench.claim()).jobs == ()
        bench.clock.advance(1)
        (job,) = (await bench.claim()).jobs
        sent.append(job.message.as_json())
    assert all(one == sent[0] for one in sent)
    row = await bench.database.read(lambda tx: tx.run(sa.select(targets)).one())
    assert row.failures == 3
    await bench.deliver(job)


async def test_what_an_older_version_has_begun_to_send_keeps_its_form(bench: Bench) -> None:
    """A stored message without a form is resent unchanged; a message not sent yet is composed again."""

    async def age(column: sa.Column[Any]) -> None:
        """Store the messages as the first version did."""

        def rewrite(tx: Tx) -> None:
            for row in tx.run(
                sa.select(column.table.c.id, column.label("text")).where(column.is_not(None))
            ).all():
                kept = json.dumps({name: one for name, one in json.loads(row.text).items() if name != "form"})
                tx.run(sa.update(column.table).where(column.table.c.id == row.id).values({column.name: kept}))

        await bench.database.write(rewrite)

    bench.route, bench.fallback = ROOT, "audit"
    bench.channels = {"mail": ("a@example.com",), "audit": ("hook",)}
    await bench.start()
    await bench.post(bench.event())
    await bench.alert()
    await age(notifications.c.message)
    (job,) = (await bench.claim()).jobs
    assert job.message.form == FORM
    await age(deliveries.c.message)
    for _ in range(2):
        await bench.fail(job, SendError(Outcome.TRANSIENT, "503"))
        bench.clock.advance(MINUTE)
        (job,) = (await bench.claim()).jobs
        assert job.message.form == 1
    await bench.fail(job, SendError(Outcome.BLOCKED, "not allowed"))
    await bench.sweep()
    (told,) = (await bench.claim()).jobs
    assert (told.message.reason, told.message.form) == (Reason.FALLBACK, FORM)


async def test_throttled_cools_the_target_and_uses_no_attempt(bench: Bench) -> None:
    """A 429 with Retry-After pauses the target for 90 s without counting an attempt."""
    job = await _job(bench)
    await bench.fail(job, SendError(Outcome.THROTTLED, "429", retry_after=90 * SECOND))
    await bench.post(bench.event("another"))
    await bench.alert()
    bench.clock.advance(89 * SECOND)
    assert (await bench.claim()).jobs == ()
    bench.clock.advance(SECOND)
    (again,) = (await bench.claim()).jobs
    row = await _row(bench, again.id)
    assert row.attempts == 0
    await bench.deliver(again)


async def _told_gone(bench: Bench, name: str) -> Job:
    """A delivery whose receiver answers that it is gone."""
    await bench.post(bench.event(name))
    await bench.alert()
    (job,) = (await bench.claim()).jobs
    result = await bench.fail(job, SendError(Outcome.GONE, "410"))
    assert result is not None
    assert result.state is DeliveryState.DEAD
    bench.clock.advance(20 * MINUTE)
    return job


async def _is_disabled(bench: Bench) -> bool:
    found = sa.select(targets.c.disabled_at)
    return await bench.database.read(lambda tx: tx.run(found).scalar_one()) is not None


async def test_gone_is_dead_at_once_and_twice_disables_the_target(bench: Bench) -> None:
    """A 410 is a dead letter; the second disables the target until a redelivery."""
    await _told_gone(bench, "first")
    assert not await _is_disabled(bench)
    job = await _told_gone(bench, "second")
    assert await _is_disabled(bench)
    await bench.post(bench.event("another"))
    await bench.alert()
    claimed = await bench.claim()
    assert claimed.jobs == ()
    assert [outcome for _, outcome in claimed.died] == [Outcome.GONE]
    again = await bench.database.write(lambda tx: dead_letters.redeliver(tx, bench.rules, [job.id]))
    assert again == (job.id,)
    (retried,) = (await bench.claim()).jobs
    assert retried.id == job.id
    await bench.deliver(retried)


async def test_gone_twice_in_a_row_disables_however_long_it_took(bench: Bench) -> None:
    """Two consecutive 410s disable the target, unless a success is between them."""
    await _told_gone(bench, "first")
    bench.clock.advance(2 * HOUR)
    await bench.post(bench.event("between"))
    await bench.alert()
    await bench.deliver_all()
    bench.clock.advance(HOUR)
    await _told_gone(bench, "second")
    assert not await _is_disabled(bench)
    bench.clock.advance(5 * HOUR)
    await _told_gone(bench, "third")
    assert await _is_disabled(bench)


async def test_gone_twice_within_an_hour_disables_whatever_arrived_between(bench: Bench) -> None:
    await _told_gone(bench, "first")
    await bench.post(bench.event("between"))
    await bench.alert()
    await bench.deliver_all()
    bench.clock.advance(10 * MINUTE)
    await _told_gone(bench, "second")
    assert await _is_disabled(bench)


async def _use(bench: Bench, settings: str) -> None:
    """Activate a configuration with these settings."""

    def work(tx: Tx) -> dict[str, str]:
        hashes = settings_hashes(tx, dict.fromkeys(bench.channels, settings))
        forget_health(tx, hashes)
        return hashes

    bench.settings_hashes = await bench.database.write(work)


async def test_health_belongs_to_the_settings_that_it_was_learnt_under(bench: Bench) -> None:
    """A disabled target with changed settings is tried again; the stored settings contain no readable secrets."""
    await _use(bench, "an old password")
    for name in ("first", "second"):
        await _told_gone(bench, name)
    await _use(bench, "an old password")
    assert await _is_disabled(bench)
    await _use(bench, "a new password")
    assert not await _is_disabled(bench)
    await bench.post(bench.event("third"))
    await bench.alert()
    assert len(await bench.deliver_all()) == 1
    row = await bench.database.read(lambda tx: tx.run(sa.select(targets)).one())
    assert "password" not in str(row)
    other = blake2b(b"a new password", digest_size=16).hexdigest()
    assert row.settings_hash not in {None, other}


@pytest.mark.parametrize("outcome", [Outcome.TRANSIENT, Outcome.THROTTLED, Outcome.AMBIGUOUS])
async def test_what_waits_for_a_cooling_target_is_tried_with_other_settings(
    bench: Bench, outcome: Outcome
) -> None:
    """Changed settings end the target's cooling and the delivery's delay."""
    await _use(bench, "old")
    job = await _job(bench)
    for _ in range(3):
        result = await bench.fail(
            job, SendError(outcome, "away", retry_after=40 * MINUTE, whole_channel=True)
        )
        assert result is not None
        assert result.again_at is not None
        if _ < 2:
            bench.clock.advance(HOUR)
            (job,) = (await bench.claim()).jobs
    assert (await bench.claim()).jobs == ()
    await _use(bench, "new")
    (again,) = (await bench.claim()).jobs
    assert again.id == job.id


async def test_a_failure_under_old_settings_says_nothing_of_new_ones(bench: Bench) -> None:
    """A failure of a send with old settings does not affect the health under new ones."""
    await _use(bench, "old")
    job = await _job(bench)
    await _use(bench, "new")
    await bench.fail(job, SendError(Outcome.GONE, "410"))
    row = await bench.database.read(lambda tx: tx.run(sa.select(targets)).one())
    assert (row.gone_in_a_row, row.disabled_at, row.last_error) == (0, None, None)
    assert (await bench.accounting()).balanced


async def test_permanent_failures_get_three_tries_in_ten_minutes(bench: Bench) -> None:
    """Three 404s within ten minutes make a dead letter."""
    job = await _job(bench)
    start = bench.clock.now()
    for _ in range(2):
        result = await bench.fail(job, SendError(Outcome.PERMANENT, "404"))
        assert result is not None
        assert result.again_at is not None
        bench.clock.advance(result.again_at - bench.clock.now())
        (job,) = (await bench.claim()).jobs
    result = await bench.fail(job, SendError(Outcome.PERMANENT, "404"))
    assert result is not None
    assert (result.state, result.outcome) == (DeliveryState.DEAD, Outcome.PERMANENT)
    assert bench.clock.now() - start <= 10 * MINUTE
    count = await bench.database.read(
        lambda tx: tx.run(sa.select(sa.func.count()).select_from(attempts)).scalar()
    )
    assert count == 3


async def test_earlier_transient_failures_do_not_use_up_the_three_tries(bench: Bench) -> None:
    """Two 503s do not count towards the three attempts of a permanent failure."""
    job = await _job(bench)
    for _ in range(2):
        result = await bench.fail(job, SendError(Outcome.TRANSIENT, "503"))
        assert result is not None
        assert result.again_at is not None
        bench.clock.advance(result.again_at - bench.clock.now())
        (job,) = (await bench.claim()).jobs
    for tries in range(3):
        result = await bench.fail(job, SendError(Outcome.PERMANENT, "404"))
        assert result is not None
        assert (result.state is DeliveryState.DEAD) == (tries == 2)
        if result.again_at is not None:
            bench.clock.advance(result.again_at - bench.clock.now())
            (job,) = (await bench.claim()).jobs


async def test_a_target_that_nothing_would_wake_is_found(bench: Bench) -> None:
    """The sweep finds what a lost wake-up missed."""
    bench.route = ROOT
    await bench.post(bench.event())
    await bench.alert()
    await bench.database.write(lambda tx: tx.run(sa.update(targets).values(due_at=None)))
    assert (await bench.claim()).jobs == ()
    await bench.sweep()
    assert len(await bench.deliver_all()) == 1


async def test_a_delivery_expires(bench: Bench) -> None:
    """A delivery not sent within expires_after is a dead letter with that reason."""
    bench.expires_after = HOUR
    job = await _job(bench)
    await bench.fail(job, SendError(Outcome.TRANSIENT, "down"))
    bench.clock.advance(HOUR)
    swept = await bench.sweep()
    assert swept.expired == (job.id,)
    assert (await _row(bench, job.id)).outcome == "expired"


async def test_a_lost_worker_is_an_ambiguous_attempt_with_the_same_id(bench: Bench) -> None:
    """A delivery whose lease expired is sent again as a possible repeat; the late outcome is refused."""
    job = await _job(bench)
    bench.clock.advance(61 * SECOND)
    assert (await bench.sweep()).lost == (job.id,)
    (again,) = (await bench.claim()).jobs
    assert again.id == job.id
    assert again.message.possible_repeat
    assert await bench.deliver(job) is None
    assert await bench.deliver(again) is not None


async def test_a_delivery_that_ends_its_workers_is_quarantined(bench: Bench) -> None:
    """After five claims without an outcome it is a dead letter."""
    job = await _job(bench)
    for _ in range(4):
        await bench.sweep(restarted=True)
        (job,) = (await bench.claim()).jobs
    await bench.sweep(restarted=True)
    claimed = await bench.claim()
    assert claimed.jobs == ()
    assert claimed.died == ((job.id, Outcome.QUARANTINED),)


async def test_a_newer_message_of_a_thread_carries_the_unsent_older_one(bench: Bench) -> None:
    """`opened` (unsent) and `severity_raised` are one message; the older delivery is superseded."""
    bench.route = ROOT
    await bench.post(bench.event())
    await bench.alert()
    await bench.post(bench.event(severity=Severity.CRITICAL))
    await bench.alert()
    (job,) = (await bench.claim()).jobs
    assert job.message.reason is Reason.OPENED
    assert job.message.told[0].incident.severity is Severity.CRITICAL
    await bench.deliver(job)
    assert await _states(bench) == {"delivered": 1, "superseded": 1}


async def test_one_delivery_in_flight_per_thread(bench: Bench) -> None:
    """While a message is in flight, the next of its thread waits; other threads do not."""
    bench.route = ROOT
    await bench.post(bench.event())
    await bench.alert()
    (first,) = (await bench.claim()).jobs
    await bench.post(
        bench.event(severity=Severity.CRITICAL), bench.event("x", more_labels={"service": "other"})
    )
    await bench.alert()
    (other,) = (await bench.claim()).jobs
    assert other.thread.id != first.thread.id
    await bench.deliver(first)
    await bench.deliver(other)
    (second,) = (await bench.claim()).jobs
    assert second.thread.id == first.thread.id
    await bench.deliver(second)


async def test_more_threads_than_tokens_go_as_one_digest(bench: Bench) -> None:
    """With two tokens, nine alerts are one digest, which coalesces them when it is delivered."""
    bench.route = EACH
    bench.rate_limit = RateLimit(messages=2, per=HOUR, burst=2)
    await bench.post(*(bench.event(f"fp-{n}") for n in range(9)))
    await bench.alert()
    (job,) = (await bench.claim()).jobs
    assert job.reason is Reason.DIGEST
    assert job.message.totals == {"opened": 9}
    assert await _states(bench) == {"pending": 9, "sending": 1}
    await bench.deliver(job)
    assert await _states(bench) == {"coalesced": 9, "delivered": 1}


async def test_without_digest_the_target_is_paced(bench: Bench) -> None:
    """Two messages at once, and one more every half hour."""
    bench.route = EACH
    bench.digest = False
    bench.rate_limit = RateLimit(messages=2, per=HOUR, burst=2)
    await bench.post(*(bench.event(f"fp-{n}") for n in range(4)))
    await bench.alert()
    assert len(await bench.deliver_all()) == 2
    bench.clock.advance(30 * MINUTE + 1)
    assert len(await bench.deliver_all()) == 1
    bench.clock.advance(30 * MINUTE + 1)
    assert len(await bench.deliver_all()) == 1


async def test_three_failures_cool_the_target_and_one_probe_follows(bench: Bench) -> None:
    """After three transient failures in a row the target cools; then one message probes it."""
    bench.route = EACH
    bench.digest = False
    await bench.post(*(bench.event(f"fp-{n}") for n in range(5)))
    await bench.alert()
    jobs = (await bench.claim()).jobs
    assert len(jobs) == 5
    for job in jobs:
        await bench.fail(job, SendError(Outcome.TRANSIENT, "down"))
    row = await bench.database.read(lambda tx: tx.run(sa.select(targets)).one())
    assert row.cool_until > bench.clock.now()
    bench.clock.advance(row.cool_until - bench.clock.now())
    (probe,) = (await bench.claim()).jobs
    assert (await bench.claim()).jobs == ()
    await bench.deliver(probe)
    assert len(await bench.deliver_all()) == 4


async def test_one_hiccup_cools_as_one_however_much_was_in_flight(bench: Bench) -> None:
    """Eight concurrent failures cool the target like three in a row, for seconds."""
    bench.route = EACH
    bench.digest = False
    await bench.post(*(bench.event(f"fp-{n}") for n in range(8)))
    await bench.alert()
    jobs = (await bench.claim()).jobs
    assert len(jobs) == 8
    for job in jobs:
        bench.clock.advance(10)
        await bench.fail(job, SendError(Outcome.AMBIGUOUS, "it was reset"))
    row = await bench.database.read(lambda tx: tx.run(sa.select(targets)).one())
    assert (row.failures, row.cool_until) == (3, bench.clock.now() + 5 * SECOND)
    bench.clock.advance(5 * SECOND)
    (probe,) = (await bench.claim()).jobs
    await bench.fail(probe, SendError(Outcome.TRANSIENT, "down"))
    row = await bench.database.read(lambda tx: tx.run(sa.select(targets)).one())
    assert (row.failures, row.cool_until) == (4, bench.clock.now() + 30 * SECOND)


async def test_a_password_refused_to_many_at_once_cools_as_one(bench: Bench) -> None:
    """Concurrent authentication failures cool the channel once; the next failure cools it longer."""
    bench.route = EACH
    bench.digest = False
    await bench.post(*(bench.event(f"fp-{n}") for n in range(4)))
    await bench.alert()
    for job in (await bench.claim()).jobs:
        bench.clock.advance(10)
        await bench.fail(job, SendError(Outcome.PERMANENT, "535", whole_channel=True))
    row = await bench.database.read(lambda tx: tx.run(sa.select(targets)).one())
    assert (row.failures, row.cool_until) == (1, bench.clock.now() + 5 * SECOND)


async def test_after_hours_away_a_target_gets_few_messages(bench: Bench) -> None:
    """After six hours with hundreds pending, the target gets at most three messages."""
    bench.route = EACH
    sent = 0
    for hour in range(6):
        await bench.post(*(bench.event(f"fp-{hour}-{n}") for n in range(50)))
        await bench.alert()
        for _ in range(12):
            for job in (await bench.claim()).jobs:
                await bench.fail(job, SendError(Outcome.TRANSIENT, "down"))
            bench.clock.advance(5 * MINUTE)
    for _ in range(200):
        sent += len(await bench.deliver_all())
        bench.clock.advance(MINUTE)
    states = await _states(bench)
    assert sent <= 3
    assert set(states) == {"delivered", "coalesced"}


async def test_pace_spaces_messages_to_one_target(bench: Bench) -> None:
    """Messages to one target are at least a second apart, as Slack requires."""
    bench.route = EACH
    bench.pace = SECOND
    await bench.post(*(bench.event(f"fp-{n}") for n in range(3)))
    await bench.alert()
    for _ in range(3):
        assert len(await bench.deliver_all()) == 1
        bench.clock.advance(SECOND)


async def test_the_fallback_is_told_the_alert_itself_once(bench: Bench) -> None:
    """After ten minutes of failure the fallback gets the alert once, with the reason."""
    bench.channels = {"mail": ("a@example.com", "b@example.com"), "audit": ("hook",)}
    bench.fallback = "audit"
    await bench.start()
    bench.route = ROOT
    await bench.post(bench.event())
    await bench.alert()
    for job in (await bench.claim()).jobs:
        await bench.fail(job, SendError(Outcome.TRANSIENT, "down"))
    bench.clock.advance(10 * MINUTE)
    assert len((await bench.sweep()).told) == 1
    jobs = [job for job in (await bench.claim()).jobs if job.channel == "audit"]
    (job,) = jobs
    assert job.message.reason is Reason.FALLBACK
    assert job.message.note is not None
    assert "mail" in job.message.note
    assert job.message.told[0].incident.title == "TimeoutError: fp"
    await bench.deliver(job)
    bench.clock.advance(HOUR)
    assert (await bench.sweep()).told == ()


async def test_a_failing_fallback_is_shouted(bench: Bench) -> None:
    """If the fallback itself fails, the sweep reports it, and does not notify it again."""
    bench.fallback = "mail"
    job = await _job(bench)
    await bench.fail(job, SendError(Outcome.BLOCKED, "policy"))
    assert (await bench.sweep()).fallback_failed == (job.id,)


async def test_a_removed_target_leaves_dead_letters(bench: Bench) -> None:
    """Deliveries for a removed recipient are dead letters with that reason."""
    bench.route = ROOT
    await bench.post(bench.event())
    await bench.alert()
    bench.channels = {"mail": ("new@example.com",)}
    await bench.start()
    assert await _states(bench) == {"dead": 1}


async def test_a_refused_password_cools_the_whole_channel(bench: Bench) -> None:
    """An authentication failure at one recipient pauses all of the channel."""
    bench.channels = {"mail": ("a@example.com", "b@example.com")}
    await bench.start()
    bench.route = ROOT
    await bench.post(bench.event())
    await bench.alert()
    (job,) = (await bench.claim(slots=1)).jobs
    await bench.fail(job, SendError(Outcome.PERMANENT, "535", whole_channel=True))
    assert (await bench.claim()).jobs == ()


async def test_discarded_dead_letters_are_over(bench: Bench) -> None:
    """A discarded dead letter cannot be redelivered."""
    job = await _job(bench)
    await bench.fail(job, SendError(Outcome.BLOCKED, "policy"))
    assert await bench.database.write(lambda tx: dead_letters.discard(tx, [job.id])) == (job.id,)
    assert await bench.database.write(lambda tx: dead_letters.redeliver(tx, bench.rules, [job.id])) == ()


async def test_a_digest_counts_exactly_and_names_what_is_biggest(bench: Bench) -> None:
    """A digest counts events, causes and services of everything it carries, shown or not."""
    bench.route = EACH
    bench.rate_limit = RateLimit(messages=1, per=HOUR, burst=1)
    storm = [bench.event(f"fp-{n}", more_labels={"service": f"shop-{n % 4}"}) for n in range(30)]
    await bench.post(*storm, *(bench.event("fp-7", more_labels={"service": "shop-3"}) for _ in range(70)))
    await bench.alert()
    (job,) = (await bench.claim()).jobs
    assert (job.message.note or "").startswith(
        "100 events, 30 causes, 4 services; biggest: TimeoutError: fp-7 (×71), "
    )


async def test_digests_of_a_storm_share_a_thread_and_their_figures_add_up(bench: Bench) -> None:
    """A channel that can edit shows one message for the storm; after an hour, a new one notifies again."""
    bench.route = EACH
    bench.rate_limit = RateLimit(messages=60, per=HOUR, burst=1)
    threads_seen, notes = [], []
    for round_ in range(3):
        await bench.post(*(bench.event(f"fp-{round_}-{n}") for n in range(5)))
        await bench.alert()
        (job,) = (await bench.claim()).jobs
        threads_seen.append((job.thread.id, job.thread.ref))
        notes.append((job.message.note or "").partition(";")[0])
        await bench.deliver(job, ref=f"ts-{round_}")
        bench.clock.advance(2 * MINUTE)
    first = threads_seen[0][0]
    assert threads_seen == [(first, None), (first, "ts-0"), (first, "ts-0")]
    assert notes == [f"{n} events, {n} causes, 1 service" for n in (5, 10, 15)]
    bench.clock.advance(HOUR)
    await bench.post(*(bench.event(f"late-{n}") for n in range(5)))
    await bench.alert()
    (job,) = (await bench.claim()).jobs
    assert job.thread.id != first
    assert (job.message.note or "").startswith("5 events, 5 causes, 1 service")


async def test_a_digest_never_waits_in_line_behind_another(bench: Bench) -> None:
    """A failed digest is retried alone; later messages have their own thread."""
    bench.route = EACH
    bench.rate_limit = RateLimit(messages=60, per=HOUR, burst=1)
    await bench.post(*(bench.event(f"one-{n}") for n in range(5)))
    await bench.alert()
    (first,) = (await bench.claim()).jobs
    await bench.fail(first, SendError(Outcome.TRANSIENT, "down"))
    bench.clock.advance(2 * MINUTE)
    await bench.post(*(bench.event(f"two-{n}") for n in range(5)))
    await bench.alert()
    told = []
    for _ in range(4):
        for job in (await bench.claim()).jobs:
            told.append((job.id == first.id, (job.message.note or "").partition(",")[0]))
            await bench.deliver(job, ref="ts")
        bench.clock.advance(MINUTE)
    assert sorted(told) == [(False, "5 events"), (True, "5 events")]
    assert await _states(bench) == {"coalesced": 10, "delivered": 2}


async def test_what_a_paced_target_could_not_hear_in_half_a_minute_is_one_message(bench: Bench) -> None:
    """Five hundred groups at a paced target are one digest; thirty are sent one by one."""
    bench.route = EACH
    bench.pace = SECOND
    await bench.post(*(bench.event(f"fp-{n}") for n in range(500)))
    await bench.alert()
    jobs = (await bench.claim()).jobs
    assert [job.reason for job in jobs] == [Reason.DIGEST]
    assert (jobs[0].message.note or "").startswith("500 events, 500 causes, 1 service")


async def test_a_thread_knows_the_one_of_the_episode_before(bench: Bench) -> None:
    """A new thread refers to the previous episode's."""
    await bench.post(bench.event())
    await bench.alert()
    await bench.deliver((await bench.claim()).jobs[0], ref="T1/C1/1.0")
    await bench.post(bench.event(status="resolved"))
    bench.clock.advance(5 * MINUTE)
    await bench.alert()
    await bench.deliver((await bench.claim()).jobs[0])
    bench.clock.advance(5 * MINUTE)
    await bench.post(bench.event())
    await bench.alert()
    (job,) = (await bench.claim()).jobs
    assert (job.thread.ref, job.thread.previous_ref) == (None, "T1/C1/1.0")
