"""Silences, inhibition, mute times, snoozes and escalation, and the stored reasons, on both engines."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa

from notifier.alerting.acknowledgements import end_acknowledgements
from notifier.alerting.inhibition import backfill
from notifier.alerting.replanning import replan_after_reload
from notifier.delivery.jobs import Job
from notifier.domain.calendar import Hours, Weekly
from notifier.domain.matcher import parse
from notifier.domain.route import Inhibition, Route, Step, TimeInterval
from notifier.domain.severity import Severity
from notifier.domain.time import DAY, HOUR, MINUTE, SECOND, parse_rfc3339
from notifier.domain.value import replace
from notifier.oncall import actions
from notifier.oncall.actor import Actor
from notifier.store import ledger
from notifier.store import silences as kept
from notifier.store.database import Tx
from notifier.store.json_rows import json_text
from notifier.store.schema import decisions, inhibitors, members
from notifier.store.silences import release
from tests.store.conftest import Bench, new_id

pytestmark = pytest.mark.anyio

ROUTE = Route(key="root", name="default", line="notifier.yaml:3", channels=("mail",), group_wait=0)
STEPS = (
    Step(after=15 * MINUTE, channels=("boss",), line="notifier.yaml:7"),
    Step(after=HOUR, channels=("boss", "mail")),
)
CHANNELS = {"mail": ("a@example.com",), "boss": ("boss@example.com",)}


async def start(bench: Bench, route: Route = ROUTE, **values: Any) -> None:
    bench.route = replace(route, **values)
    bench.channels = CHANNELS
    await bench.start()


async def silence(bench: Bench, matcher: str, *, lasts: int = HOUR) -> str:
    id_ = new_id()
    now = bench.clock.now()
    row = {
        "id": id_, "project": "default", "matchers": json_text([matcher]), "starts_at": now, "ends_at": now + lasts,
        "recur": None, "author": "ann", "comment": "moving the database", "created_at": now, "created_by": "key",
    }  # fmt: skip
    await bench.database.write(lambda tx: kept.add(tx, kept.silence_of(SimpleNamespace(**row))))
    return id_


async def end_silence(bench: Bench, id_: str) -> int:
    def end(tx: Tx) -> int:
        known = kept.lock(tx, id_)
        assert known is not None
        kept.change(tx, replace(known, ends_at=tx.now))
        return release(tx, id_)

    return await bench.database.write(end)


def actor(name: str = "ann") -> Actor:
    return Actor(name=name, key_name="key", project="default", project_scope=None, new_id=new_id)


async def rows(bench: Bench, query: sa.Select[Any]) -> Sequence[sa.Row[Any]]:
    return await bench.database.read(lambda tx: tx.run(query).all())


async def why(bench: Bench) -> list[tuple[str, str, int]]:
    """Every decision in order: told or held, the reason, and the number."""
    query = sa.select(decisions.c.kind, decisions.c.why, decisions.c["count"].label("n")).order_by(
        decisions.c.at
    )
    return [(row.kind, row.why, row.n) for row in await rows(bench, query)]


async def told(bench: Bench) -> list[str]:
    return [reason for _, reason in await bench.alert()]


async def send(bench: Bench) -> list[tuple[str, str]]:
    """Deliver everything that is due; returns targets with reasons."""
    jobs: list[Job] = []
    while found := (await bench.claim()).jobs:
        jobs += found
        for job in found:
            await bench.deliver(job, ref=f"ref-{job.id}")
    return sorted((job.address, job.message.reason.value) for job in jobs)


def move(bench: Bench, at: int) -> None:
    bench.clock.advance(at - bench.clock.now())


async def balanced(bench: Bench) -> bool:
    return (await bench.database.read(ledger.accounting)).balanced


async def test_a_silence_holds_and_its_end_is_told_once(bench: Bench) -> None:
    """Silenced incidents are counted, then notified as unmuted with the silence's author."""
    await start(bench)
    id_ = await silence(bench, 'service="billing"')
    await bench.post(bench.event(), bench.event())
    assert await told(bench) == []
    (member,) = await rows(bench, sa.select(members))
    assert (member.held_by, member.hold_ref, member.repeat_at) == ("silenced", id_, bench.clock.now() + HOUR)
    bench.clock.advance(HOUR - 1)
    assert await told(bench) == []
    bench.clock.advance(1)
    assert await told(bench) == ["unmuted"]
    (job,) = (await bench.claim()).jobs
    assert job.message.note == "The silence of ann has ended: moving the database."
    assert job.message.suppressed == 1
    bench.clock.advance(HOUR)
    assert await told(bench) == []
    assert await why(bench) == [("held", "silenced", 1), ("told", "unmuted", 1)]
    assert await balanced(bench)


