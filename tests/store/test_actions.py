"""Acts of people on incidents, on both engines: one winner, a clear refusal for others, and prompt notification."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa

from notifier.alerting import auto_resolve
from notifier.alerting.acknowledgements import end_acknowledgements
from notifier.domain.route import Route
from notifier.domain.time import DAY, HOUR, MINUTE, YEAR, rfc3339
from notifier.oncall import actions
from notifier.oncall.actor import Actor
from notifier.oncall.errors import Refused, Unknown, Unreadable
from notifier.store import audit
from notifier.store.database import Database, Tx
from notifier.store.schema import groups, incidents, members
from notifier.telemetry.loop import Progress
from tests.store.conftest import Bench, new_id

pytestmark = pytest.mark.anyio


def person(name: str, *, project_scope: str | None = "default") -> Actor:
    return Actor(name=name, key_name="desk", project="default", project_scope=project_scope, new_id=new_id)


ANN, BO = person("ann"), person("bo")


async def _do(bench: Bench, action: Callable[[Tx], str]) -> str:
    return await bench.database.write(action)


async def _refused(bench: Bench, action: Callable[[Tx], str]) -> Refused:
    with pytest.raises(Refused) as caught:
        await bench.database.write(action)
    return caught.value


async def _row(bench: Bench, id_: str) -> sa.Row[Any]:
    return await bench.database.read(
        lambda tx: tx.run(sa.select(incidents).where(incidents.c.id == id_)).one()
    )


async def _audited(bench: Bench, id_: str) -> list[tuple[str, str, str | None]]:
    entries = await bench.database.read(lambda tx: audit.entries(tx, id_))
    return [(entry.actor, entry.action, entry.detail) for entry in entries]


async def _told(bench: Bench, **fields: Any) -> str:
    """The id of an incident that was notified."""
    (stored,) = await bench.post(bench.event(**fields))
    await bench.alert()
    await bench.deliver_all()
    return stored.incident_id or ""


async def _expire(bench: Bench) -> Progress:
    return await bench.database.write(end_acknowledgements)


async def _reasons(bench: Bench) -> list[str]:
    return [reason for _, reason in await bench.alert()]


async def test_who_acknowledges_has_it(bench: Bench) -> None:
    """The incident's row, the audit entry, and the group, which is due at once."""
    id_ = await _told(bench)
    bench.clock.advance(MINUTE)
    until = bench.clock.now() + HOUR
    ends = bench.database.signals.subscribe("ends")
    assert await _do(bench, lambda tx: actions.acknowledge(tx, ANN, id_, until=until)) == id_
    # The waiter for timed ends is woken, as this end may come first.
    await asyncio.wait_for(ends.wait(None), 60)
    row = await _row(bench, id_)
    assert (row.state, row.acknowledged_by, row.acknowledged_at) == ("acknowledged", "ann", bench.clock.now())
    assert row.acknowledged_until == until
    due_at, changed_at = await bench.database.read(
        lambda tx: (
            tx.run(sa.select(groups.c.due_at)).scalar_one(),
            tx.run(sa.select(members.c.changed_at)).scalar_one(),
        )
    )
    assert (due_at, changed_at) == (bench.clock.now(), bench.clock.now())
    assert await _audited(bench, id_) == [("ann", "acknowledge", f"until {rfc3339(until)}")]
    assert await _reasons(bench) == ["acknowledged"]


async def test_the_same_again_changes_nothing(bench: Bench) -> None:
    """A repeated act changes nothing; another end is a new act, and keeps the start."""
    id_ = await _told(bench)
    at = bench.clock.now()
    for _ in range(2):
        await _do(bench, lambda tx: actions.acknowledge(tx, ANN, id_))
    assert len(await _audited(bench, id_)) == 1
    bench.clock.advance(MINUTE)
    until = bench.clock.now() + HOUR
    await _do(bench, lambda tx: actions.acknowledge(tx, ANN, id_, until=until))
    row = await _row(bench, id_)
    assert (row.acknowledged_at, row.acknowledged_until) == (at, until)
    for _ in range(2):
        await _do(bench, lambda tx: actions.resolve(tx, ANN, id_))
        await _do(bench, lambda tx: actions.reopen(tx, ANN, id_))
        await _do(bench, lambda tx: actions.reopen(tx, ANN, id_))
        await _do(bench, lambda tx: actions.snooze(tx, ANN, id_, until=until))
        await _do(bench, lambda tx: actions.snooze(tx, ANN, id_, until=until))
    done = [action for _, action, _ in await _audited(bench, id_)]
    assert done == ["acknowledge"] * 2 + ["resolve", "reopen", "snooze"] * 2


