"""Reload: the file is read whole, and either all of it takes effect at once or none of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import PurePath
from typing import TypeVar

from notifier.alerting import inhibition, replanning, rerouting
from notifier.channels.registry import ChannelConfig
from notifier.delivery.dispatcher import Dispatcher
from notifier.domain.errors import ConfigError, Problem, StoreBroken, StoreError
from notifier.domain.notification import Reason
from notifier.domain.time import SECOND
from notifier.oncall.actor import Actor
from notifier.runtime.active_config import (
    ActiveConfig,
    ChannelPool,
    CurrentConfig,
    Opened,
    Rows,
    rules_of,
    sync,
    sync_rows,
)
from notifier.runtime.running_service import Reloaded
from notifier.runtime.system_messages import system_message
from notifier.settings import Settings
from notifier.store import configurations, notifications
from notifier.store.database import HOUSEKEEPING, LOOP, TOPICS, Database, Tx
from notifier.telemetry.logging import get
from notifier.telemetry.metrics import Metrics
from notifier.wording import sentences

SUBJECT = "configuration"
TOLD_AT_MOST = 3
AGAIN_S = 1.0

log = get("notifier.config")

T = TypeVar("T", int, str)
Read = Callable[[], tuple[Settings, Mapping[str, ChannelConfig]]]


class Reloader:
    """One per process; a reload waits for the one before."""

    def __init__(
        self,
        *,
        database: Database,
        current_config: CurrentConfig,
        channel_pool: ChannelPool,
        dispatcher: Dispatcher,
        metrics: Metrics,
        read: Read,
        apply_settings: Callable[[Settings], None],
    ) -> None:
        self._database = database
        self._current_config = current_config
        self._channel_pool = channel_pool
        self._dispatcher = dispatcher
        self._metrics = metrics
        self._read = read
        self._apply_settings = apply_settings
        self._lock = asyncio.Lock()
        self._told: tuple[Problem, ...] = ()
        self._settling: asyncio.Task[None] | None = None

    def started(self) -> None:
        """Show the first configuration, and let what was decided under another follow it."""
        self._good(self._current_config.now.version, previous=None)
        self._settle_later(None, self._current_config.now)

    async def reload(self, actor: Actor) -> Reloaded:
        """Read the file anew. `ConfigError`: it has problems, and the old configuration goes on."""
        async with self._lock:
            before = self._current_config.now
            try:
                settings, configs = await asyncio.to_thread(self._read)
                settings, needs_restart = keep_fixed(settings, before.settings)
                changed = (settings, configs) != (before.settings, before.configs)
                if changed:
                    opened = await self._channel_pool.open(settings, configs, before)
                    await self._replace(before, settings, configs, opened, actor)
                else:
                    await self._database.write(lambda tx: actor.record(tx, "reload", SUBJECT, "unchanged"))
            except ConfigError as error:
                await self._refused(error.problems, actor)
                raise
            except StoreError:
                self._metrics.config_good.set(0)
                raise
            self._good(settings.version, previous=before.version)
            self._say(settings, before, changed=changed, needs_restart=needs_restart)
            return Reloaded(
                version=settings.version,
                previous=before.version,
                changed=changed,
                warnings=settings.warnings,
                needs_restart=needs_restart,
            )

    async def aclose(self) -> None:
        """Stop looking after what was replaced: a start does it as well."""
        if self._settling is not None:
            self._settling.cancel()
            await asyncio.gather(self._settling, return_exceptions=True)

    async def _replace(
        self,
        before: ActiveConfig,
        settings: Settings,
        configs: Mapping[str, ChannelConfig],
        opened: Opened,
        actor: Actor,
    ) -> None:
        def work(tx: Tx) -> Rows:
            actor.record(tx, "reload", SUBJECT, f"{before.version} -> {settings.version}")
            return sync(tx, settings, configs)

        try:
            rows = await self._database.write(work)
        except StoreError:
            await self._channel_pool.put_away(opened, unless=before.opened)
            raise
        after = ActiveConfig(
            settings=settings, configs=configs, opened=opened, rules=rules_of(settings, rows)
        )
        self._current_config.now = after
        self._apply_settings(settings)
        self._database.signals.wake(TOPICS)
        self._settle_later(before, after)

    def _settle_later(self, old: ActiveConfig | None, new: ActiveConfig) -> None:
        """Finish swaps, one by one, once no work has the old configuration in its hands."""
        earlier = self._settling

        async def settle() -> None:
            if earlier is not None:
                await earlier
            await self._settle(old, new)

        self._settling = asyncio.create_task(settle(), name="settle-configuration")

    async def _settle(self, old: ActiveConfig | None, new: ActiveConfig) -> None:
        if old is not None:
            await self._current_config.unused(old)
            # Not before: what waits for a target with new settings would be tried with the old ones.
            await self._persist(self._sync)
        await self._persist(lambda: self._follow(old, new))
        if old is None:
            return
        if await self._dispatcher.ended(old.opened.only(new.opened)):
            # What was being sent to a target that is gone may be pending only now.
            await self._persist(self._sync)
        await self._channel_pool.put_away(old.opened, unless=new.opened)

    async def _follow(self, old: ActiveConfig | None, new: ActiveConfig) -> None:
        """Let incidents and groups follow the present rules and routes, and write down which they are."""
        version, tree, inhibit = new.version, new.rules.tree, new.rules.inhibit
        newest = await self._database.read(lambda tx: configurations.is_newest(tx, version, tree), limit=LOOP)
        if inhibit and (not newest or (old is not None and _keys(old) != _keys(new))):
            await self._all(0, lambda after, tx: inhibition.backfill(tx, inhibit, after))
        if newest:
            return
        routes = tuple(route.key for route in tree.walk())
        await self._all("", lambda after, tx: rerouting.make_orphaned_groups_due(tx, routes, after))
        await self._all("", lambda after, tx: replanning.replan_after_reload(tx, tuple(tree.walk()), after))
        # Last, so that a process that ends before it begins anew.
        await self._database.write(lambda tx: configurations.remember(tx, version, tree), limit=LOOP)

    async def _all(self, first: T, step: Callable[[T, Tx], T | None]) -> None:
        """Take a step, in a transaction of its own, from where the one before it ended."""
        after: T | None = first
        while after is not None:
            after = await self._database.write(partial(step, after), limit=HOUSEKEEPING)

    async def _sync(self) -> None:
        configured = self._current_config.now
        await sync_rows(self._database, configured.settings, configured.configs)

    async def _persist(self, step: Callable[[], Awaitable[None]]) -> None:
        """While the store is away, try again: nobody waits for it."""
        while True:
            try:
                await step()
            except StoreBroken:
                raise
            except StoreError as error:
                log.error("configuration_waits_for_store", error=str(error))
                await asyncio.sleep(AGAIN_S)
            else:
                return

    def _good(self, version: str, *, previous: str | None) -> None:
        self._told = ()
        self._metrics.config_good.set(1)
        self._metrics.config_good_at.set(self._database.now() / SECOND)
        if previous is not None and previous != version:
            self._metrics.config_info.remove(previous)
        self._metrics.config_info.labels(version).set(1)

    def _say(
        self, settings: Settings, before: ActiveConfig, *, changed: bool, needs_restart: tuple[str, ...]
    ) -> None:
        for warning in settings.warnings:
            log.warning("configuration", problem=str(warning))
        for name in needs_restart:
            log.warning("needs_restart", setting=name)
        log.info("reloaded", version=settings.version, previous=before.version, changed=changed)

    async def _refused(self, problems: tuple[Problem, ...], actor: Actor) -> None:
        """The old configuration goes on; the log, a metric, an audit row and the fallback channel say so."""
        self._metrics.config_good.set(0)
        for problem in problems:
            log.error("configuration", problem=str(problem))
        log.error("reload_failed", problems=len(problems), version=self._current_config.now.version)
        try:
            with self._current_config.use() as configured:
                await self._database.write(lambda tx: self._tell(tx, configured, problems, actor))
        except StoreError as error:
            log.error("reload_failure_not_told", error=str(error))
        else:
            self._told = problems

    def _tell(self, tx: Tx, configured: ActiveConfig, problems: tuple[Problem, ...], actor: Actor) -> None:
        actor.record(tx, "reload_failed", SUBJECT, f"{len(problems)} problems; {place(problems[0])}")
        # The same file again has nothing new for whoever reads the fallback channel.
        if configured.fallback is None or problems == self._told:
            return
        said = [f"{place(one)}: {one.message}" for one in problems]
        message = system_message(
            reason=Reason.SYSTEM,
            title="the configuration was not reloaded",
            note=sentences.not_reloaded(said, shown=TOLD_AT_MOST, version=configured.version),
            project=actor.project,
            at=tx.now,
        )
        notifications.enqueue(
            tx, configured.rules, project=actor.project, channel=configured.fallback, message=message
        )


def _keys(configured: ActiveConfig) -> frozenset[str]:
    return frozenset(rule.key for rule in configured.rules.inhibit)


def place(problem: Problem) -> str:
    """`notifier.yaml:12:3`: the file without its folder, as for people elsewhere."""
    return f"{PurePath(problem.file).name}:{problem.line}:{problem.column}"


def keep_fixed(wanted: Settings, running: Settings) -> tuple[Settings, tuple[str, ...]]:
    """The wanted settings with what only a restart can change as it is, and the names of what that leaves undone."""
    fixed = {
        "server.host": (wanted.server.host, running.server.host),
        "server.port": (wanted.server.port, running.server.port),
        "database.url": (wanted.database.url, running.database.url),
        "database.max_size": (wanted.database.max_size, running.database.max_size),
    }
    fixed_server = {"host": running.server.host, "port": running.server.port}
    server = wanted.server.model_copy(update=fixed_server)
    undone = tuple(name for name, (new, old) in fixed.items() if new != old)
    return replace(wanted, server=server, database=running.database), undone