async def test_opened_and_resolved_under_a_silence_is_never_told(bench: Bench) -> None:
    """The end of the silence notifies nobody of it."""
    await start(bench)
    await silence(bench, 'service="billing"')
    await bench.post(bench.event())
    await bench.alert()
    await bench.post(bench.event(status="resolved"))
    assert await told(bench) == []
    bench.clock.advance(2 * HOUR)
    assert await told(bench) == []
    assert await balanced(bench)


async def test_the_end_of_what_was_told_before_is_told_under_a_silence(bench: Bench) -> None:
    """A silence holds everything but resolutions."""
    await start(bench)
    await bench.post(bench.event())
    assert await told(bench) == ["opened"]
    await silence(bench, 'service="billing"')
    bench.clock.advance(5 * MINUTE)
    await bench.post(bench.event(status="resolved"))
    assert await told(bench) == ["resolved"]


async def test_a_silence_that_is_ended_early_lets_go_at_once(bench: Bench) -> None:
    """Everything that the silence held is evaluated again, and notified if nothing else holds it."""
    await start(bench)
    id_ = await silence(bench, 'service="billing"', lasts=DAY)
    await bench.post(bench.event())
    await bench.alert()
    assert await end_silence(bench, id_) == 1
    assert await told(bench) == ["unmuted"]


async def test_a_silence_lets_go_of_what_it_matches_no_longer(bench: Bench) -> None:
    """If a label starts to vary, the silence no longer matches: alerting fails open."""
    await start(bench)
    await silence(bench, 'region="eu"', lasts=DAY)
    await bench.post(bench.event(more_labels={"region": "eu"}))
    assert await told(bench) == []
    await bench.post(bench.event(more_labels={"region": "us"}))
    assert await told(bench) == ["unmuted"]


async def test_equal_decisions_that_follow_each_other_are_one_row(bench: Bench) -> None:
    """Repeated equal decisions are one row with a count."""
    await start(bench, group_interval=MINUTE)
    await silence(bench, 'service="billing"', lasts=DAY)
    for severity in (Severity.INFO, Severity.WARNING, Severity.ERROR, Severity.CRITICAL):
        await bench.post(bench.event(severity=severity))
        assert await told(bench) == []
        bench.clock.advance(MINUTE)
    assert await why(bench) == [("held", "silenced", 4)]


async def test_inhibition_holds_until_its_source_is_resolved(bench: Bench) -> None:
    """Only incidents with equal labels are inhibited, until the source resolves; a new source inhibits again."""
    rule = Inhibition(
        key="rule",
        source=(parse('severity="critical"'),),
        target=(parse('severity="error"'),),
        equal=("service",),
    )
    bench.inhibit = (rule,)
    await start(bench, group_by=("incident",))
    await bench.post(bench.event("source", severity=Severity.CRITICAL))
    await bench.post(bench.event("target"), bench.event("other", more_labels={"service": "shop"}))
    assert await told(bench) == ["opened", "opened"]
    held = await rows(
        bench, sa.select(members.c.incident, members.c.hold_ref).where(members.c.held_by == "inhibited")
    )
    assert len(held) == 1
    await bench.post(bench.event("source", status="resolved"))
    bench.clock.advance(5 * MINUTE)
    assert sorted(await told(bench)) == ["resolved", "unmuted"]
    assert await rows(bench, sa.select(inhibitors)) == []
    assert await balanced(bench)


