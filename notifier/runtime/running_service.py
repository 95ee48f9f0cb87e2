"""The interface of the running service for routers, pages and their tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from notifier.channels.callbacks import Callbacks
from notifier.domain.errors import Problem
from notifier.domain.message import Message
from notifier.ingest.acceptance import Acceptance
from notifier.ingest.monitors import MonitorIntake
from notifier.ingest.quota import KeyQuota
from notifier.ingest.run_intake import RunIntake
from notifier.oncall.actor import Actor
from notifier.oncall.channels import ChannelFacts
from notifier.oncall.context import OncallContext
from notifier.oncall.findings import Finding
from notifier.runtime.status import ServiceStatus
from notifier.settings.model import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelTestOutcome:
    """The outcome of one delivery of a channel test."""

    target: str
    delivery: str
    outcome: str
    detail: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reloaded:
    """The result of a reload. `needs_restart` names changed settings that keep their old value until a restart."""

    version: str
    previous: str
    changed: bool
    warnings: tuple[Problem, ...]
    needs_restart: tuple[str, ...]


class RunningService(OncallContext, Protocol):
    """The database, and what the current configuration decides, which a reload replaces at once.

    `channels` is by name. `acceptance` stores events, `runs` task runs, `monitors` check-ins; `callbacks` parses
    button presses, and `events_quota` limits what each key posts.
    """

    @property
    def settings(self) -> Settings: ...
    @property
    def channels(self) -> Mapping[str, ChannelFacts]: ...
    @property
    def acceptance(self) -> Acceptance: ...
    @property
    def callbacks(self) -> Callbacks: ...
    @property
    def runs(self) -> RunIntake: ...
    @property
    def monitors(self) -> MonitorIntake: ...
    @property
    def events_quota(self) -> KeyQuota: ...

    async def ready(self) -> Sequence[str]:
        """Sentences that say why the service is not ready. Empty if it is."""

    async def status(self) -> ServiceStatus:
        """The state of this process and of the instance."""

    async def examine(self) -> Sequence[Finding]:
        """Examines the service and its channels. Returns each problem with what to do. Sends no notifications."""

    async def check_channel(self, name: str) -> Sequence[Finding]:
        """Examines one channel. Empty if there is no such channel."""

    async def exposition(self) -> bytes:
        """The metrics in Prometheus' text format."""

    async def test_channel(self, name: str, project: str, actor: str) -> Sequence[ChannelTestOutcome]:
        """Sends a real message to each target of a channel, and waits for the outcomes."""

    def preview(self, channel: str, message: Message) -> str | None:
        """The text of a message for a channel. None if there is no such channel, or its kind has no preview."""

    def sample(self, channel: str, project: str) -> str | None:
        """The text of a sample alert, as `preview`."""

    async def backup(self, path: Path) -> None:
        """Writes a consistent copy of the SQLite file. Raises `StoreError` on PostgreSQL."""

    async def reload(self, actor: Actor) -> Reloaded:
        """Reads the configuration again. Raises `ConfigError` if it has problems; the old one stays in use."""
