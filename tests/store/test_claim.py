"""Claims: what is taken from a backlog, its cost, and several outcomes in one transaction."""

from __future__ import annotations

from typing import Any, cast

import pytest
import sqlalchemy as sa

from notifier import delivery
from notifier.delivery.jobs import ChannelRules, Claimed, Job
from notifier.delivery.outcome import Ended
from notifier.domain.delivery import DeliveryState, Outcome, Receipt
from notifier.domain.errors import SendError
from notifier.domain.message import Message
from notifier.domain.notification import Reason
from notifier.domain.route import Route
from notifier.domain.severity import Severity
from notifier.domain.time import HOUR
from notifier.domain.value import replace
from notifier.policy.targets import Idleness
from notifier.store import notifications
from notifier.store.database import Tx
from notifier.store.schema import attempts, deliveries, targets
from tests.store.conftest import Bench

pytestmark = pytest.mark.anyio

EACH = Route(key="root", name="default", channels=("mail",), group_by=("incident",), group_wait=0)


async def _backlog(bench: Bench, count: int, **fields: Any) -> None:
    bench.route = EACH
    await bench.post(*(bench.event(f"cause {number} {fields}", **fields) for number in range(count)))
    await bench.alert()


async def _claim(bench: Bench, **changes: Any) -> Claimed:
    channel = ChannelRules(name="mail", rate_limit=None, digest=False, pace=0, slots=8)
    channels = {"mail": replace(channel, **changes)}
    return await bench.database.write(lambda tx: delivery.claim(tx, bench.rules, channels))


async def _test_message(bench: Bench) -> None:
    message = Message(
        id="", reason=Reason.TEST, at=bench.clock.now(), project="default", group=None, labels={}, told=(), totals={},
        thread_id="",
    )  # fmt: skip
    await bench.database.write(
        lambda tx: notifications.enqueue_test(
            tx, bench.rules, project="default", channel="mail", message=message
        )
    )


async def test_tests_go_first_then_severity_then_age(bench: Bench) -> None:
    """Channel tests come first, then severity, then age, whatever waits behind a slow target."""
    bench.digest = False
    await _backlog(bench, 20, severity=Severity.WARNING)
    await _backlog(bench, 2, severity=Severity.CRITICAL)
    await _backlog(bench, 2, severity=Severity.ERROR)
    await _test_message(bench)
    jobs = (await _claim(bench, slots=7)).jobs
    assert [job.reason for job in jobs][:1] == [Reason.TEST]
    severities = [job.message.told[0].incident.severity.value for job in jobs[1:]]
    assert severities == ["critical", "critical", "error", "error", "warning", "warning"]


async def test_a_claim_reads_what_it_takes_and_no_more(bench: Bench) -> None:
    """The rows that a claim reads do not grow with the backlog."""
    read = []
    for count in (30, 300):
        await _backlog(bench, count, severity=Severity.ERROR if count == 30 else Severity.WARNING)
        rows: list[int] = []

        def counted(tx: Tx, rows: list[int] = rows) -> None:
            def note(result: Any) -> Any:
                rows.append(len(result.fetchall()) if result.returns_rows else 0)

            run = tx.conn.exec_driver_sql

            class Noting:
                def __getattr__(self, name: str) -> Any:
                    return getattr(tx.conn, name)

                def exec_driver_sql(self, text: str, parameters: Any) -> Any:
                    if text.lstrip().startswith("SELECT"):
                        note(run(text, parameters))
                    return run(text, parameters)

            channels = {"mail": ChannelRules(name="mail", rate_limit=None, digest=False, pace=0, slots=8)}
            delivery.claim(replace(tx, conn=cast("Any", Noting())), bench.rules, channels)

        await bench.database.write(counted)
        read.append(sum(rows))
    assert read[0] < 60
    assert read[1] <= read[0]


async def test_one_of_several_targets_has_its_share(bench: Bench) -> None:
    """A target gets its share, and its backlog stays due until it has fewer in flight."""
    bench.channels = {"mail": ("a@example.com", "b@example.com")}
    await bench.start()
    bench.digest = False
    await _backlog(bench, 10)
    jobs = (await _claim(bench, slots=8, share=3)).jobs
    assert sorted(job.address for job in jobs) == ["a@example.com"] * 3 + ["b@example.com"] * 3
    assert (await _claim(bench, slots=8, share=3)).jobs == ()
    await bench.deliver(jobs[0])
    assert len((await _claim(bench, slots=8, share=3)).jobs) == 1


async def test_outcomes_are_recorded_together_in_their_order(bench: Bench) -> None:
    """A failure after a success is one in a row; a success after a failure resets it."""
    bench.digest = False
    await _backlog(bench, 4)
    jobs = (await _claim(bench, slots=4)).jobs
    failure = SendError(Outcome.TRANSIENT, "503")
    ends: list[Receipt | SendError] = [failure, Receipt(ref="one"), Receipt(), failure]
    ended = [Ended(job=job, end=end) for job, end in zip(jobs, ends, strict=True)]
    results = await bench.database.write(lambda tx: delivery.settle(tx, ended))
    states = [result.state for result in results if result is not None]
    waits, done = DeliveryState.PENDING, DeliveryState.DELIVERED
    assert states == [waits, done, done, waits]

    def read(tx: Tx) -> tuple[Any, Any]:
        return tx.run(sa.select(targets)).one(), tx.run(
            sa.select(sa.func.count()).select_from(attempts)
        ).scalar()

    target, written = await bench.database.read(read)
    assert (target.failures, written) == (1, 4)


