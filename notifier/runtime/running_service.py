"""The one view of the running service: routers, pages and their tests see this of `Runtime`."""

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
    """The outcome of a reload. `needs_restart` names the changed settings that keep their old value until a restart."""

    version: str
    previous: str
    changed: bool
    warnings: tuple[Problem, ...]
    needs_restart: tuple[str, ...]


class RunningService(OncallContext, Protocol):
    """The database, and what the present configuration says: a reload replaces all of that at once.

    `channels` is by name. `acceptance` takes events, `callbacks` reads what people press, `runs` takes changes of task
    runs, `monitors` check-ins of monitors, `events_quota` counts what each key posts.
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
        """Why the service is not ready, as sentences; empty where it is."""

    async def status(self) -> ServiceStatus:
        """The state of this process and of the instance, for people."""

    async def examine(self) -> Sequence[Finding]:
        """Examine the service and its channels: each fault, and what to do. Nobody is told anything."""

    async def check_channel(self, name: str) -> Sequence[Finding]:
        """Examine one channel; nothing for one that there is not."""

    async def exposition(self) -> bytes:
        """The metrics as Prometheus text."""

    async def test_channel(self, name: str, project: str, actor: str) -> Sequence[ChannelTestOutcome]:
        """Send a real message to every target of a channel, and wait for what becomes of each."""

    def preview(self, channel: str, message: Message) -> str | None:
        """The text that a message goes out as through a channel; None where its kind shows none, or it is gone."""

    def sample(self, channel: str, project: str) -> str | None:
        """The same of a made-up alert."""

    async def backup(self, path: Path) -> None:
        """Write a consistent copy of the SQLite file; `StoreError` on PostgreSQL."""

    async def reload(self, actor: Actor) -> Reloaded:
        """Read the configuration anew; `ConfigError` where it has problems, and then the old one goes on."""
