"""Who is notified, when and why: both alerting transactions on both engines, under a manual clock."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from notifier import alerting
from notifier.delivery.jobs import Job
from notifier.domain.matcher import Matcher
from notifier.domain.route import Route, Threshold
from notifier.domain.severity import Severity
from notifier.domain.time import HOUR, MINUTE, SECOND
from notifier.domain.value import replace
from notifier.store.schema import members
from tests.store.conftest import Bench

pytestmark = pytest.mark.anyio

ROOT = Route(key="root", name="default", channels=("mail",))


async def _reasons(bench: Bench) -> list[str]:
    return [reason for _, reason in await bench.alert()]


def _first_link(job: Job) -> str:
    event = job.message.told[0].incident.latest_event
    assert event is not None
    return str(event["links"][0]["url"])


async def test_an_opened_incident_is_told_after_group_wait(bench: Bench) -> None:
    """Nothing is sent before ten seconds; then `opened`, once."""
    bench.route = ROOT
    await bench.post(bench.event())
    assert await _reasons(bench) == []
    bench.clock.advance(10 * SECOND)
    assert await _reasons(bench) == ["opened"]
    await bench.post(bench.event())
    bench.clock.advance(10 * MINUTE)
    assert await _reasons(bench) == []


async def test_a_second_incident_of_the_group_waits_for_group_interval(bench: Bench) -> None:
    """An incident that opens after a message waits for group_interval."""
    bench.route = ROOT
    await bench.post(bench.event("one"))
    bench.clock.advance(10 * SECOND)
    assert await _reasons(bench) == []  # attention is processed after the wait: the change counts from then
    bench.clock.advance(10 * SECOND)
    assert await _reasons(bench) == ["opened"]
    await bench.post(bench.event("two"))
    bench.clock.advance(4 * MINUTE)
    assert await _reasons(bench) == []
    bench.clock.advance(MINUTE)
    assert await _reasons(bench) == ["opened"]


async def test_a_critical_incident_waits_for_group_wait_only(bench: Bench) -> None:
    """A new critical incident, or a raise to critical, does not wait for group_interval."""
    bench.route = replace(ROOT, group_wait=0)
    await bench.post(bench.event("one"))
    assert await _reasons(bench) == ["opened"]
    await bench.post(bench.event("two", severity=Severity.CRITICAL))
    assert await _reasons(bench) == ["opened"]
    await bench.post(bench.event("one", severity=Severity.CRITICAL))
    assert await _reasons(bench) == ["severity_raised"]


async def test_a_repeat_needs_new_events(bench: Bench) -> None:
    """After repeat_interval only an incident with new events is repeated, with the suppressed count."""
    bench.route = replace(ROOT, group_wait=0)
    await bench.post(bench.event())
    assert await _reasons(bench) == ["opened"]
    await bench.post(*(bench.event() for _ in range(41)))
    bench.clock.advance(4 * HOUR - 1)
    assert await _reasons(bench) == []
    bench.clock.advance(1)
    assert await _reasons(bench) == ["repeated"]
    jobs = await bench.deliver_all()
    assert jobs[-1].message.suppressed == 41
    assert jobs[-1].message.told[0].incident.count == 42


async def test_a_quiet_incident_waits_and_its_next_event_wakes_it(bench: Bench) -> None:
    """Without events the repeat is skipped, and the next event triggers it at once."""
    bench.route = replace(ROOT, group_wait=0)
    await bench.post(bench.event())
    await bench.alert()
    bench.clock.advance(4 * HOUR)
    assert await _reasons(bench) == []
    bench.clock.advance(HOUR)
    assert await _reasons(bench) == []
    await bench.post(bench.event())
    assert await _reasons(bench) == ["repeated"]


async def test_resolved_is_told_once_and_reopening_is_a_new_episode(bench: Bench) -> None:
    """The reopened incident starts a new thread that refers to the old one."""
    bench.route = replace(ROOT, group_wait=0, group_interval=0)
    await bench.post(bench.event())
    assert await _reasons(bench) == ["opened"]
    (first,) = await bench.deliver_all()
    await bench.post(bench.event(status="resolved"))
    assert await _reasons(bench) == ["resolved"]
    (second,) = await bench.deliver_all()
    assert second.thread.id == first.thread.id
    bench.clock.advance(1)
    await bench.post(bench.event())
    assert await _reasons(bench) == ["reopened"]
    (third,) = await bench.deliver_all()
    assert third.message.thread_id != first.message.thread_id
    assert third.message.previous_thread_id == first.message.thread_id


async def test_send_resolved_false_keeps_quiet(bench: Bench) -> None:
    """With `send_resolved: false` no resolution is sent."""
    bench.route = replace(ROOT, group_wait=0, group_interval=0, send_resolved=False)
    await bench.post(bench.event())
    assert await _reasons(bench) == ["opened"]
    await bench.post(bench.event(status="resolved"))
    assert await _reasons(bench) == []


async def test_opened_and_resolved_before_the_wait_is_never_told(bench: Bench) -> None:
    """An incident resolved before group_wait is counted, and held by a named reason."""
    bench.route = ROOT
    await bench.post(bench.event())
    await bench.alert()
    await bench.post(bench.event(status="resolved"))
    bench.clock.advance(HOUR)
    assert await _reasons(bench) == []
    held = await bench.database.read(lambda tx: tx.run(sa.select(members.c.held_by)).scalars().all())
    assert held == ["waiting"]


async def test_notify_after_holds_until_the_threshold(bench: Bench) -> None:
    """Three events within ten minutes are needed; older ones do not count."""
    bench.route = replace(ROOT, group_wait=0, notify_after=Threshold(events=3, within=10 * MINUTE))
    await bench.post(bench.event(), bench.event())
    assert await _reasons(bench) == []
    bench.clock.advance(12 * MINUTE)
    await bench.post(bench.event(), bench.event())
    assert await _reasons(bench) == []
    await bench.post(bench.event())
    assert await _reasons(bench) == ["opened"]


async def test_auto_resolve_ends_what_is_quiet(bench: Bench) -> None:
    """A day without events resolves; an event restarts the day."""
    bench.route = replace(ROOT, group_wait=0, group_interval=0)
    await bench.post(bench.event())
    await bench.alert()
    bench.clock.advance(23 * HOUR)
    await bench.post(bench.event())
    await bench.alert()
    bench.clock.advance(2 * HOUR)
    quiet = await bench.database.write(lambda tx: alerting.auto_resolve(tx, 24 * HOUR))
    assert quiet.done == 0
    bench.clock.advance(22 * HOUR)
    quiet = await bench.database.write(lambda tx: alerting.auto_resolve(tx, 24 * HOUR))
    assert quiet.done == 1
    assert "resolved" in await _reasons(bench)


async def test_groups_hold_what_shares_their_labels_and_projects_never_share(bench: Bench) -> None:
    """Two causes of one service share a message; another service or project has its own."""
    bench.route = replace(ROOT, group_wait=0)
    other = bench.event("three", more_labels={"service": "search"})
    foreign = bench.event("four", project="other", more_labels={"project": "other"})
    await bench.post(bench.event("one"), bench.event("two"), other, foreign)
    await bench.alert()
    jobs = await bench.deliver_all()
    assert sorted(len(job.message.told) for job in jobs) == [1, 1, 2]


async def test_continue_tells_two_routes(bench: Bench) -> None:
    """An incident that matches two routes is notified by both, each with its own group."""
    match = (Matcher(name="severity", op="=", value="error"),)
    bench.channels = {"mail": ("a@example.com",), "chat": ("#x",)}
    await bench.start()
    bench.route = replace(
        ROOT,
        group_wait=0,
        routes=(
            Route(key="a", name="a", match=match, channels=("mail",), group_wait=0, continue_=True),
            Route(key="b", name="b", match=match, channels=("chat",), group_wait=0),
        ),
    )
    await bench.post(bench.event())
    assert await _reasons(bench) == ["opened", "opened"]
    assert {job.channel for job in await bench.deliver_all()} == {"mail", "chat"}


async def test_a_raise_to_critical_reaches_the_critical_route(bench: Bench) -> None:
    """A raise is notified by the original route and by the one for `critical`."""
    match = (Matcher(name="severity", op="=", value="critical"),)
    bench.channels = {"mail": ("a@example.com",), "chat": ("#x",)}
    await bench.start()
    critical = Route(key="critical", name="critical", match=match, channels=("chat",), group_wait=0)
    bench.route = replace(ROOT, group_wait=0, routes=(critical,))
    await bench.post(bench.event())
    assert await _reasons(bench) == ["opened"]
    await bench.post(bench.event(severity=Severity.CRITICAL))
    assert sorted(await _reasons(bench)) == ["opened", "severity_raised"]
    await bench.post(bench.event(severity=Severity.CRITICAL))
    assert await _reasons(bench) == []
    assert {job.channel for job in await bench.deliver_all()} == {"mail", "chat"}


async def test_links_of_an_earlier_event_stay(bench: Bench) -> None:
    """A message has the incident's newest links, even if the latest event has none."""
    bench.route = replace(ROOT, group_wait=0)
    linked = '{"service":"billing","links":[{"title":"runbook","url":"https://wiki.example/%s"}]}'
    await bench.post(bench.event(document=linked % "old"), bench.event(document=linked % "new"))
    await bench.post(bench.event(document='{"service":"billing","links":[]}'), bench.event())
    await _reasons(bench)
    opened = [_first_link(job) for job in await bench.deliver_all()]
    bench.clock.advance(10 * MINUTE)
    await bench.post(bench.event(status="resolved"))
    assert await _reasons(bench) == ["resolved"]
    resolved = [_first_link(job) for job in await bench.deliver_all()]
    assert opened == resolved == ["https://wiki.example/new"]


async def test_a_storm_of_causes_is_one_message_with_totals(bench: Bench) -> None:
    """Two hundred and fifty causes are one message, which lists twenty and counts the rest."""
    bench.route = replace(ROOT, group_wait=0)
    await bench.post(*(bench.event(f"fp-{n}") for n in range(250)))
    assert await _reasons(bench) == ["opened"]
    (job,) = await bench.deliver_all()
    assert (len(job.message.told), job.message.more, job.message.totals) == (20, 230, {"opened": 250})