async def test_another_person_hears_who_has_it(bench: Bench) -> None:
    """The refusal names the owner, the time, and how to take over; reopening in between hands over."""
    id_ = await _told(bench)
    at = rfc3339(bench.clock.now())
    await _do(bench, lambda tx: actions.acknowledge(tx, ANN, id_))
    refused = await _refused(bench, lambda tx: actions.acknowledge(tx, BO, id_))
    assert refused.state == "acknowledged"
    assert f"by ann at {at}" in str(refused)
    assert "reopen" in str(refused)
    await _do(bench, lambda tx: actions.reopen(tx, BO, id_))
    await _do(bench, lambda tx: actions.acknowledge(tx, BO, id_))
    assert (await _row(bench, id_)).acknowledged_by == "bo"
    assert ("bo", "reopen", "was acknowledged by ann") in await _audited(bench, id_)


async def test_what_is_resolved_takes_no_other_action(bench: Bench) -> None:
    """The refusal says who resolved it and when."""
    id_ = await _told(bench)
    at = rfc3339(bench.clock.now())
    await _do(bench, lambda tx: actions.resolve(tx, ANN, id_))
    until = bench.clock.now() + HOUR
    for action in (
        lambda tx: actions.acknowledge(tx, ANN, id_),
        lambda tx: actions.snooze(tx, ANN, id_, until=until),
        lambda tx: actions.resolve(tx, BO, id_),
    ):
        refused = await _refused(bench, action)
        assert refused.state == "resolved"
        assert f"by ann at {at}" in str(refused)


@pytest.mark.parametrize("how", ["event", "auto"])
async def test_what_resolved_itself_says_so(bench: Bench, how: str) -> None:
    """An incident resolved by an event or by auto_resolve is not resolved again by a person."""
    id_ = await _told(bench)
    if how == "event":
        await bench.post(bench.event(status="resolved"))
    else:
        bench.clock.advance(DAY)
        await bench.database.write(lambda tx: auto_resolve(tx, DAY))
    refused = await _refused(bench, lambda tx: actions.resolve(tx, ANN, id_))
    assert ("by an event" if how == "event" else "no more events") in str(refused)
    await bench.alert()


async def test_a_resolution_is_told_and_ends_what_was_on(bench: Bench) -> None:
    """State, person and time are set, the snooze and the acknowledgement's end removed, and the thread is notified."""
    id_ = await _told(bench)
    until = bench.clock.now() + DAY
    await _do(bench, lambda tx: actions.acknowledge(tx, ANN, id_, until=until))
    await _do(bench, lambda tx: actions.snooze(tx, BO, id_, until=until))
    await _do(bench, lambda tx: actions.resolve(tx, BO, id_))
    row = await _row(bench, id_)
    assert (row.state, row.closed, row.resolved_by, row.resolved_at) == (
        "resolved",
        row.number,
        "bo",
        bench.clock.now(),
    )
    assert (row.snoozed_until, row.acknowledged_until, row.acknowledged_by) == (None, None, "ann")
    assert await _reasons(bench) == ["resolved"]


async def test_resolved_before_anybody_heard_balances(bench: Bench) -> None:
    """An incident resolved before group_wait is not notified, and the equations balance."""
    (stored,) = await bench.post(bench.event())
    await _do(bench, lambda tx: actions.resolve(tx, ANN, stored.incident_id or ""))
    assert await bench.alert() == []
    assert (await bench.accounting()).untold == 0
    await _do(bench, lambda tx: actions.reopen(tx, ANN, stored.incident_id or ""))
    assert await _reasons(bench) == ["opened"]