async def test_a_rule_that_is_new_finds_its_sources_among_what_is_open(bench: Bench) -> None:
    """After a reload a new rule finds its sources among all unresolved incidents."""
    await start(bench, group_by=("incident",))
    await bench.post(bench.event("source", severity=Severity.CRITICAL))
    await bench.alert()
    rule = Inhibition(
        key="rule", source=(parse('severity="critical"'),), target=(parse('severity="error"'),), equal=()
    )
    bench.inhibit = (rule,)
    assert await bench.database.write(lambda tx: backfill(tx, bench.inhibit, 0)) is None
    await bench.post(bench.event("target"))
    assert await told(bench) == []


async def test_quiet_hours_hold_until_they_are_over(bench: Bench) -> None:
    """When a route's mute time ends, open incidents are notified once."""
    night = Weekly(times=(Hours(start=22 * 60, end=6 * 60),), location="Europe/Berlin")
    move(bench, parse_rfc3339("2026-11-24T23:30:00+01:00"))
    await start(bench, mute_times=(TimeInterval(name="night", windows=(night,)),))
    await bench.post(bench.event())
    assert await told(bench) == []
    (member,) = await rows(bench, sa.select(members))
    assert (member.held_by, member.repeat_at) == ("mute_time", parse_rfc3339("2026-11-25T06:00:00+01:00"))
    move(bench, member.repeat_at)
    assert await told(bench) == ["unmuted"]


async def test_a_snooze_comes_back_with_or_without_news(bench: Bench) -> None:
    """A snooze holds everything but resolutions, and its end is notified once."""
    await start(bench)
    (stored,) = await bench.post(bench.event())
    await bench.alert()
    until = bench.clock.now() + HOUR
    await bench.database.write(lambda tx: actions.snooze(tx, actor(), stored.incident_id or "", until=until))
    bench.clock.advance(5 * MINUTE)
    await bench.post(bench.event(severity=Severity.CRITICAL))
    assert await told(bench) == []
    bench.clock.advance(55 * MINUTE)
    assert await told(bench) == ["unmuted"]
    (job,) = (await bench.claim()).jobs
    assert job.message.note == "The snooze of ann has ended."


async def test_an_acknowledgement_is_told_to_all_who_heard_and_stops_the_rest(bench: Bench) -> None:
    """Everyone notified before, escalation targets included, is notified; repeats and steps stop until it expires."""
    await start(bench, escalate=STEPS)
    (stored,) = await bench.post(bench.event())
    await bench.alert()
    assert await send(bench) == [("a@example.com", "opened")]
    bench.clock.advance(15 * MINUTE)
    assert await told(bench) == ["escalated"]
    assert await send(bench) == [("boss@example.com", "escalated")]
    until = bench.clock.now() + 5 * HOUR
    await bench.database.write(
        lambda tx: actions.acknowledge(tx, actor(), stored.incident_id or "", until=until)
    )
    assert await told(bench) == ["acknowledged"]
    assert await send(bench) == [("a@example.com", "acknowledged"), ("boss@example.com", "acknowledged")]
    await bench.post(bench.event())
    bench.clock.advance(5 * HOUR - 1)
    assert await told(bench) == []
    bench.clock.advance(1)
    await bench.database.write(end_acknowledgements)
    assert sorted(await told(bench)) == ["escalated", "repeated"]
    assert await balanced(bench)


async def test_each_step_fires_once_and_those_who_are_due_share_a_message(bench: Bench) -> None:
    """Each step fires once, also after restarts, and steps due together share a message."""
    await start(bench, escalate=STEPS)
    await bench.post(bench.event("one"), bench.event("two"))
    await bench.alert()
    await send(bench)
    bench.clock.advance(15 * MINUTE - 1)
    assert await told(bench) == []
    bench.clock.advance(1)
    assert await told(bench) == ["escalated"]
    (job,) = (await bench.claim()).jobs
    assert len(job.message.told) == 2
    assert job.message.note == "Escalated: it has been open for 15 min, and nobody has acknowledged it."
    assert job.message.origin is not None
    assert job.message.origin.line == "notifier.yaml:7"
    await bench.deliver(job, "ref")
    bench.clock.advance(2 * HOUR)
    assert await told(bench) == ["escalated"]
    assert await send(bench) == [("a@example.com", "escalated"), ("boss@example.com", "escalated")]
    bench.clock.advance(DAY)
    assert await told(bench) == []


