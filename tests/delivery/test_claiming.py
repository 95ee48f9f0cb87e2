"""Claims within the transaction that notifies: deliveries are sent if and only if it commits."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from notifier.alerting.loops import Alerting
from notifier.delivery.dispatcher import Dispatcher, OpenChannel
from notifier.domain.delivery import Receipt
from notifier.domain.message import Message
from notifier.domain.time import MINUTE
from notifier.store.database import Tx
from notifier.telemetry.metrics import Metrics
from tests.world import World

pytestmark = pytest.mark.anyio


class Sender:
    """A channel that records messages."""

    def __init__(self) -> None:
        self.sent: list[str] = []

    async def send(self, message: Message, **_: Any) -> Receipt:
        self.sent.append(message.told[0].incident.title)
        return Receipt(detail="250 ok")

    async def aclose(self) -> None:
        """Do nothing: no connection is open."""


class Room:
    """A world with the alerting and delivery loops, run step by step."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.sender: Any = Sender()
        self.dispatcher = Dispatcher(world.database, use=self._use, metrics=Metrics(), jitter=lambda: 0.0)
        self.alerting = Alerting(
            database=world.database, use=self._use, claiming=self.dispatcher.claiming, metrics=Metrics()
        )

    @contextmanager
    def _use(self) -> Iterator[Any]:
        channel = OpenChannel(sender=self.sender, rate_limit=None, digest=True, pace=0, concurrency=4)
        channels = dict.fromkeys(self.world.rules.targets, channel)
        yield SimpleNamespace(
            rules=self.world.rules, channels=channels, fallback=None, auto_resolve=24 * 60 * MINUTE
        )

    async def sent(self) -> list[str]:
        """What was sent, once all sends are done."""
        for _ in range(100):
            await asyncio.sleep(0.001)
        return sorted(self.sender.sent)


@pytest.fixture
async def room(world: World) -> Room:
    return Room(world)


async def test_what_is_told_is_claimed_in_the_same_transaction(room: Room) -> None:
    """A critical alert is sent without a turn of the delivery loop."""
    await room.world.post("disk full", severity="critical")
    await room.alerting.route_incidents()
    assert room.sender.sent == ["disk full"] * 3
    await room.dispatcher.turn()
    assert await room.world.claim() == ()


async def test_what_is_not_committed_is_not_sent(room: Room) -> None:
    """If the transaction fails after its claim, nothing is sent, and everything is claimed later."""
    await room.world.post("disk full")
    await room.world.alert()

    def fails(tx: Tx) -> None:
        assert claim is not None
        claim(tx)
        raise RuntimeError("the disk is gone")

    with pytest.raises(RuntimeError, match="the disk is gone"):
        async with room.dispatcher.claiming() as claim:
            await room.world.database.write(fails)
    assert await room.sent() == []
    await room.dispatcher.turn()
    assert await room.sent() == ["disk full"] * 2


async def test_a_loop_that_is_at_it_claims_by_itself(room: Room) -> None:
    """While the delivery loop claims, alerting does not, so that slots are counted once."""
    async with room.dispatcher.claiming() as first, room.dispatcher.claiming() as second:
        assert first is not None
        assert second is None


async def test_a_service_that_stops_claims_nothing(room: Room) -> None:
    """A stopping service leaves notifications for its next start."""
    await room.dispatcher.drain(10)
    async with room.dispatcher.claiming() as claim:
        assert claim is None
