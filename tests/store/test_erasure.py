"""Export and removal of the data about a label or a person, from every table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import sqlalchemy as sa

from notifier.domain.data_subject import DataSubject
from notifier.domain.time import HOUR, MINUTE
from notifier.oncall import erasure
from notifier.oncall.actor import Actor
from notifier.oncall.errors import Refused
from notifier.store import audit, ledger, schema, search_index, tokens
from notifier.store.schema import events, incidents, silences, task_runs
from tests.world import World

pytestmark = pytest.mark.anyio

VALUE = "customer-4711"
ANN = "Ann.Lee@example.com"
LABEL = DataSubject(VALUE, label="customer")
PERSON = DataSubject(ANN.lower())


def actor(world: World) -> Actor:
    return Actor(name="root", key_name="root", project="shop", project_scope=None, new_id=world.new_id)


async def dump(world: World) -> Mapping[str, str]:
    """Every row of every table, as text."""

    def work(tx: Any) -> Mapping[str, str]:
        return {table.name: repr(tx.run(sa.select(table)).all()) for table in schema.metadata.sorted_tables}

    return await world.database.read(work)


async def lived(world: World) -> None:
    """Two incidents of the customer, another's in the same group, acts of people, and a run."""
    await world.post("it broke", labels={"customer": VALUE}, severity="critical")
    await world.post("it broke again", labels={"customer": VALUE})
    await world.post("somebody else's", labels={"customer": "another"})
    await world.alert()
    for job in await world.claim():
        await world.deliver(job)
    ordered = sa.select(incidents.c.number, incidents.c.id).order_by(incidents.c.number)
    found = await world.database.read(lambda tx: tx.run(ordered).all())
    numbers = [row.number for row in found]

    def act(tx: Any) -> None:
        ids = [row.id for row in found]
        for id_ in ids:
            audit.add(
                tx, id_=world.new_id(), project="shop", actor=ANN, key_name="k", action="note", subject=id_,
                detail=f"asked {ANN} of {VALUE}" if id_ == ids[0] else "looked",
            )  # fmt: skip
        tokens.mint(
            tx, project="shop", incident=numbers[0], action="resolve", recipient=ANN, expires_at=tx.now + HOUR
        )
        tx.run(sa.update(incidents).values(acknowledged_by=ANN.upper()))
        tx.run(
            sa.insert(silences).values(
                id=world.new_id(), project="shop", matchers=f'["customer=\\"{VALUE}\\""]', starts_at=0,
                author=ANN, comment=f"for {ANN}, not for Joann.lee@example.community", created_at=0, created_by=ANN,
            )
        )  # fmt: skip

    await world.database.write(act)
    await world.ran(
        {"arguments": f'{{"to":"{ANN}"}}', "replayable": "yes", "error": f'{{"message":"{ANN}"}}'}
    )
    world.clock.advance(MINUTE)
    await world.database.write(search_index.catch_up)


async def resolve(world: World) -> None:
    """Resolve and notify everything."""
    values = {"state": "resolved", "closed": incidents.c.number, "resolved_at": world.clock.now()}
    await world.database.write(
        lambda tx: tx.run(sa.update(incidents).where(incidents.c.labels.contains(VALUE)).values(**values))
    )


async def test_a_label_goes_with_its_incidents_and_the_books_balance(world: World) -> None:
    """Removal is refused while incidents are open; another customer's incident is unchanged."""
    await lived(world)
    with pytest.raises(Refused, match="incidents of it that are not over: 2"):
        await erasure.remove(world.database, LABEL, actor(world))
    await resolve(world)
    tables = {name async for name, _ in erasure.rows(world.database, LABEL, "shop")}
    assert tables >= {"incidents", "events", "audit", "notifications", "deliveries", "silences", "tallies"}
    assert [one async for one in erasure.rows(world.database, LABEL, "another")] == []
    before = await erasure.preview(world.database, LABEL)
    done = await erasure.remove(world.database, LABEL, actor(world))
    assert before.removed["incidents"] == done.removed["incidents"] == 2
    assert {name for name, text in (await dump(world)).items() if VALUE in text} == set()
    titles = await world.database.read(lambda tx: tx.run(sa.select(incidents.c.title)).scalars().all())
    assert titles == ["somebody else's"]
    check = await world.database.read(ledger.check)
    assert (check.exact.balanced, check.differences) == (True, ())
    assert check.exact.pruned_events == 2
    assert check.exact.pruned_deliveries == sum(
        count for name, count in done.removed.items() if name == "deliveries"
    )
    assert "delete_data" in (await dump(world))["audit"]


async def test_a_person_is_taken_out_wherever_the_words_stand(world: World) -> None:
    """A name is removed in any case, but not from longer words; a redacted run cannot be replayed."""
    await lived(world)
    await world.post(f"could not mail {ANN}", labels={"user": ANN})
    await world.attend()
    samples = await world.database.read(
        lambda tx: tx.run(sa.select(sa.func.count()).select_from(events)).scalar()
    )
    done = await erasure.remove(world.database, PERSON, actor(world))
    assert done.removed == {}
    left = {name: text for name, text in (await dump(world)).items() if ANN.lower() in text.lower()}
    assert set(left) == {"silences"}
    assert left["silences"].lower().count(ANN.lower()) == 1
    assert "for [deleted], not for Joann.lee@example.community" in left["silences"]
    assert "could not mail [deleted]" in (await dump(world))["incidents"]
    assert samples == await world.database.read(
        lambda tx: tx.run(sa.select(sa.func.count()).select_from(events)).scalar()
    )
    run = await world.database.read(lambda tx: tx.run(sa.select(task_runs)).one())
    assert (run.arguments, run.replayable) == (None, "no")
    check = await world.database.read(ledger.check)
    assert (check.exact.balanced, check.differences) == (True, ())
