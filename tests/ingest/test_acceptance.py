"""The interface for formats, a pure function and `Acceptance.take`, on both engines."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import count
from typing import Any

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from notifier.domain.event import Rejection
from notifier.domain.time import MINUTE
from notifier.ingest.acceptance import Acceptance, AcceptanceResult, Busy, EventResult, Full
from notifier.ingest.commit import GroupCommit
from notifier.ingest.normalize import EventItem, Normalizer
from notifier.ingest.quota import KeyQuota
from notifier.store.database import Database, Tx
from notifier.store.schema import incidents
from notifier.telemetry.metrics import Metrics

pytestmark = pytest.mark.anyio


@dataclass(frozen=True)
class Source:
    key_id: str = "key"
    project: str = "shop"
    service: str | None = None


def buzz(body: bytes, headers: Mapping[str, str]) -> list[dict[str, Any]]:
    """A format of another sender: a pure function to trees of events."""
    return [
        {
            "id": buzz["ref"],
            "service": headers["x-buzz-app"],
            "severity": buzz["level"],
            "message": buzz["text"],
            "labels": {"zone": buzz.get("zone")},
            **({"context": buzz["more"]} if "more" in buzz else {}),
        }
        for buzz in json.loads(body)["buzzes"]
    ]


HEADERS = {"x-buzz-app": "billing"}


def posted(*buzzes: dict[str, Any]) -> list[dict[str, Any]]:
    usual = {"level": "fatal", "text": "it broke", "zone": "eu"}
    body = json.dumps({"buzzes": [{"ref": f"ref-{i}", **usual, **each} for i, each in enumerate(buzzes)]})
    return buzz(body.encode(), HEADERS)


@dataclass
class Door:
    """An acceptance with running commits, as in the service."""

    database: Database
    metrics: Metrics
    acceptance: Acceptance
    quota: KeyQuota

    @classmethod
    @asynccontextmanager
    async def open(cls, database: Database, **limits: Any) -> AsyncIterator[Door]:
        numbers = count(1)
        metrics, quota = Metrics(), KeyQuota(10, MINUTE)
        commit = GroupCommit(
            database,
            new_id=lambda: f"id-{next(numbers):08d}",
            new_incidents=KeyQuota(1_000, MINUTE),
            metrics=metrics,
            **limits,
        )
        normalizer = Normalizer(max_event_bytes=2_000, new_id=lambda: f"event-{next(numbers):08d}")
        acceptance = Acceptance(normalizer=normalizer, quota=quota, commit=commit, metrics=metrics)
        loop = asyncio.create_task(forever(commit))
        yield cls(database, metrics, acceptance, quota)
        loop.cancel()
        with suppress(asyncio.CancelledError):
            await loop

    async def take(self, *items: Any) -> AcceptanceResult | Busy | Full:
        return await self.acceptance.take(Source(), items, self.database.now())

    async def incidents(self) -> list[tuple[str, str, int]]:
        columns = incidents.c["title", "severity", "count"]
        query = sa.select(*columns).order_by(incidents.c.number)
        return [tuple(row) for row in await self.database.read(lambda tx: tx.run(query).all())]

    def counted(self) -> list[float]:
        results = ("accepted", "duplicate", "rejected")
        return [self.metrics.events.labels(result, "native")._value.get() for result in results]


async def forever(commit: GroupCommit) -> None:
    while True:
        await commit.step()


@pytest.fixture
async def door(database: Database) -> AsyncIterator[Door]:
    async with Door.open(database) as door:
        yield door


async def test_trees_of_a_format_are_stored_as_events(door: Door) -> None:
    """Values are normalized with warnings, equal problems are one incident, and each item has a result."""
    taken = await door.take(*posted({}, {}, {"text": "it hangs", "level": "error"}))
    assert isinstance(taken, AcceptanceResult)
    assert taken.stored
    first, second, third = taken.results
    assert isinstance(first, EventResult)
    assert (first.id, first.status, len(first.warnings)) == ("ref-0", "accepted", 1)
    assert isinstance(second, EventResult)
    assert isinstance(third, EventResult)
    assert first.incident_id == second.incident_id != third.incident_id
    assert await door.incidents() == [("it broke", "critical", 2), ("it hangs", "error", 1)]
    assert door.counted() == [3, 0, 0]


async def test_an_event_that_names_no_service_is_its_key_s(door: Door) -> None:
    """Without a service in the event or the key, it is rejected."""
    bare: list[EventItem] = [b'{"message":"a"}']
    for source in (Source(service="billing"), Source()):
        taken = await door.acceptance.take(source, bare, door.database.now())
        assert isinstance(taken, AcceptanceResult)
        assert taken.stored is (source.service is not None)


async def test_trees_and_bytes_enter_at_one_place(door: Door) -> None:
    """A tree and the same event as JSON are duplicates, in one batch or two."""
    (tree,) = posted({})
    for status in ("accepted", "duplicate"):
        taken = await door.take(tree, json.dumps(tree).encode())
        assert isinstance(taken, AcceptanceResult)
        assert [result.status for result in taken.results if isinstance(result, EventResult)] == [
            status,
            "duplicate",
        ]
        assert len({result.incident_id for result in taken.results if isinstance(result, EventResult)}) == 1
    assert await door.incidents() == [("it broke", "critical", 1)]


async def test_what_cannot_be_kept_is_rejected_at_its_index_and_costs_no_other(door: Door) -> None:
    """An invalid, too large or too deep item is rejected by index, and others are accepted."""
    deep = {"service": "billing", "message": "it broke", "context": nested(200_000)}
    taken = await door.take(*posted({}, {"text": 3}, {"more": {"x": "y" * 3_000}}), deep, b"[1]")
    assert isinstance(taken, AcceptanceResult)
    assert isinstance(taken.results[0], EventResult)
    rejections = [result for result in taken.results[1:] if isinstance(result, Rejection)]
    assert [(rejection.path, rejection.reason) for rejection in rejections] == [
        ("message", "invalid"),
        ("", "too_large"),
        ("", "unreadable"),
        ("", "unreadable"),
    ]
    assert door.counted() == [1, 0, 4]


async def test_nothing_but_rejections_stores_nothing(door: Door) -> None:
    """A batch of rejections does not use the database."""
    taken = await door.take(*posted({"text": None}))
    assert isinstance(taken, AcceptanceResult)
    assert not taken.stored
    assert await door.incidents() == []


async def test_a_tree_is_sanitised_and_scrubbed_as_bytes_are(door: Door) -> None:
    """Unstorable characters are replaced, secrets redacted, and huge numbers become text."""
    more = {"password": "hunter2", "big": 2**70, "nan": float("nan"), "nul": "a\0b"}
    (tree,) = posted({"text": "lone \ud800"})
    taken = await door.take({**tree, "context": more})
    assert isinstance(taken, AcceptanceResult)
    ((title, _, _),) = await door.incidents()
    assert title == "lone \N{REPLACEMENT CHARACTER}"
    query = sa.text("SELECT document FROM events")
    (document,) = await door.database.read(lambda tx: tx.run(query).scalars().all())
    assert json.loads(document)["context"] == {
        "password": "[scrubbed]", "big": str(2**70), "nan": "nan", "nul": "a\N{REPLACEMENT CHARACTER}b",
    }  # fmt: skip


async def test_a_key_over_its_quota_is_told_when_to_come_again(door: Door) -> None:
    """Nothing of the batch is stored; other keys have their own quotas."""
    assert isinstance(await door.take(*posted(*[{}] * 10)), AcceptanceResult)
    busy = await door.take(*posted({"ref": "late"}))
    assert isinstance(busy, Busy)
    assert (busy.reason, busy.retry_after) == ("quota", MINUTE // 10 + 1)
    other = await door.acceptance.take(Source(key_id="other"), posted({"ref": "o"}), door.database.now())
    assert isinstance(other, AcceptanceResult)
    assert door.counted() == [11, 0, 0]


async def test_a_full_database_says_so(own_database: Database) -> None:
    """SQLite at `max_size`, and PostgreSQL with a full disk (simulated by a trigger), answer `Full`."""
    if own_database.dialect == "postgresql":
        await own_database.write(fill)
    async with Door.open(own_database, max_size=1) as door:
        full = await door.take(*posted({}))
        assert isinstance(full, Full)
        assert full.retry_after > 0
        assert await door.incidents() == []
        assert door.counted() == [0, 0, 0]


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
async def test_what_a_database_refuses_costs_no_other_and_is_logged(door: Door) -> None:
    """If the database refuses one item of a shared commit, the others are stored and it is logged."""
    refused = Source(key_id="theirs", project="no\x00name")
    with capture_logs() as lines:
        good, bad = await asyncio.gather(
            door.take(*posted({})), door.acceptance.take(refused, posted({}), door.database.now())
        )
    assert isinstance(good, AcceptanceResult)
    assert good.stored
    assert isinstance(bad, Busy)
    assert [(line["event"], line["key"]) for line in lines] == [("events_refused", "theirs")]
    assert len(await door.incidents()) == 1


def fill(tx: Tx) -> None:
    tx.run(
        sa.text(
            "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'no space left on device' USING ERRCODE = '53100'; END $$"
        )
    )
    tx.run(
        sa.text(
            "CREATE TRIGGER full_disk BEFORE INSERT ON incidents FOR EACH ROW EXECUTE FUNCTION full_disk()"
        )
    )


def nested(depth: int) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for _ in range(depth):
        tree = {"in": tree}
    return tree