async def test_a_reopened_incident_is_open_in_every_respect(bench: Bench) -> None:
    """Owner and resolver are cleared; events count again, and it is notified as reopened."""
    id_ = await _told(bench)
    await _do(bench, lambda tx: actions.acknowledge(tx, ANN, id_))
    await _do(bench, lambda tx: actions.resolve(tx, ANN, id_))
    assert await _reasons(bench) == ["resolved"]
    bench.clock.advance(HOUR)
    await _do(bench, lambda tx: actions.reopen(tx, BO, id_))
    row = await _row(bench, id_)
    assert (row.state, row.closed, row.resolved_at, row.resolved_by) == ("open", 0, None, None)
    assert (row.acknowledged_by, row.acknowledged_at, row.reopened_by) == (None, None, "bo")
    assert (row.reopened_at, row.quiet_since, row.waiting) == (bench.clock.now(), bench.clock.now(), 0)
    assert await _reasons(bench) == ["reopened"]
    (stored,) = await bench.post(bench.event())
    assert stored.incident_id == id_


async def test_a_reopened_incident_has_a_whole_quiet_period(bench: Bench) -> None:
    """Auto-resolve waits its whole period again after a reopening."""
    id_ = await _told(bench)
    bench.clock.advance(DAY)
    await bench.database.write(lambda tx: auto_resolve(tx, DAY))
    await bench.alert()
    await _do(bench, lambda tx: actions.reopen(tx, ANN, id_))
    bench.clock.advance(DAY - MINUTE)
    assert (await bench.database.write(lambda tx: auto_resolve(tx, DAY))).done == 0
    bench.clock.advance(MINUTE)
    assert (await bench.database.write(lambda tx: auto_resolve(tx, DAY))).done == 1
    await bench.alert()


async def test_what_is_open_is_not_reopened(bench: Bench) -> None:
    """The answer is 409, except for the person who reopened it."""
    id_ = await _told(bench)
    assert (await _refused(bench, lambda tx: actions.reopen(tx, ANN, id_))).state == "open"
    await _do(bench, lambda tx: actions.resolve(tx, ANN, id_))
    await _do(bench, lambda tx: actions.reopen(tx, ANN, id_))
    assert (await _refused(bench, lambda tx: actions.reopen(tx, BO, id_))).state == "open"
    await bench.alert()


async def test_only_the_newest_incident_of_a_problem_is_reopened(bench: Bench) -> None:
    """Older incidents are refused with the newer one's number, open or resolved."""
    first = await _told(bench)
    await _do(bench, lambda tx: actions.resolve(tx, ANN, first))
    bench.clock.advance(MINUTE)
    second = await _told(bench)
    assert second != first
    number = (await _row(bench, second)).number
    for _ in range(2):
        refused = await _refused(bench, lambda tx: actions.reopen(tx, ANN, first))
        assert refused.state == "resolved"
        assert f" {number} " in str(refused)
        await _do(bench, lambda tx: actions.resolve(tx, ANN, second))
    await _do(bench, lambda tx: actions.reopen(tx, ANN, str(number)))
    assert (await _row(bench, second)).state == "open"
    await bench.alert()


async def test_a_snooze_is_its_owners(bench: Bench) -> None:
    """Only its owner can change a snooze, unless it is reopened or the snooze is over."""
    id_ = await _told(bench)
    until = bench.clock.now() + HOUR
    await _do(bench, lambda tx: actions.snooze(tx, ANN, id_, until=until + HOUR))
    await _do(bench, lambda tx: actions.snooze(tx, ANN, id_, until=until))
    refused = await _refused(bench, lambda tx: actions.snooze(tx, BO, id_, until=until))
    assert refused.state == "open"
    assert f"by ann until {rfc3339(until)}" in str(refused)
    bench.clock.advance(HOUR)
    await _do(bench, lambda tx: actions.snooze(tx, BO, id_, until=until + HOUR))
    await _do(bench, lambda tx: actions.reopen(tx, ANN, id_))
    row = await _row(bench, id_)
    assert (row.state, row.snoozed_by, row.snoozed_until, row.reopened_by) == ("open", None, None, "ann")
    await bench.alert()