async def test_what_was_recorded_already_is_recorded(bench: Bench) -> None:
    """An outcome written again after a lost commit answer is recorded once."""
    await _backlog(bench, 3)
    jobs = (await _claim(bench, slots=3)).jobs
    await bench.deliver(jobs[1])
    ended = [Ended(job=job, end=Receipt()) for job in jobs]
    results = await bench.database.write(lambda tx: delivery.settle(tx, ended))
    assert [result is not None for result in results] == [True, True, True]
    written = await bench.database.read(
        lambda tx: tx.run(sa.select(attempts.c.delivery).order_by(attempts.c.delivery)).scalars().all()
    )
    assert written == sorted(job.id for job in jobs)


async def test_who_lost_its_lease_records_nothing(bench: Bench) -> None:
    """An outcome without a lease is ignored, those of others are recorded."""
    await _backlog(bench, 2)
    jobs = (await _claim(bench, slots=2)).jobs
    await bench.sweep(restarted=True)
    (again,) = (await _claim(bench, slots=1)).jobs
    mine, other = sorted(jobs, key=lambda job: job.id != again.id)
    ended = [Ended(job=job, end=Receipt()) for job in (mine, again, other)]
    results = await bench.database.write(lambda tx: delivery.settle(tx, ended))
    assert [result is not None for result in results] == [False, True, False]


async def test_what_was_not_begun_goes_back_as_if_it_had_not_been_claimed(bench: Bench) -> None:
    """A released delivery is due, without a counted attempt or frozen content."""
    await _backlog(bench, 2)
    jobs = (await _claim(bench, slots=2)).jobs
    await bench.database.write(lambda tx: delivery.give_back(tx, jobs))
    rows = await bench.database.read(lambda tx: tx.run(sa.select(deliveries)).all())
    assert [(row.state, row.claims, row.message, row.lease_until) for row in rows] == [
        ("pending", 0, None, None)
    ] * 2
    assert {job.id for job in (await _claim(bench, slots=2)).jobs} == {job.id for job in jobs}
    # The earlier lease is no longer valid.
    await bench.database.write(lambda tx: delivery.give_back(tx, jobs))
    assert {
        row.state for row in await bench.database.read(lambda tx: tx.run(sa.select(deliveries)).all())
    } == {"sending"}


async def _lose(bench: Bench, jobs: tuple[Job, ...]) -> None:
    """Let the worker end with these deliveries in flight."""
    assert jobs
    await bench.sweep(restarted=True)


async def test_what_ended_a_worker_takes_nobody_along(bench: Bench) -> None:
    """Of fifty deliveries, the one that crashes its worker is quarantined; the others are delivered."""
    bench.digest = False
    await _backlog(bench, 50)
    poison = (await _claim(bench, slots=8)).jobs[3].id
    await bench.sweep(restarted=True)
    died: list[tuple[str, Outcome]] = []
    arrived: set[str] = set()
    for _ in range(200):
        claimed = await _claim(bench, slots=8, idle=Idleness.PROCESS)
        died += claimed.died
        if not claimed.jobs and not claimed.died:
            break
        if any(job.id == poison for job in claimed.jobs):
            await _lose(bench, claimed.jobs)
            continue
        for job in claimed.jobs:
            await bench.deliver(job)
            arrived.add(job.id)
    assert died == [(poison, Outcome.QUARANTINED)]
    assert len(arrived) == 49


async def test_what_must_go_alone_waits_for_quiet_and_keeps_its_turn(bench: Bench) -> None:
    """A quarantined delivery is sent when its channel is idle, and after a second loss when the whole process is."""
    bench.channels = {"mail": ("a@example.com", "b@example.com")}
    await bench.start()
    await _backlog(bench, 1)
    (job, *_) = (await _claim(bench, slots=1)).jobs
    await bench.sweep(restarted=True)
    waits = await _claim(bench, idle=Idleness.NONE)
    assert (waits.jobs, waits.needs) == ((), {"mail": Idleness.CHANNEL})
    alone = await _claim(bench, idle=Idleness.CHANNEL)
    assert [(one.id, one.needs_idle) for one in alone.jobs] == [(job.id, Idleness.CHANNEL)]
    await bench.sweep(restarted=True)
    assert (await _claim(bench, idle=Idleness.CHANNEL)).needs == {"mail": Idleness.PROCESS}
    assert [one.needs_idle for one in (await _claim(bench)).jobs] == [Idleness.PROCESS]


async def test_a_disabled_target_gives_up_all_that_waits(bench: Bench) -> None:
    """The backlog of a disabled target is discarded in batches, due or not."""
    bench.digest = False
    await _backlog(bench, 30)
    await bench.database.write(
        lambda tx: tx.run(sa.update(targets).values(disabled_at=tx.now, disabled_why="gone", due_at=tx.now))
    )
    await bench.database.write(lambda tx: tx.run(sa.update(deliveries).values(due_at=tx.now + HOUR)))
    died = (await _claim(bench)).died
    assert {outcome for _, outcome in died} == {Outcome.GONE}
    assert len(died) == 30