async def test_steps_that_came_due_while_nobody_looked_fire_in_order(bench: Bench) -> None:
    """After a three-hour outage the steps fire in order, with the usual distance."""
    await start(bench, escalate=STEPS)
    await bench.post(bench.event())
    await bench.alert()
    bench.clock.advance(3 * HOUR)
    assert await told(bench) == ["escalated"]
    assert await told(bench) == []
    bench.clock.advance(STEPS[1].after - STEPS[0].after)
    assert await told(bench) == ["escalated"]
    assert await told(bench) == []
    assert await why(bench) == [("told", "opened", 1), *[("told", "escalated", 1)] * 2]


async def test_a_resolution_ends_an_escalation_and_reaches_it(bench: Bench) -> None:
    """The escalation's targets are notified of the resolution."""
    await start(bench, escalate=STEPS)
    await bench.post(bench.event())
    await bench.alert()
    bench.clock.advance(15 * MINUTE)
    await bench.alert()
    await send(bench)
    await bench.post(bench.event(status="resolved"))
    bench.clock.advance(10 * SECOND)
    await bench.alert()
    assert await send(bench) == [("a@example.com", "resolved"), ("boss@example.com", "resolved")]
    bench.clock.advance(DAY)
    assert await told(bench) == []


async def test_a_silence_postpones_an_escalation(bench: Bench) -> None:
    """The step fires when the silence ends."""
    await start(bench, escalate=STEPS)
    await bench.post(bench.event())
    await bench.alert()
    await silence(bench, 'service="billing"', lasts=30 * MINUTE)
    bench.clock.advance(15 * MINUTE)
    assert await told(bench) == []
    bench.clock.advance(15 * MINUTE)
    assert await told(bench) == ["escalated"]


async def test_a_message_says_where_the_whole_episode_stands(bench: Bench) -> None:
    """The message counts open, acknowledged and resolved incidents, and lists those that need action first."""
    await start(bench, group_interval=0)
    stored = await bench.post(bench.event("one"), bench.event("two"), bench.event("three"))
    await bench.alert()
    await bench.database.write(lambda tx: actions.acknowledge(tx, actor(), stored[0].incident_id or ""))
    await bench.alert()
    await bench.database.write(lambda tx: actions.resolve(tx, actor("bo"), stored[1].incident_id or ""))
    await bench.alert()
    (job,) = (await bench.claim()).jobs
    standing = job.message.standing
    assert standing is not None
    assert (standing.open, standing.acknowledged, standing.resolved, standing.events) == (1, 1, 1, 3)
    assert [one.state.value for one in standing.incidents] == ["open", "acknowledged", "resolved"]
    by_reason = {one.reason.value: one.actor for one in job.message.told}
    assert by_reason == {"opened": None} or by_reason["resolved"] == "bo"


async def test_an_escalation_goes_on_after_an_acknowledgement_that_ran_out_in_silence(bench: Bench) -> None:
    """The escalation continues although there is no new event to repeat."""
    await start(bench, escalate=STEPS[:1])
    (stored,) = await bench.post(bench.event())
    await bench.alert()
    until = bench.clock.now() + 5 * HOUR
    await bench.database.write(
        lambda tx: actions.acknowledge(tx, actor(), stored.incident_id or "", until=until)
    )
    assert await told(bench) == ["acknowledged"]
    bench.clock.advance(5 * HOUR)
    await bench.database.write(end_acknowledgements)
    assert await told(bench) == ["escalated"]


