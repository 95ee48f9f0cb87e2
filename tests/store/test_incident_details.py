"""The query behind an incident's page, on both engines."""

from __future__ import annotations

from functools import partial

import pytest
import sqlalchemy as sa

from notifier.domain.state import State
from notifier.domain.time import DAY, HOUR, MINUTE
from notifier.oncall import actions
from notifier.oncall.actor import Actor
from notifier.oncall.errors import Unknown
from notifier.oncall.incident_details import MAX_SPANS, IncidentDetails, details, spans
from notifier.store.database import Tx
from tests.plans import read_whole, statements_of
from tests.world import World

pytestmark = pytest.mark.anyio


def actor(world: World, name: str = "ann") -> Actor:
    return Actor(name=name, key_name="cli", project="shop", project_scope="shop", new_id=world.new_id)


async def shown(world: World, name: str, sample: int | None = None) -> IncidentDetails:
    return await details(
        world.database, world.rules, name, project_scope="shop", url="https://n.example", sample=sample
    )


async def test_events_are_counted_by_spans_of_time(world: World) -> None:
    """Every event is in the bucket of its time, empty buckets are 0, and the sum is the count."""
    world.clock.advance(MINUTE - world.clock.now() % MINUTE)
    id_ = await world.post()
    world.clock.advance(2 * MINUTE)
    await world.post_all([world.event(), world.event()])
    world.clock.advance(MINUTE)
    found = await shown(world, id_)
    assert found.occurrences.width == MINUTE
    assert found.occurrences.counts == (1, 0, 2, 0)
    assert found.occurrences.since == found.incident.first_seen
    assert sum(found.occurrences.counts) == found.incident.count


@pytest.mark.parametrize("length", [0, 1, MINUTE, HOUR, 47 * HOUR, 3 * DAY, 365 * DAY, 500 * 365 * DAY])
async def test_there_are_few_spans_however_long_it_lasts(length: int) -> None:
    """The buckets cover all events, and hourly tallies are not split further."""
    now = 2_000_000_000_000
    since, width, count = spans(now - length, now, now)
    assert 1 <= count <= MAX_SPANS
    assert since <= now - length or width == 520 * 7 * DAY
    assert since + count * width > now
    assert width >= HOUR or length <= 47 * HOUR


async def test_a_sample_is_shown_by_its_place(world: World) -> None:
    """The newest sample is shown by default, and in place of a deleted one."""
    id_ = await world.post()
    for _ in range(3):
        await world.post()
    found = await shown(world, id_)
    assert [sample.seq for sample in found.samples] == [4, 3, 2, 1]
    assert found.shown == 4
    second = await shown(world, id_, sample=2)
    assert second.shown == 2
    assert second.incident.latest_event is not None
    assert second.incident.latest_event["id"] == second.samples[2].id
    for gone in (99, -1, 2**62):
        assert (await shown(world, id_, sample=gone)).shown == 4


async def ended(world: World, id_: str, *notes: str) -> None:
    """Add notes as Ann, then resolve as Bo."""
    for text in notes:
        await world.database.write(partial(actions.note, actor=actor(world), name=id_, text=text))
    await world.database.write(partial(actions.resolve, actor=actor(world, "bo"), name=id_))
    world.clock.advance(MINUTE)


async def test_how_it_ended_the_last_times(world: World) -> None:
    """Earlier incidents are listed latest first, with who resolved them and the last note, and the newer one."""
    ids = []
    for number in range(3):
        id_ = await world.post()
        ids.append(id_)
        if number < 2:
            await ended(world, id_, "looked at it", f"restarted the worker {number}")
    await world.post("another problem")
    newest = await shown(world, ids[2])
    assert [(one.id, one.resolved_by, one.note, one.noted_by) for one in newest.earlier] == [
        (ids[1], "bo", "restarted the worker 1", "ann"),
        (ids[0], "bo", "restarted the worker 0", "ann"),
    ]
    assert newest.later is None
    first = await shown(world, ids[0])
    assert first.earlier == ()
    assert first.later == (newest.incident.number, ids[2])
    assert first.incident.state is State.RESOLVED


async def test_what_it_follows_is_named_though_the_rules_have_changed(world: World) -> None:
    """The previous incident is found even if an upgrade changed the fingerprint."""
    before = await world.post(fingerprint="old")
    await world.database.write(lambda tx: actions.resolve(tx, actor(world), before))
    after = await world.post(fingerprint="new")

    def follow(tx: Tx) -> None:
        tx.run(
            sa.text("UPDATE incidents SET previous_id = :before WHERE id = :after").bindparams(
                before=before, after=after
            )
        )

    await world.database.write(follow)
    assert [one.id for one in (await shown(world, after)).earlier] == [before]


async def test_the_runs_whose_events_it_counts(world: World) -> None:
    """Runs with events in this incident are listed latest first."""
    runs = ["01-run", "02-run", "03-run"]
    await world.ran(*({"id": run, "state": "failed", "replayable": "yes"} for run in (*runs, "04-run")))
    id_ = await world.post()
    for run in runs:
        await world.post(run=run)
    await world.post("another problem", run="04-run")
    found = await shown(world, id_)
    assert [run.id for run in found.runs] == ["03-run", "02-run", "01-run"]
    assert {run.incident_id for run in found.runs} == {id_}


async def test_an_incident_of_another_project_is_unknown(world: World) -> None:
    """An incident of another project is unknown."""
    theirs = await world.post(project="other")
    for name in (theirs, "999", "no-such-id", "\0"):
        with pytest.raises(Unknown):
            await shown(world, name)


async def test_none_of_it_reads_a_whole_table(world: World) -> None:
    """Every statement of the page uses an index."""
    id_ = await world.post(run="01-run")
    await world.ran({"id": "01-run"})
    await world.alert()
    statements = await statements_of(shown(world, id_))
    assert len(statements) > 10
    assert await world.database.read(partial(read_whole, statements=statements)) <= {"instance"}


async def test_a_delivery_says_why_it_told_of_this_incident(world: World) -> None:
    """Each incident of a message has its own reason."""
    over = await world.post("over")
    await world.alert()
    await world.database.write(partial(actions.resolve, actor=actor(world), name=over))
    new = await world.post("new")
    await world.alert()
    of_both = [
        {delivery.id: delivery.reason.value for delivery in (await shown(world, id_)).history.deliveries}
        for id_ in (over, new)
    ]
    shared = of_both[0].keys() & of_both[1].keys()
    assert {(of_both[0][id_], of_both[1][id_]) for id_ in shared} == {("resolved", "opened")}
