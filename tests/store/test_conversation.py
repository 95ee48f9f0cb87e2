"""A mail conversation: created with its opening message, stored, and used by all that follow."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from notifier.alerting import rerouting
from notifier.delivery.jobs import Job
from notifier.domain.delivery import Outcome, RateLimit
from notifier.domain.errors import SendError
from notifier.domain.matcher import parse
from notifier.domain.message import SHOWN_AT_MOST
from notifier.domain.route import Route, Step
from notifier.domain.severity import Severity
from notifier.domain.time import HOUR, MINUTE
from notifier.domain.value import replace
from notifier.oncall import actions
from notifier.oncall.actor import Actor
from notifier.store.database import Tx
from notifier.store.json_rows import encode_values
from notifier.store.schema import groups
from notifier.store.statements.groups import lock_groups
from tests.store.conftest import Bench, new_id

pytestmark = pytest.mark.anyio

ROUTE = Route(key="root", name="default", channels=("mail",), group_wait=0, group_interval=5 * MINUTE)


@pytest.fixture
async def bench(bench: Bench) -> Bench:
    """A bench with one group for the service."""
    bench.route = ROUTE
    await bench.start()
    return bench


async def tell(bench: Bench, fingerprint: str = "fp", **changes: Any) -> Job:
    """Post, wait for the group's timer, and claim its single message."""
    await bench.post(bench.event(fingerprint, **changes))
    bench.clock.advance(6 * MINUTE)
    await bench.alert()
    (job,) = await bench.deliver_all()
    return job


def where(job: Job) -> tuple[int, str]:
    conversation = job.message.conversation
    assert conversation is not None
    return conversation.number, conversation.subject


async def test_a_subject_is_of_the_first_message_and_stays(bench: Bench) -> None:
    """The subject stays the same for later incidents below critical, and for the resolution."""
    first = await tell(bench, severity=Severity.WARNING)
    assert where(first) == (0, "[billing/production] warning: TimeoutError: fp")
    for more in (
        {"fingerprint": "b"},
        {"fingerprint": "c", "severity": Severity.ERROR},
        {"status": "resolved"},
    ):
        assert where(await tell(bench, **more)) == where(first)


async def test_a_raise_to_critical_opens_another_and_what_follows_goes_there(bench: Bench) -> None:
    """A raise to critical opens a second conversation, once per episode."""
    first = await tell(bench)
    raised = await tell(bench, severity=Severity.CRITICAL)
    assert where(raised) == (1, "[billing/production] critical: TimeoutError: fp")
    assert raised.thread.id == first.thread.id
    for more in (
        {"fingerprint": "b", "severity": Severity.CRITICAL},
        {"fingerprint": "c"},
        {"status": "resolved"},
    ):
        assert where(await tell(bench, **more)) == where(raised)


async def test_a_new_episode_is_a_new_conversation(bench: Bench) -> None:
    """A new episode has a new conversation, named after its first incident."""
    await tell(bench, severity=Severity.CRITICAL)
    await tell(bench, status="resolved")
    bench.clock.advance(5 * HOUR)
    assert where(await tell(bench, "b")) == (0, "[billing/production] error: TimeoutError: b")


async def test_the_worst_and_biggest_names_it_and_the_others_are_counted(bench: Bench) -> None:
    """Of thirty causes the critical one names the conversation; twenty are listed, by severity and count."""
    await bench.post(*(bench.event(f"fp-{n}") for n in range(28)), *(bench.event("big") for _ in range(9)),
                     bench.event("bad", severity=Severity.CRITICAL))  # fmt: skip
    await bench.alert()
    (job,) = await bench.deliver_all()
    assert where(job) == (0, "[billing/production] critical: TimeoutError: bad ... and 29 more")
    shown = [one.incident.title for one in job.message.told]
    assert shown[:3] == ["TimeoutError: bad", "TimeoutError: big", "TimeoutError: fp-0"]
    assert (len(shown), job.message.more, job.message.events) == (SHOWN_AT_MOST, 10, 38)


