"""Reloads the configuration: it is read and compared as a whole, and takes effect completely or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from notifier.channels.registry import ChannelConfig
from notifier.domain.errors import ConfigError, StoreError
from notifier.domain.value import replace
from notifier.oncall.actor import Actor
from notifier.runtime.active_config import (
    ActiveConfig,
    ChannelPool,
    ChannelSet,
    ConfigRows,
    CurrentConfig,
    rules_of,
    sync,
)
from notifier.runtime.reload_report import SUBJECT, ReloadReport
from notifier.runtime.running_service import Reloaded
from notifier.runtime.settling import Settling
from notifier.runtime.status import ConfigStatus
from notifier.settings.model import Settings
from notifier.store.database import TOPICS, Database, Tx

ReadConfig = Callable[[], tuple[Settings, Mapping[str, ChannelConfig]]]


class Reloader:
    """Reloads the configuration of a process, one reload at a time."""

    def __init__(
        self,
        *,
        database: Database,
        current_config: CurrentConfig,
        channel_pool: ChannelPool,
        settling: Settling,
        report: ReloadReport,
        read: ReadConfig,
        apply_settings: Callable[[Settings], None],
    ) -> None:
        self._database = database
        self._current_config = current_config
        self._channel_pool = channel_pool
        self._settling = settling
        self._report = report
        self._read = read
        self._apply_settings = apply_settings
        self._lock = asyncio.Lock()

    def started(self) -> None:
        """Reports the first configuration, and starts to apply it to decisions of an earlier one."""
        self._report.in_use(self._current_config.now.version, previous=None)
        self._settling.begin(None, self._current_config.now)

    async def reload(self, actor: Actor) -> Reloaded:
        """Reads the file again. Raises `ConfigError` if it has problems; the old configuration stays in use."""
        async with self._lock:
            before = self._current_config.now
            try:
                settings, configs = await asyncio.to_thread(self._read)
                settings, needs_restart = keep_fixed(settings, before.settings)
                changed = (settings, configs) != (before.settings, before.configs)
                if changed:
                    channel_set = await self._channel_pool.open(settings, configs, before)
                    await self._apply(before, settings, configs, channel_set, actor)
                else:
                    await self._database.write(lambda tx: actor.record(tx, "reload", SUBJECT, "unchanged"))
            except ConfigError as error:
                await self._report.refused(error.problems, actor)
                raise
            except StoreError:
                self._report.failed()
                raise
            done = Reloaded(
                version=settings.version,
                previous=before.version,
                changed=changed,
                warnings=settings.warnings,
                needs_restart=needs_restart,
            )
            self._report.reloaded(done)
            return done

    @property
    def status(self) -> ConfigStatus:
        return self._report.status

    async def aclose(self) -> None:
        """Stops settling replaced configurations. The next start resumes that."""
        await self._settling.aclose()

    async def _apply(
        self,
        before: ActiveConfig,
        settings: Settings,
        configs: Mapping[str, ChannelConfig],
        channel_set: ChannelSet,
        actor: Actor,
    ) -> None:
        def work(tx: Tx) -> ConfigRows:
            actor.record(tx, "reload", SUBJECT, f"{before.version} -> {settings.version}")
            return sync(tx, settings, configs)

        try:
            rows = await self._database.write(work)
        except StoreError:
            await self._channel_pool.close_unused(channel_set, unless=before.channel_set)
            raise
        after = ActiveConfig(
            settings=settings, configs=configs, channel_set=channel_set, rules=rules_of(settings, rows)
        )
        self._current_config.now = after
        self._apply_settings(settings)
        self._database.signals.wake(TOPICS)
        self._settling.begin(before, after)


def keep_fixed(loaded: Settings, running: Settings) -> tuple[Settings, tuple[str, ...]]:
    """The new settings with those that need a restart unchanged, and the names of these."""
    fixed = {
        "server.host": (loaded.server.host, running.server.host),
        "server.port": (loaded.server.port, running.server.port),
        "database.url": (loaded.database.url, running.database.url),
        "database.max_size": (loaded.database.max_size, running.database.max_size),
    }
    fixed_server = {"host": running.server.host, "port": running.server.port}
    server = loaded.server.model_copy(update=fixed_server)
    undone = tuple(name for name, (new, old) in fixed.items() if new != old)
    return replace(loaded, server=server, database=running.database), undone