async def test_an_acknowledgement_ends_by_itself(bench: Bench) -> None:
    """At its end the incident is open and its group due; before the loop runs, nobody is refused because of it."""
    ids = [await _told(bench, fingerprint=name) for name in ("one", "two", "three")]
    until = bench.clock.now() + HOUR
    for id_, end in zip(ids, (until, until, until + HOUR), strict=True):
        await _do(bench, partial(actions.acknowledge, actor=ANN, name=id_, until=end))
    await bench.alert()
    bench.clock.advance(HOUR)
    await _do(bench, lambda tx: actions.acknowledge(tx, BO, ids[1]))
    progress = await _expire(bench)
    assert (progress.done, progress.more, progress.next_at) == (1, False, until + HOUR)
    row = await _row(bench, ids[0])
    assert (row.state, row.acknowledged_by, row.acknowledged_until) == ("open", None, None)
    due_at = await bench.database.read(lambda tx: tx.run(sa.select(groups.c.due_at)).scalar_one())
    assert due_at == bench.clock.now()
    await bench.alert()


async def test_an_end_that_no_longer_matters_is_forgotten(bench: Bench) -> None:
    """If an event resolved the incident first, the end of the acknowledgement has no effect."""
    id_ = await _told(bench)
    until = bench.clock.now() + HOUR
    await _do(bench, lambda tx: actions.acknowledge(tx, ANN, id_, until=until))
    await bench.post(bench.event(status="resolved"))
    await bench.alert()
    bench.clock.advance(HOUR)
    progress = await _expire(bench)
    assert (progress.done, progress.next_at) == (0, None)
    assert (await _row(bench, id_)).state == "resolved"


@pytest.mark.parametrize(("after", "word"), [(0, "past"), (-HOUR, "past"), (101 * YEAR, "100 years")])
async def test_an_end_lies_ahead_and_not_too_far(bench: Bench, after: int, word: str) -> None:
    """A past or very distant end is a 422."""
    id_ = await _told(bench)
    until = bench.clock.now() + after
    for action in (actions.acknowledge, actions.snooze):
        with pytest.raises(Unreadable, match=word) as caught:
            await _do(bench, partial(action, actor=ANN, name=id_, until=until))
        assert caught.value.path == "until"


async def test_another_projects_incident_is_none(bench: Bench) -> None:
    """An incident of another project is like one that does not exist; without a scope, all are visible."""
    id_ = await _told(bench)
    stranger = person("eve", project_scope="other")
    for name in (id_, "1", "nothing", "9" * 30, "a\0b"):
        with pytest.raises(Unknown):
            await _do(bench, partial(actions.resolve, actor=stranger, name=name))
    await _do(bench, lambda tx: actions.resolve(tx, person("root", project_scope=None), id_))
    await bench.alert()


async def test_a_note_is_kept_whatever_the_state(bench: Bench) -> None:
    """A note is the audit entry's detail; it changes nothing and notifies nobody."""
    id_ = await _told(bench)
    await _do(bench, lambda tx: actions.note(tx, ANN, id_, "restarted the relay"))
    assert await bench.alert() == []
    await _do(bench, lambda tx: actions.resolve(tx, ANN, id_))
    await _do(bench, lambda tx: actions.note(tx, BO, id_, "x" * 4_000))
    audited = await _audited(bench, id_)
    assert audited[0] == ("ann", "note", "restarted the relay")
    assert audited[2] == ("bo", "note", "x" * 4_000)
    for text in ("", " \n", "x" * 4_001):
        with pytest.raises(Unreadable):
            await _do(bench, partial(actions.note, actor=ANN, name=id_, text=text))
    await bench.alert()