async def test_a_failed_and_a_superseded_delivery_change_nothing(bench: Bench) -> None:
    """A carried older message is in the conversation of the newer one."""
    await bench.post(bench.event())
    await bench.alert()
    (opened,) = (await bench.claim()).jobs
    await bench.fail(opened, SendError(Outcome.TRANSIENT, "down"))
    await bench.post(bench.event(severity=Severity.CRITICAL))
    bench.clock.advance(6 * MINUTE)
    await bench.alert()
    (job,) = await bench.deliver_all()
    assert job.reason.value == "severity_raised"
    assert where(job) == (1, "[billing/production] critical: TimeoutError: fp")
    bench.clock.advance(6 * MINUTE)
    assert where(await tell(bench, status="resolved")) == where(job)


async def test_an_escalation_is_of_the_same_conversation(bench: Bench) -> None:
    """An escalation is in the same conversation, with its subject."""
    bench.route = replace(ROUTE, escalate=(Step(after=15 * MINUTE, channels=("boss",)),))
    bench.channels = {"mail": ("a@example.com",), "boss": ("boss@example.com",)}
    await bench.start()
    first = await tell(bench)
    bench.clock.advance(15 * MINUTE)
    await bench.alert()
    (escalated,) = await bench.deliver_all()
    assert escalated.address == "boss@example.com"
    assert where(escalated) == where(first)


async def test_what_was_running_before_conversations_were_kept_gets_one(bench: Bench) -> None:
    """Threads without a conversation get one with their next message; messages stored without one are sent without."""
    bench.route = replace(ROUTE, escalate=(Step(after=15 * MINUTE, channels=("mail",)),))
    await bench.start()
    await tell(bench)
    await bench.database.write(lambda tx: tx.run(sa.update(groups).values(conversation=None)))
    bench.clock.advance(15 * MINUTE)
    await bench.alert()
    (escalated,) = await bench.deliver_all()
    assert where(escalated) == (0, "[billing/production] error: TimeoutError: fp")
    assert where(await tell(bench, "b")) == where(escalated)


async def test_an_acknowledgement_of_several_stays_in_it(bench: Bench) -> None:
    """An acknowledgement stays in the conversation."""
    first = await tell(bench, severity=Severity.CRITICAL)
    incident = first.message.told[0].incident.id
    actor = Actor(name="ann", key_name="key", project="default", project_scope=None, new_id=new_id)
    await bench.database.write(lambda tx: actions.acknowledge(tx, actor, incident))
    await bench.alert()
    (job,) = await bench.deliver_all()
    assert (job.reason.value, where(job)) == ("acknowledged", where(first))


@pytest.mark.parametrize("scattered", [False, True])
async def test_a_reload_keeps_it(bench: Bench, scattered: bool) -> None:
    """After a reload that moves incidents to one or several groups, their conversation stays."""
    billing = Route(
        key="billing", name="billing", match=(parse('service="billing"'),), channels=("mail",), group_wait=0
    )
    bench.route = replace(ROUTE, routes=(billing,))
    await bench.start()
    await tell(bench, "a")
    raised = await tell(bench, "b", severity=Severity.CRITICAL)
    bench.route = replace(ROUTE, group_by=("incident",)) if scattered else ROUTE

    def move(tx: Tx) -> None:
        ids = tx.run(sa.select(groups.c.id).where(groups.c.route == "billing")).scalars()
        for group in lock_groups(tx, groups=encode_values(ids)):
            rerouting.reroute(tx, bench.rules, group)

    await bench.database.write(move)
    ended = [await tell(bench, name, status="resolved") for name in ("a", "b")]
    assert {where(job) for job in ended} == {where(raised)}


async def test_a_digest_is_its_own_and_what_it_carried_goes_on(bench: Bench) -> None:
    """A digest has its own subject; later messages are in the conversations of the carried ones."""
    bench.route = replace(ROUTE, group_by=("incident",), group_interval=0)
    bench.rate_limit = RateLimit(messages=1, per=HOUR, burst=1)
    await bench.start()
    await bench.post(*(bench.event(f"fp-{n}") for n in range(3)))
    await bench.alert()
    (digest,) = await bench.deliver_all()
    assert digest.reason.value == "digest"
    assert digest.message.conversation is None
    bench.clock.advance(2 * HOUR)
    ended = await tell(bench, "fp-1", status="resolved")
    assert where(ended) == (0, "[billing/production] error: TimeoutError: fp-1")
