"""An upgrade of the fingerprint's rules: what is open goes on, and nobody is told of it anew."""

from __future__ import annotations

import json
from typing import Any

import pytest
import sqlalchemy as sa

from notifier.domain.event import Event
from notifier.domain.time import DAY, HOUR, MINUTE
from notifier.ingest import intake
from notifier.ingest.intake import Intake, StoredEvent
from notifier.ingest.normalize import Accepted, Normalizer
from notifier.ingest.upgrade import Upgrade, UpgradeWatch
from notifier.policy.fingerprint import VERSION, compute, version_1
from notifier.policy.fingerprint.upgrade import earlier_versions, first_version
from notifier.store.database import Tx
from notifier.store.schema import incidents
from tests.store.conftest import Bench, new_id

pytestmark = pytest.mark.anyio

USERS = {"service": "billing", "message": 'relation "users" does not exist'}
ORDERS = {"service": "billing", "message": 'relation "orders" does not exist'}
EARLY = {"service": "billing", "message": "took 312 ms"}
LATE = {"service": "billing", "message": "took 1m32.5s"}
CHARGE = {
    "service": "billing",
    "exception": {
        "type": "ExceptionGroup",
        "message": "('unhandled errors in a TaskGroup', [...])",
        "cause": {"type": "TimeoutError", "message": "late", "frames": [{"file": "a.py", "function": "f"}]},
        "frames": [{"file": "/srv/releases/20261122101500/shop/tasks.py", "function": "<listcomp>"}],
    },
}


TRACE = """\
could not charge order 1842
Traceback (most recent call last):
  File "/app/shop/billing.py", line 21, in charge
    raise Declined("no such card")
shop.errors.Declined: no such card
"""
TRACED = {"service": "billing", "message": TRACE}


def posted(bench: Bench, body: dict[str, Any]) -> Event:
    """The event as ingest reads it."""
    now = bench.clock.now()
    (item,) = Normalizer(max_event_bytes=65_536, new_id=new_id).read(
        [json.dumps(body).encode()], project="default", received_at=now, sent_at=None
    )
    assert isinstance(item, Accepted)
    return item.event


async def before(bench: Bench, body: dict[str, Any]) -> str:
    """An incident that the release before opened."""
    event = posted(bench, body)
    former = first_version(event.document) or event.fingerprint
    (stored,) = await bench.post(bench.event(former, document=event.document))
    await bench.database.write(
        lambda tx: tx.run(sa.update(incidents).where(incidents.c.id == stored.incident_id).values(version=1))
    )
    return stored.incident_id or ""


async def after(bench: Bench, *bodies: dict[str, Any], remaining: int = 100) -> list[str | None]:
    """What becomes of events that this release takes: their incidents."""
    events = [posted(bench, body) for body in bodies]
    watch = UpgradeWatch(lambda: DAY)

    def work(tx: Tx) -> tuple[StoredEvent, ...]:
        batch = Intake(
            events=events,
            keys=["key"] * len(events),
            remaining={"key": remaining},
            new_id=new_id,
            upgrade=watch.current(tx),
        )
        return intake.commit(tx, batch).stored

    return [stored.incident_id for stored in await bench.database.write(work)]


async def row(bench: Bench, id_: str | None) -> Any:
    return await bench.database.read(
        lambda tx: tx.run(sa.select(incidents).where(incidents.c.id == id_)).one()
    )


async def resolve(bench: Bench, id_: str) -> None:
    """As of now."""
    values = {"state": "resolved", "closed": incidents.c.number, "resolved_at": bench.clock.now()}
    await bench.database.write(
        lambda tx: tx.run(sa.update(incidents).where(incidents.c.id == id_).values(**values))
    )


@pytest.mark.parametrize("body", [USERS, EARLY, CHARGE, {**USERS, "fingerprint": ["{{ default }}", "eu"]}])
async def test_an_open_incident_goes_on_and_nothing_is_told(bench: Bench, body: dict[str, Any]) -> None:
    """Under the new fingerprint, counted on, with its number, whatever the sender combines the default with."""
    old = await before(bench, body)
    await bench.alert()
    bench.clock.advance(HOUR)
    assert await after(bench, body, body) == [old, old]
    found = await row(bench, old)
    event = posted(bench, body)
    assert (found.fingerprint, found.version, found.count) == (event.fingerprint, VERSION, 3)
    assert first_version(event.document) != event.fingerprint
    assert await bench.alert() == []
    assert await after(bench, body) == [old]


async def test_another_environment_has_incidents_of_its_own(bench: Bench) -> None:
    """As ever."""
    old = await before(bench, USERS)
    (new,) = await after(bench, {**USERS, "environment": "test"})
    assert new != old
    assert (await row(bench, old)).version == 1


async def test_the_first_takes_it_over_and_later_ones_open(bench: Bench) -> None:
    """What the first rules had merged is two from now on, in one commit or in two."""
    old = await before(bench, USERS)
    first, second, third = await after(bench, ORDERS, USERS, ORDERS)
    assert (first, third) == (old, old)
    assert second != old
    assert (await row(bench, second)).previous_id is None
    assert await after(bench, USERS, ORDERS) == [second, old]


async def test_of_several_the_newest_goes_on(bench: Bench) -> None:
    """What the first rules had split is one from now on."""
    early = await before(bench, EARLY)
    late = await before(bench, LATE)
    assert early != late
    assert await after(bench, EARLY, LATE) == [late, late]
    assert (await row(bench, early)).version == 1
    assert await after(bench, EARLY) == [late]