async def test_an_action_hurries_every_group_of_its_incident_alone(bench: Bench) -> None:
    """Other incidents of the group keep their timing, and a group that is due earlier stays so."""
    bench.route = Route(
        key="root",
        name="default",
        channels=("mail",),
        group_wait=0,
        routes=(
            Route(key="a", name="a", channels=("mail",), group_wait=0, continue_=True),
            Route(key="b", name="b", channels=("mail",), group_wait=0),
        ),
    )
    id_ = await _told(bench)
    await _told(bench, fingerprint="other")
    await _do(bench, lambda tx: actions.acknowledge(tx, ANN, id_))
    number = (await _row(bench, id_)).number
    changed = await bench.database.read(
        lambda tx: (
            tx.run(sa.select(members.c.incident).where(members.c.changed_at.is_not(None))).scalars().all()
        )
    )
    assert [one for one in changed if one == number] == [number, number]
    due = await bench.database.read(lambda tx: tx.run(sa.select(groups.c.due_at)).scalars().all())
    assert due == [bench.clock.now()] * 2
    await bench.alert()


async def test_of_two_at_once_one_wins(bench: Bench) -> None:
    """Of eight concurrent acknowledgements one succeeds, and seven are refused with its actor."""
    id_ = await _told(bench)
    people = [person(f"p{number}") for number in range(8)]
    answers = await asyncio.gather(
        *(_do(bench, partial(actions.acknowledge, actor=one, name=id_)) for one in people),
        return_exceptions=True,
    )
    won = [one.name for one, answer in zip(people, answers, strict=True) if answer == id_]
    assert len(won) == 1
    assert (await _row(bench, id_)).acknowledged_by == won[0]
    lost = [answer for answer in answers if answer != id_]
    assert all(isinstance(one, Refused) and f"by {won[0]} " in str(one) for one in lost)
    assert [actor for actor, _, _ in await _audited(bench, id_)] == won
    await bench.alert()


async def test_actions_events_and_flushes_meet_without_harm(bench: Bench) -> None:
    """Reopening concurrently with an event that opens the next incident never leaves two unresolved."""
    for turn in range(10):
        id_ = await _told(bench, fingerprint=f"fp{turn}")
        await _do(bench, partial(actions.resolve, actor=ANN, name=id_))
        await bench.alert()
        bench.clock.advance(MINUTE)
        outcomes = await asyncio.gather(
            _do(bench, partial(actions.reopen, actor=ANN, name=id_)),
            bench.post(bench.event(fingerprint=f"fp{turn}")),
            bench.alert(),
            return_exceptions=True,
        )
        failed = [one for one in outcomes if isinstance(one, BaseException)]
        assert all(isinstance(one, Refused) and one.state == "resolved" for one in failed), failed
        await bench.alert()
    await bench.deliver_all()
    standing = await bench.database.read(
        lambda tx: (
            tx.run(sa.select(incidents.c.fingerprint).where(incidents.c.state != "resolved")).scalars().all()
        )
    )
    assert sorted(standing) == sorted(f"fp{turn}" for turn in range(10))


async def test_an_action_answers_the_incident(database: Database, bench: Bench) -> None:
    """`perform` returns the incident after the act."""
    id_ = await _told(bench)
    incident = await actions.perform(
        database, lambda tx: actions.acknowledge(tx, ANN, id_), url="https://n.example.com"
    )
    assert (incident.id, incident.state, incident.acknowledged_by) == (id_, "acknowledged", "ann")
    assert incident.url == f"https://n.example.com/incidents/{incident.number}?id={incident.id}"
    await bench.alert()


@pytest.mark.parametrize(
    ("text", "at"),
    [("1970-01-01T01:00:00+01:00", 0), ("1970-01-01t00:00:00.5z", 500), ("1969-12-31T23:00:00-01:00", 0)],
)
def test_a_moment_has_its_offset(text: str, at: int) -> None:
    """RFC 3339 times in any zone are accepted."""
    assert actions.moment(text) == at


@pytest.mark.parametrize(
    "text", ["", "tomorrow", "2026-11-22T09:00:00", "2026-13-22T09:00:00Z", "09:00", "2026-11-22"]
)
def test_a_moment_without_its_offset_is_refused(text: str) -> None:
    """A time without an offset is refused, because it would be read as UTC."""
    with pytest.raises(Unreadable):
        actions.moment(text)
