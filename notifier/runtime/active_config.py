"""The active configuration: one frozen value, and the holder of the current one."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from pydantic import SecretBytes, SecretStr

from notifier.channels import registry
from notifier.channels.base import Channel, Toolbox
from notifier.channels.http import GuardedClient
from notifier.channels.registry import ChannelConfig
from notifier.delivery.dispatcher import OpenChannel
from notifier.delivery.targets import forget_health, settings_hashes, sync_targets
from notifier.domain.errors import ConfigError, Problem
from notifier.domain.time import Duration
from notifier.domain.value import replace
from notifier.policy.rules import AlertingRules
from notifier.settings.model import Settings
from notifier.store.database import Database, Tx
from notifier.telemetry.clock import Clock
from notifier.telemetry.ids import uuid7
from notifier.telemetry.logging import get

log = get("notifier.runtime")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelSet:
    """The open channels of one configuration, and the toolbox that they use."""

    toolbox: Toolbox
    channels: Mapping[str, OpenChannel]

    def senders_not_in(self, other: ChannelSet | None) -> list[Channel]:
        """The senders that are not in `other`."""
        shared = () if other is None else [channel.sender for channel in other.channels.values()]
        return [
            channel.sender
            for channel in self.channels.values()
            if not any(channel.sender is sender for sender in shared)
        ]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ActiveConfig:
    """All that the configuration file decides, so that one assignment replaces it."""

    settings: Settings
    configs: Mapping[str, ChannelConfig]
    channel_set: ChannelSet
    rules: AlertingRules

    @property
    def channels(self) -> Mapping[str, OpenChannel]:
        return self.channel_set.channels

    @property
    def toolbox(self) -> Toolbox:
        return self.channel_set.toolbox

    @property
    def fallback(self) -> str | None:
        return self.settings.fallback

    @property
    def auto_resolve(self) -> Duration:
        return self.settings.auto_resolve

    @property
    def resolve_timeout(self) -> Duration:
        return self.settings.resolve_timeout

    @property
    def version(self) -> str:
        return self.settings.version


class CurrentConfig:
    """Holds the current configuration.

    Code that uses it across an `await` calls `use`, so that a replaced configuration is closed only when no longer in
    use.
    """

    def __init__(self, first: ActiveConfig) -> None:
        self.now = first
        self._users: Counter[ActiveConfig] = Counter()
        self._left = asyncio.Event()

    @contextmanager
    def use(self) -> Iterator[ActiveConfig]:
        """The current configuration. It stays usable within the block even if it is replaced."""
        configured = self.now
        self._users[configured] += 1
        try:
            yield configured
        finally:
            self._users[configured] -= 1
            if not self._users[configured]:
                del self._users[configured]
                self._left.set()

    async def wait_until_unused(self, configured: ActiveConfig) -> None:
        """Waits until a replaced configuration is no longer in use."""
        while configured in self._users:
            self._left.clear()
            await self._left.wait()


def rules_of(settings: Settings, rows: ConfigRows) -> AlertingRules:
    """The alerting rules of a configuration."""
    return AlertingRules(
        tree=settings.route,
        targets=rows.targets,
        settings_hashes=rows.settings_hashes,
        url=settings.server.url,
        expires_after=settings.delivery.expires_after,
        fallback_after=None if settings.fallback is None else settings.delivery.fallback_after,
        new_id=uuid7,
        inhibit=settings.inhibit,
        version=settings.version,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigRows:
    """The database rows of a configuration: the ids of each channel's targets, and the hash of its settings."""

    targets: Mapping[str, tuple[int, ...]]
    settings_hashes: Mapping[str, str]


def sync(tx: Tx, settings: Settings, configs: Mapping[str, ChannelConfig]) -> ConfigRows:
    """Updates the target rows to match the configuration."""
    wanted = {name: config.targets for name, config in configs.items()}
    return ConfigRows(
        targets=sync_targets(tx, wanted, fallback=settings.fallback),
        settings_hashes=settings_hashes(
            tx, {name: settings_text(config) for name, config in configs.items()}
        ),
    )


