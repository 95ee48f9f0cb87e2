"""What a target hears of a storm: few messages, and every figure exact. On both engines."""

from __future__ import annotations

import re

import pytest
import sqlalchemy as sa

from notifier.delivery.jobs import Job
from notifier.domain.delivery import Outcome, RateLimit
from notifier.domain.errors import SendError
from notifier.domain.notification import Reason
from notifier.domain.route import Route
from notifier.domain.severity import Severity
from notifier.domain.time import HOUR, MINUTE, SECOND
from notifier.store import ledger
from notifier.store.schema import decisions, targets
from tests.store.conftest import Bench

pytestmark = pytest.mark.anyio

EACH = Route(key="each", name="default", channels=("mail",), group_wait=0, group_by=("incident",))
_FIGURES = re.compile(r"([0-9,]+) events?, ([0-9,]+) causes?, ([0-9,]+) services?")


def figures(job: Job) -> tuple[int, int, int]:
    """Events, causes and services that a digest names."""
    found = _FIGURES.match(job.message.note or "")
    assert found is not None
    events, causes, services = (int(text.replace(",", "")) for text in found.groups())
    return events, causes, services


async def storm(bench: Bench, groups: int, services: int, events: int) -> None:
    """So many groups at once, of so many services, and all their events."""
    for first in range(0, groups, 1_000):
        numbers = range(first, min(groups, first + 1_000))
        await bench.post(
            *(bench.event(f"fp-{n}", more_labels={"service": f"shop-{n % services}"}) for n in numbers)
        )
    again = (bench.event("fp-0", more_labels={"service": "shop-0"}) for _ in range(events - groups))
    await bench.post(*again)
    await bench.alert()


async def test_of_as_many_events_the_worst_is_named_first(bench: Bench) -> None:
    """Each happened once, and a warning opened before the critical one."""
    bench.route = EACH
    bench.rate_limit = RateLimit(messages=1, per=HOUR, burst=1)
    severities = [Severity.WARNING] * 4 + [Severity.CRITICAL]
    await bench.post(*(bench.event(f"fp-{n}", severity=severity) for n, severity in enumerate(severities)))
    await bench.alert()
    (job,) = await bench.deliver_all()
    assert "; biggest: TimeoutError: fp-4 (×1), TimeoutError: fp-0 " in (job.message.note or "")


async def test_a_digest_of_two_groups_says_how_many_it_does_not_show(bench: Bench) -> None:
    """Each group had thirty causes, of which twenty are told; what is worse than the biggest is named before it."""
    bench.route = Route(key="two", name="default", channels=("mail",), group_wait=0, group_by=("service",))
    bench.rate_limit = RateLimit(messages=1, per=HOUR, burst=1)
    for service in ("shop", "cart"):
        causes = [bench.event(f"{service}-{n}", more_labels={"service": service}) for n in range(30)]
        again = [bench.event(f"{service}-7", more_labels={"service": service}) for _ in range(2)]
        await bench.post(*causes, *again)
    await bench.post(bench.event("sealed", severity=Severity.CRITICAL, more_labels={"service": "cart"}))
    await bench.alert()
    (job,) = await bench.deliver_all()
    assert figures(job) == (65, 61, 2)
    assert len(job.message.told) + job.message.more == 61
    assert len(job.message.told) == 20
    assert "; worst: TimeoutError: sealed (×1), biggest: TimeoutError: " in (job.message.note or "")


async def test_five_hundred_groups_at_once_stay_within_the_limit(bench: Bench) -> None:
    """Thirty an hour, five at once: one digest with the exact figures, and tokens are left for what comes next."""
    bench.route = EACH
    bench.rate_limit = RateLimit(messages=30, per=HOUR, burst=5)
    await storm(bench, groups=500, services=4, events=812)
    (job,) = await bench.deliver_all()
    assert job.reason is Reason.DIGEST
    assert figures(job) == (812, 500, 4)
    assert "; biggest: TimeoutError: fp-0 (×313), " in (job.message.note or "")
    row = await bench.database.read(lambda tx: tx.run(sa.select(targets)).one())
    assert row.tokens == 4
    told = sa.select(sa.func.count(), sa.func.sum(decisions.c.events)).where(decisions.c.kind == "told")
    assert tuple(await bench.database.read(lambda tx: tx.run(told).one())) == (500, 812)
    assert (await bench.database.read(ledger.accounting)).balanced


async def test_a_channel_that_was_down_for_six_hours_says_it_in_three_messages(bench: Bench) -> None:
    """More alerts than a plan sees wait for it; it hears of all of them, exactly counted, and is not flooded."""
    bench.route = EACH
    bench.rate_limit = RateLimit(messages=30, per=HOUR, burst=5)
    await storm(bench, groups=2_100, services=7, events=2_200)
    back_at = bench.clock.now() + 6 * HOUR
    tried = 0
    while bench.clock.now() < back_at:
        for job in (await bench.claim()).jobs:
            tried += 1
            await bench.fail(job, SendError(Outcome.TRANSIENT, "down"))
        bench.clock.advance(5 * MINUTE)
    assert 3 <= tried <= 30
    heard: list[Job] = []
    while bench.clock.now() < back_at + 4 * HOUR:
        for job in (await bench.claim()).jobs:
            heard.append(job)
            await bench.deliver(job)
        bench.clock.advance(MINUTE)
    assert 1 <= len(heard) <= 3
    counted = [figures(job) if job.reason is Reason.DIGEST else (1, 1, 1) for job in heard]
    assert sum(causes for _, causes, _ in counted) == 2_100
    assert sum(events for events, _, _ in counted) == 2_200
    accounting = await bench.database.read(ledger.accounting)
    assert accounting.balanced
    assert accounting.by_state.get("pending", 0) == 0
    assert accounting.by_state.get("dead", 0) == 0


async def test_a_channel_that_can_edit_shows_one_message_for_a_storm(bench: Bench) -> None:
    """Paced at one a second: five waves within the hour are one root and its edits, its figures those of all waves."""
    bench.route = EACH
    bench.pace = SECOND
    refs = []
    last = (0, 0, 0)
    for wave in range(5):
        await bench.post(*(bench.event(f"wave-{wave}-{n}") for n in range(100)))
        await bench.alert()
        (job,) = (await bench.claim()).jobs
        refs.append(job.thread.ref)
        last = figures(job)
        await bench.deliver(job, ref="T1/C1/1.0")
        bench.clock.advance(5 * MINUTE)
    assert refs == [None, "T1/C1/1.0", "T1/C1/1.0", "T1/C1/1.0", "T1/C1/1.0"]
    assert last == (500, 500, 1)