async def test_an_early_end_of_a_silence_lets_a_step_go_that_it_had_postponed(bench: Bench) -> None:
    """Ending a silence early also releases a step that it had postponed."""
    await start(bench, escalate=STEPS[:1])
    await bench.post(bench.event())
    await bench.alert()
    id_ = await silence(bench, 'service="billing"', lasts=DAY)
    bench.clock.advance(15 * MINUTE)
    assert await told(bench) == []
    await end_silence(bench, id_)
    assert await told(bench) == ["escalated"]
    bench.clock.advance(DAY)
    assert await told(bench) == []


async def test_each_acknowledgement_is_told_whoever_looked_in_between(bench: Bench) -> None:
    """If one acknowledgement expires and another follows before the loop runs, the second is notified."""
    await start(bench)
    (stored,) = await bench.post(bench.event())
    await bench.alert()
    until = bench.clock.now() + HOUR
    await bench.database.write(
        lambda tx: actions.acknowledge(tx, actor(), stored.incident_id or "", until=until)
    )
    assert await told(bench) == ["acknowledged"]
    bench.clock.advance(HOUR)
    await bench.database.write(lambda tx: actions.acknowledge(tx, actor("bo"), stored.incident_id or ""))
    assert await told(bench) == ["acknowledged"]
    assert await told(bench) == []


async def test_who_was_woken_hears_who_has_it_though_it_is_told_for_another_reason(bench: Bench) -> None:
    """A raise and an acknowledgement at once are one message to everyone notified before."""
    await start(bench, escalate=STEPS[:1])
    (stored,) = await bench.post(bench.event())
    await bench.alert()
    bench.clock.advance(15 * MINUTE)
    await bench.alert()
    await send(bench)
    await bench.post(bench.event(severity=Severity.CRITICAL))
    await bench.database.write(lambda tx: actions.acknowledge(tx, actor(), stored.incident_id or ""))
    assert await told(bench) == ["severity_raised"]
    assert await send(bench) == [
        ("a@example.com", "severity_raised"),
        ("boss@example.com", "severity_raised"),
    ]


@pytest.mark.parametrize("waker", ["escalation", "snooze", "silence"])
async def test_what_wakes_a_group_tells_nothing_else_too_early(bench: Bench, waker: str) -> None:
    """A second incident waits for group_interval, whatever else wakes the group."""
    await start(bench, escalate=(replace(STEPS[0], after=2 * MINUTE),) if waker == "escalation" else ())
    if waker == "silence":
        await silence(bench, 'region="eu"', lasts=2 * MINUTE)
        await bench.post(bench.event("held", more_labels={"region": "eu"}))
    (stored,) = await bench.post(bench.event("first"))
    assert await told(bench) == ["opened"]
    bench.clock.advance(MINUTE)
    await bench.post(bench.event("second"))
    assert await told(bench) == []
    bench.clock.advance(MINUTE)
    if waker == "snooze":
        until = bench.clock.now() + HOUR
        await bench.database.write(
            lambda tx: actions.snooze(tx, actor(), stored.incident_id or "", until=until)
        )
    assert await told(bench) == (["escalated"] if waker == "escalation" else [])
    assert await balanced(bench)
    bench.clock.advance(3 * MINUTE - 1)
    assert await told(bench) == []
    bench.clock.advance(1)
    assert await told(bench) == ["opened"]
    assert await balanced(bench)


async def renewed(bench: Bench, route: Route) -> None:
    """Change the routing tree, as a reload does."""
    bench.route = route
    assert await bench.database.write(lambda tx: replan_after_reload(tx, tuple(route.walk()))) is None


async def test_steps_that_a_reload_adds_or_hastens_fire_for_what_is_open(bench: Bench) -> None:
    """A step counts from the first notification, even if the configuration had no such step then."""
    await start(bench)
    await bench.post(bench.event())
    await bench.alert()
    bench.clock.advance(10 * MINUTE)
    await renewed(bench, replace(ROUTE, escalate=(replace(STEPS[0], after=HOUR),)))
    assert await told(bench) == []
    await renewed(bench, replace(ROUTE, escalate=STEPS))
    assert await told(bench) == []
    bench.clock.advance(5 * MINUTE - 1)
    assert await told(bench) == []
    bench.clock.advance(1)
    assert await told(bench) == ["escalated"]
    await renewed(bench, replace(ROUTE, escalate=STEPS))
    assert await told(bench) == []