async def test_an_open_one_goes_on_before_a_resolved_one(bench: Bench) -> None:
    """The newer may be over: taking it up would announce what is open already."""
    early = await before(bench, EARLY)
    late = await before(bench, LATE)
    await resolve(bench, late)
    assert await after(bench, EARLY, LATE) == [early, early]


async def test_a_resolved_one_is_come_back_to_for_a_while(bench: Bench) -> None:
    """Within `auto_resolve` the problem is the same, and has returned; later it is new."""
    old, ancient = await before(bench, USERS), await before(bench, CHARGE)
    await resolve(bench, ancient)
    bench.clock.advance(DAY)
    await resolve(bench, old)
    bench.clock.advance(MINUTE)
    new, newest = await after(bench, USERS, CHARGE)
    assert new not in {old, None}
    assert (await row(bench, new)).previous_id == old
    assert (await row(bench, old)).fingerprint == (await row(bench, new)).fingerprint
    assert (await row(bench, newest)).previous_id is None


async def test_what_the_new_rules_find_is_not_taken_over(bench: Bench) -> None:
    """Only where they find nothing; and a sender's own list is the same in both."""
    (known,) = await after(bench, USERS)
    old = await before(bench, USERS)
    own = {**USERS, "fingerprint": ["db-down"]}
    same = await before(bench, own)
    assert await after(bench, USERS, own) == [known, same]
    assert (await row(bench, old)).version == 1


async def test_what_is_one_too_many_takes_nothing_over(bench: Bench) -> None:
    """A cause that goes on is none too many; one that is new is counted on its service's incident."""
    old = await before(bench, USERS)
    gone_on, crowd = await after(bench, USERS, CHARGE, remaining=0)
    assert gone_on == old
    assert (await row(bench, crowd)).fingerprint.startswith("overflow:")


async def test_whether_any_is_left_is_asked_once_a_minute(bench: Bench) -> None:
    """And nothing is done where none is."""
    watch = UpgradeWatch(lambda: DAY)

    async def current() -> Upgrade | None:
        return await bench.database.write(watch.current)

    assert await current() is None
    old = await before(bench, USERS)
    assert await current() is None
    bench.clock.advance(MINUTE)
    assert await current() == Upgrade(since=bench.clock.now() - DAY)
    await resolve(bench, old)
    bench.clock.advance(DAY)
    assert await current() is not None
    bench.clock.advance(MINUTE)
    assert await current() is None


async def test_a_replica_of_the_release_before_opens_incidents_of_its_rules(bench: Bench) -> None:
    """It knows no version; the column's default says what it was."""
    await bench.post(bench.event())
    own = {"number", "version", "id", "fingerprint", "count"}
    columns = [column for column in incidents.c if column.name not in own]

    def copy(tx: Tx) -> int:
        chosen = sa.select(sa.literal("other"), sa.literal("other"), sa.literal(0), *columns)
        names = ["id", "fingerprint", "count", *(column.name for column in columns)]
        tx.run(sa.insert(incidents).from_select(names, chosen, include_defaults=False))
        return int(tx.run(sa.select(incidents.c.version).where(incidents.c.id == "other")).scalar() or 0)

    assert await bench.database.write(copy) == 1


async def before_traces(bench: Bench, body: dict[str, Any]) -> str:
    """An incident that the rules of version 2 opened, by which a trace was text."""
    text = compute(
        service=body["service"], message=body["message"], exception=None, given=body.get("fingerprint", ())
    )
    (stored,) = await bench.post(bench.event(text))
    await bench.database.write(
        lambda tx: tx.run(sa.update(incidents).where(incidents.c.id == stored.incident_id).values(version=2))
    )
    return stored.incident_id or ""


@pytest.mark.parametrize(
    "body",
    [TRACED, {**TRACED, "fingerprint": ["{{ default }}", "eu"]}, {**TRACED, "context": {"trace": ["mine"]}}],
)
async def test_a_trace_that_was_text_goes_on_as_an_exception(bench: Bench, body: dict[str, Any]) -> None:
    """Open incidents of version 2 are found by the message as it was, and nothing is told."""
    old = await before_traces(bench, body)
    await bench.alert()
    assert await after(bench, body, body) == [old, old]
    found = await row(bench, old)
    assert (found.fingerprint, found.version, found.count) == (posted(bench, body).fingerprint, VERSION, 3)
    assert await bench.alert() == []


async def test_the_first_rules_read_the_trace_as_text_as_well(bench: Bench) -> None:
    """An upgrade from version 1 goes on, too."""
    event = posted(bench, TRACED)
    text = version_1.compute(service="billing", message=TRACE, exception=None)
    assert text in earlier_versions(event.document)
    (stored,) = await bench.post(bench.event(text))
    await bench.database.write(lambda tx: tx.run(sa.update(incidents).values(version=1)))
    assert await after(bench, TRACED) == [stored.incident_id]


async def test_a_sender_s_own_list_is_the_same_with_a_trace(bench: Bench) -> None:
    """It is asked nothing else."""
    own = posted(bench, {**TRACED, "fingerprint": ["db-down"]})
    assert own.fingerprint == compute(service="billing", message=None, exception=None, given=["db-down"])
    assert earlier_versions(own.document) == []
