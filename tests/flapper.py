"""One problem that repeatedly opens and resolves while the loops run, and its notifications."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from notifier.domain.message import Message
from notifier.domain.route import Route
from notifier.domain.time import MINUTE, SECOND, Duration, Instant
from notifier.domain.value import replace
from notifier.store import ledger
from notifier.store.database import Tx
from notifier.store.schema import deliveries, notifications
from tests.world import World

PER_INCIDENT = Route(
    key="root", name="default", channels=("mail",), group_by=("incident",), group_wait=0, group_interval=5 * MINUTE
)  # fmt: skip


@dataclass(frozen=True)
class Heard:
    """A notification: its time, its reasons in the order of the message, and its threads."""

    at: Instant
    reasons: tuple[str, ...]
    threads: frozenset[str]
    message: Message


@dataclass
class Flapper:
    """Opens and resolves one identity; the loops run every `look` milliseconds."""

    world: World
    look: Duration = 10 * SECOND
    severity: str = "error"

    def use(self, tree: Route) -> None:
        self.world.rules = replace(self.world.rules, tree=tree)

    async def open(self, **fields: Any) -> str:
        return await self.world.post(severity=self.severity, **fields)

    async def end(self, **fields: Any) -> None:
        await self.world.post_all([self.world.event(status="resolved", severity=self.severity, **fields)])

    async def wait(self, time: Duration) -> None:
        """Advance the clock, and run the loops at their interval; runs before anything is due are skipped."""
        now = self.world.clock.now()
        until = now + time
        due = await self._loops()
        while now < until:
            looks = max(1, -(-((until if due is None else due) - now) // self.look))
            by = min(looks * self.look, until - now)
            self.world.clock.advance(by)
            now += by
            due = await self._loops()
        balance = await self.world.database.read(ledger.accounting)
        assert balance.balanced, balance

    async def _loops(self) -> Instant | None:
        """Run both steps, and return when one of them is due next."""
        moments = (await self.world.attend(), await self.world.flush())
        return min((at for at in moments if at is not None), default=None)

    async def heard(self) -> list[Heard]:
        def work(tx: Tx) -> list[Heard]:
            found = []
            for row in tx.run(sa.select(notifications).order_by(notifications.c.id)).all():
                message = Message.from_json(json.loads(row.message))
                sent = sa.select(deliveries.c.thread).where(deliveries.c.notification == row.id)
                reasons = tuple(sorted(one.reason.value for one in message.told))
                threads = frozenset(tx.run(sent).scalars())
                found.append(Heard(at=row.at, reasons=reasons, threads=threads, message=message))
            return found

        return await self.world.database.read(work)