async def test_hours_that_a_reload_takes_away_hold_no_longer(bench: Bench) -> None:
    """Removing a mute time releases incidents and steps at once."""
    await start(bench, escalate=STEPS[:1])
    await bench.post(bench.event("told"))
    assert await told(bench) == ["opened"]
    night = TimeInterval(name="always", windows=(Weekly(),))
    await renewed(bench, replace(bench.route, mute_times=(night,)))
    bench.clock.advance(HOUR)
    await bench.post(bench.event("held"))
    assert await told(bench) == []
    await renewed(bench, replace(bench.route, mute_times=()))
    assert sorted(await told(bench)) == ["escalated", "unmuted"]


async def test_a_step_does_not_wait_for_what_its_group_keeps(bench: Bench) -> None:
    """An escalation step is due although the group's interval has not passed."""
    await start(bench, escalate=STEPS[:1])
    (first, _) = await bench.post(bench.event("one"), bench.event("two"))
    await bench.alert()
    until = bench.clock.now() + HOUR
    await bench.database.write(lambda tx: actions.snooze(tx, actor(), first.incident_id or "", until=until))
    bench.clock.advance(15 * MINUTE)
    await bench.post(bench.event("two", severity=Severity.CRITICAL))
    assert await told(bench) == ["severity_raised", "escalated"]
    bench.clock.advance(MINUTE)
    await bench.database.write(lambda tx: actions.reopen(tx, actor(), first.incident_id or ""))
    assert await told(bench) == ["escalated"]
    bench.clock.advance(4 * MINUTE)
    assert await told(bench) == ["unmuted"]


async def test_a_step_goes_on_when_a_silence_matches_no_longer(bench: Bench) -> None:
    """If a label varies, the step that the silence had postponed is due at once."""
    await start(bench, escalate=STEPS[:1])
    await bench.post(bench.event(more_labels={"region": "eu"}))
    await bench.alert()
    await silence(bench, 'region="eu"', lasts=3 * HOUR)
    bench.clock.advance(15 * MINUTE)
    assert await told(bench) == []
    await bench.post(bench.event(more_labels={"region": "us"}))
    assert await told(bench) == ["escalated"]


async def test_a_repeat_after_an_acknowledgement_that_ran_out_waits_for_its_event_alone(bench: Bench) -> None:
    """After an acknowledgement expired, the next event is repeated at once, and added steps are due."""
    await start(bench, group_wait=10 * SECOND)
    (stored,) = await bench.post(bench.event())
    await bench.alert()
    bench.clock.advance(10 * SECOND)
    assert await told(bench) == ["opened"]
    until = bench.clock.now() + HOUR
    await bench.database.write(
        lambda tx: actions.acknowledge(tx, actor(), stored.incident_id or "", until=until)
    )
    assert await told(bench) == ["acknowledged"]
    bench.clock.advance(5 * HOUR)
    await bench.database.write(end_acknowledgements)
    assert await told(bench) == []
    await bench.post(bench.event())
    assert await told(bench) == ["repeated"]


async def test_a_rule_that_a_reload_takes_away_lets_go_at_once(bench: Bench) -> None:
    """Incidents that a removed rule inhibited are evaluated again."""
    rule = Inhibition(
        key="rule", source=(parse('severity="critical"'),), target=(parse('severity="error"'),), equal=()
    )
    bench.inhibit = (rule,)
    await start(bench, group_by=("incident",))
    await bench.post(bench.event("source", severity=Severity.CRITICAL))
    await bench.post(bench.event("target"))
    assert await told(bench) == ["opened"]
    bench.inhibit = ()
    await bench.database.write(lambda tx: replan_after_reload(tx, tuple(bench.route.walk())))
    assert await told(bench) == ["unmuted"]