def settings_text(config: ChannelConfig) -> str:
    """The settings that a channel's health depends on, as text, with secrets and without recipients."""
    own = config.settings.model_dump(exclude=set(config.kind.recipients))
    return json.dumps([config.kind.name, own], sort_keys=True, default=_plain)


def _plain(value: object) -> object:
    """A JSON value: secrets are revealed, sets are sorted, anything else becomes its text."""
    if isinstance(value, SecretStr | SecretBytes):
        held = value.get_secret_value()
        return held if isinstance(held, str) else held.hex()
    if isinstance(value, set | frozenset):
        return sorted(map(str, value))
    return str(value)


async def sync_rows(
    database: Database, settings: Settings, configs: Mapping[str, ChannelConfig]
) -> ConfigRows:
    """Updates the target rows to match the configuration, and resets the health of channels with changed settings."""

    def work(tx: Tx) -> ConfigRows:
        rows = sync(tx, settings, configs)
        forget_health(tx, rows.settings_hashes)
        return rows

    return await database.write(work)


@dataclass(slots=True)
class ChannelPool:
    """Opens channels, and closes each of them once."""

    clock: Clock
    _clients: list[GuardedClient] = field(default_factory=list)
    _senders: list[Channel] = field(default_factory=list)

    async def open(
        self, settings: Settings, configs: Mapping[str, ChannelConfig], before: ActiveConfig | None = None
    ) -> ChannelSet:
        """Opens all channels. Unchanged ones keep their `before` sender. Raises `ConfigError` with all problems."""
        toolbox = self._toolbox(settings, before)
        reused = (
            {} if before is None or toolbox is not before.channel_set.toolbox else _unchanged(before, configs)
        )
        channels: dict[str, OpenChannel] = {}
        problems: list[Problem] = []
        for name, config in configs.items():
            try:
                sender = reused[name] if name in reused else self._opened(config, toolbox)
            except ConfigError as error:
                problems += error.problems
                continue
            channels[name] = OpenChannel(
                sender=sender,
                rate_limit=config.rate_limit,
                digest=config.digest,
                pace=config.pace,
                concurrency=config.concurrency,
                action_links=config.action_links,
            )
        opened_channels = ChannelSet(toolbox=toolbox, channels=channels)
        if problems:
            await self.close_unused(opened_channels, unless=None if before is None else before.channel_set)
            raise ConfigError(tuple(problems))
        return opened_channels

    async def close_unused(self, old: ChannelSet, *, unless: ChannelSet | None) -> None:
        """Closes the senders that only `old` has."""
        await self._close(old.senders_not_in(unless))
        if unless is None or old.toolbox.http is not unless.toolbox.http:
            self._clients.remove(old.toolbox.http)
            await old.toolbox.http.aclose()

    async def aclose(self) -> None:
        """Closes all open senders."""
        await self._close(list(self._senders))
        for client in self._clients:
            await client.aclose()

    def _toolbox(self, settings: Settings, before: ActiveConfig | None) -> Toolbox:
        allow, url = settings.delivery.allow_private_addresses, settings.server.url
        if before is not None and before.settings.delivery.allow_private_addresses == allow:
            lent = before.channel_set.toolbox
            return lent if lent.url == url else replace(lent, url=url)
        client = GuardedClient(clock=self.clock, allow_private_addresses=allow)
        self._clients.append(client)
        return Toolbox(clock=self.clock, http=client, url=url)

    def _opened(self, config: ChannelConfig, toolbox: Toolbox) -> Channel:
        sender = registry.open(config, toolbox)
        self._senders.append(sender)
        return sender

    async def _close(self, senders: Collection[Channel]) -> None:
        self._senders = [sender for sender in self._senders if not any(sender is other for other in senders)]
        ended = await asyncio.gather(*(sender.aclose() for sender in senders), return_exceptions=True)
        for error in ended:
            if isinstance(error, Exception):
                log.warning("channel_not_closed", error=type(error).__name__)


def _unchanged(before: ActiveConfig, configs: Mapping[str, ChannelConfig]) -> dict[str, Channel]:
    """The senders of channels whose settings have not changed."""
    return {
        name: before.channels[name].sender
        for name, config in configs.items()
        if (previous := before.configs.get(name)) is not None
        and (previous.kind, previous.settings) == (config.kind, config.settings)
    }
