"""Intake: the rows after a committed batch, on both engines."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
import sqlalchemy as sa

from notifier.domain.severity import Severity
from notifier.store.database import Tx
from notifier.store.schema import events, incidents, tallies
from tests.store.conftest import Bench

pytestmark = pytest.mark.anyio


async def _incidents(bench: Bench) -> Sequence[sa.Row[Any]]:
    return await bench.database.read(
        lambda tx: tx.run(sa.select(incidents).order_by(incidents.c.number)).all()
    )


async def test_equal_events_are_one_incident_with_an_exact_count(bench: Bench) -> None:
    """A thousand equal events, over two batches, are one incident with the exact count."""
    first = await bench.post(*(bench.event() for _ in range(1000)))
    second = await bench.post(*(bench.event() for _ in range(7)))
    assert len({stored.incident_id for stored in first + second}) == 1
    (row,) = await _incidents(bench)
    assert row._mapping["count"] == 1007
    assert await bench.database.read(lambda tx: tx.run(sa.select(sa.func.sum(tallies.c.n))).scalar()) == 1007


async def test_samples_are_the_first_ten_then_powers_of_two_and_always_the_newest(bench: Bench) -> None:
    """Of a hundred events in uneven batches, the specified samples are kept."""
    for size in (3, 40, 1, 56):
        await bench.post(*(bench.event() for _ in range(size)))
    kept = await bench.database.read(
        lambda tx: tx.run(sa.select(events.c.seq).order_by(events.c.seq)).scalars().all()
    )
    assert kept == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 16, 32, 64, 100]


async def test_a_given_id_is_counted_once(bench: Bench) -> None:
    """A repeated id is answered with the first incident and not counted, in the same batch or later."""
    one = bench.event(id="same")
    stored = await bench.post(one, bench.event(id="same", fingerprint="other"))
    again = await bench.post(bench.event(id="same", fingerprint="third"))
    assert [item.duplicate for item in stored + again] == [False, True, True]
    assert len({item.incident_id for item in stored + again}) == 1
    (row,) = await _incidents(bench)
    assert row._mapping["count"] == 1


async def test_ids_are_unique_per_project_only(bench: Bench) -> None:
    """Two projects may use the same id for different events."""
    stored = await bench.post(bench.event(id="same"), bench.event(id="same", project="other"))
    assert [item.duplicate for item in stored] == [False, False]
    assert len({item.incident_id for item in stored}) == 2


async def test_an_event_after_the_resolution_reopens_under_a_new_number(bench: Bench) -> None:
    """Fail, resolve and fail again in one batch give two incidents, the second linked to the first."""
    stored = await bench.post(bench.event(), bench.event(status="resolved"))
    bench.clock.advance(1)
    stored += await bench.post(bench.event())
    first, second = await _incidents(bench)
    assert (first.state, second.state) == ("resolved", "open")
    assert second.previous_id == first.id
    assert [item.incident_id for item in stored] == [first.id, first.id, second.id]


async def test_all_of_it_in_one_batch(bench: Bench) -> None:
    """Events of one batch are applied in order: fail, resolve, fail later."""
    stored = await bench.post(
        bench.event(), bench.event(status="resolved"), bench.event(at=bench.clock.now() + 5)
    )
    first, second = await _incidents(bench)
    assert [item.incident_id for item in stored] == [first.id, first.id, second.id]


async def test_a_late_event_counts_on_the_resolved_incident(bench: Bench) -> None:
    """An event from before the resolution is counted there, and does not reopen."""
    await bench.post(bench.event())
    happened = bench.clock.now()
    bench.clock.advance(5000)
    await bench.post(bench.event(status="resolved"))
    bench.clock.advance(5000)
    await bench.alert()
    await bench.post(bench.event(at=happened))
    (row,) = await _incidents(bench)
    assert (row.state, row._mapping["count"], row.late, row.attention_at) == ("resolved", 2, 1, None)


async def test_resolving_nothing_is_accepted_and_makes_nothing(bench: Bench) -> None:
    """Resolving an unknown fingerprint is accepted and stores nothing."""
    (stored,) = await bench.post(bench.event(status="resolved"))
    assert stored.incident_id is None
    assert await _incidents(bench) == []


async def test_severity_is_the_highest_and_varying_labels_leave(bench: Bench) -> None:
    """Severity only rises; a label with differing values moves to `varying`."""
    await bench.post(bench.event(more_labels={"region": "eu", "zone": "1"}))
    await bench.post(bench.event(severity=Severity.CRITICAL, more_labels={"region": "us", "zone": "1"}))
    await bench.post(bench.event(severity=Severity.INFO, more_labels={"region": "eu"}))
    (row,) = await _incidents(bench)
    assert row.severity == "critical"
    assert row.varying == '["region"]'
    assert json.loads(row.labels)["severity"] == "critical"
    assert "region" not in row.labels


async def test_too_many_new_causes_are_counted_on_one_incident(bench: Bench) -> None:
    """Beyond the quota a service's new causes share one incident; known causes are counted on their own."""
    await bench.post(bench.event("known"))
    stored = await bench.post(
        *(bench.event(f"new-{n}") for n in range(10)), bench.event("known"), remaining=3
    )
    rows = await _incidents(bench)
    assert len({item.incident_id for item in stored}) == 5
    overflow = [row for row in rows if row.title.startswith("too many distinct errors")]
    assert [row._mapping["count"] for row in overflow] == [7]
    assert [row._mapping["count"] for row in rows if row.fingerprint == "known"] == [2]


async def test_a_failing_transaction_leaves_nothing(bench: Bench) -> None:
    """An error within a batch rolls back all of it."""

    def work(tx: Tx) -> None:
        tx.run(sa.insert(tallies).values(incident=1, minute=1, n=1))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await bench.database.write(work)
    assert await bench.database.read(lambda tx: tx.run(sa.select(tallies)).all()) == []
