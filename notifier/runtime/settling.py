"""Settling: applies a new configuration to earlier decisions, once the old one is no longer in use."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

from notifier.alerting import inhibition, replanning, rerouting
from notifier.delivery.dispatcher import Dispatcher
from notifier.domain.errors import StoreBroken, StoreError
from notifier.runtime.active_config import ActiveConfig, ChannelPool, CurrentConfig, sync_rows
from notifier.store import configurations
from notifier.store.database import HOUSEKEEPING, LOOP, Database, Tx
from notifier.telemetry.logging import get

RETRY_S = 1.0

log = get("notifier.config")

T = TypeVar("T", int, str)


class Settling:
    """Settles replaced configurations one after the other, in the background."""

    def __init__(
        self,
        *,
        database: Database,
        current_config: CurrentConfig,
        channel_pool: ChannelPool,
        dispatcher: Dispatcher,
    ) -> None:
        self._database = database
        self._current_config = current_config
        self._channel_pool = channel_pool
        self._dispatcher = dispatcher
        self._task: asyncio.Task[None] | None = None

    def begin(self, old: ActiveConfig | None, new: ActiveConfig) -> None:
        """Starts to apply `new` everywhere. `old` is None at a start."""
        earlier = self._task

        async def settle() -> None:
            if earlier is not None:
                await earlier
            await self._settle(old, new)

        self._task = asyncio.create_task(settle(), name="settle-configuration")

    async def aclose(self) -> None:
        """Leaves the rest to the next start, which does the same."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _settle(self, old: ActiveConfig | None, new: ActiveConfig) -> None:
        if old is not None:
            await self._current_config.wait_until_unused(old)
            # Only now, because what waits for a target with new settings would be tried with the old ones.
            await self._persist(self._sync)
        await self._persist(lambda: self._apply_rules(old, new))
        if old is None:
            return
        if await self._dispatcher.ended(old.channel_set.senders_not_in(new.channel_set)):
            # What was being sent to a removed target may have become pending only now.
            await self._persist(self._sync)
        await self._channel_pool.close_unused(old.channel_set, unless=new.channel_set)

    async def _apply_rules(self, old: ActiveConfig | None, new: ActiveConfig) -> None:
        """Applies the current rules and routes to incidents and groups, and records them."""
        version, tree, inhibit = new.version, new.rules.tree, new.rules.inhibit
        newest = await self._database.read(lambda tx: configurations.is_newest(tx, version, tree), limit=LOOP)
        if inhibit and (not newest or (old is not None and _keys(old) != _keys(new))):
            await self._all(0, lambda after, tx: inhibition.backfill(tx, inhibit, after))
        if newest:
            return
        routes = tuple(route.key for route in tree.walk())
        await self._all("", lambda after, tx: rerouting.make_orphaned_groups_due(tx, routes, after))
        await self._all("", lambda after, tx: replanning.replan_after_reload(tx, tuple(tree.walk()), after))
        # Last, so that a process that ends before this starts over.
        await self._database.write(lambda tx: configurations.remember(tx, version, tree), limit=LOOP)

    async def _all(self, first: T, step: Callable[[T, Tx], T | None]) -> None:
        """Repeats a step, one transaction each, from where the previous one ended."""
        after: T | None = first
        while after is not None:
            after = await self._database.write(partial(step, after), limit=HOUSEKEEPING)

    async def _sync(self) -> None:
        config = self._current_config.now
        await sync_rows(self._database, config.settings, config.configs)

    async def _persist(self, step: Callable[[], Awaitable[None]]) -> None:
        """Retries a step until the store is available. Nobody waits for it."""
        while True:
            try:
                await step()
            except StoreBroken:
                raise
            except StoreError as error:
                log.error("configuration_waits_for_store", error=str(error))
                await asyncio.sleep(RETRY_S)
            else:
                return


def _keys(config: ActiveConfig) -> frozenset[str]:
    return frozenset(rule.key for rule in config.rules.inhibit)
