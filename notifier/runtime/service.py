"""The running service: its open parts, and the requests that it answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from notifier.access.keyring import Keyring
from notifier.alerting.loops import Alerting
from notifier.alerting.timekeeping import Timekeeper
from notifier.channels.callbacks import Callbacks
from notifier.delivery.dispatcher import Dispatcher
from notifier.domain.errors import StoreError
from notifier.domain.message import Message
from notifier.domain.time import SECOND, Duration, Instant
from notifier.ingest.acceptance import Acceptance
from notifier.ingest.alerts import AlertIntake
from notifier.ingest.commit import GroupCommit
from notifier.ingest.monitors import MonitorIntake
from notifier.ingest.normalize import Normalizer
from notifier.ingest.processes import ProcessWatch
from notifier.ingest.quota import KeyQuota
from notifier.ingest.run_intake import RunIntake
from notifier.oncall import status
from notifier.oncall.actor import Actor
from notifier.oncall.channels import ChannelFacts
from notifier.oncall.findings import Finding
from notifier.policy.rules import AlertingRules
from notifier.runtime.active_config import CurrentConfig
from notifier.runtime.backup import copy, explaining_errors
from notifier.runtime.backup_schedule import BackupSchedule
from notifier.runtime.books import Books
from notifier.runtime.channel_test import test_channel
from notifier.runtime.database import replica_name, sqlite_path
from notifier.runtime.doctor import examine, examine_channels
from notifier.runtime.reload import Reloader
from notifier.runtime.running_service import ChannelTestOutcome, Reloaded
from notifier.runtime.sample_message import sample_message
from notifier.runtime.sns import SnsAuthority
from notifier.runtime.status import ServiceStatus, loop_status, release, troubles
from notifier.settings.model import Settings
from notifier.store import hold as holding
from notifier.store import integrity, ledger
from notifier.store.database import Broken, Database, Tx
from notifier.telemetry.logging import get
from notifier.telemetry.loop import Loop
from notifier.telemetry.metrics import Metrics
from notifier.telemetry.watchdog import Watchdog

READY_TTL: Duration = SECOND
PROBE_TIMEOUT: Duration = 3 * SECOND

log = get("notifier.runtime")


@dataclass(slots=True, kw_only=True)
class Runtime:
    """A `RunningService`, with further parts for composition and the event endpoint."""

    database: Database
    current_config: CurrentConfig
    metrics: Metrics
    new_id: Callable[[], str]
    acceptance: Acceptance
    commit: GroupCommit
    events_quota: KeyQuota
    runs: RunIntake
    watch: ProcessWatch
    dispatcher: Dispatcher
    alerting: Alerting
    reloader: Reloader
    callbacks: Callbacks
    watchdog: Watchdog
    keyring: Keyring
    sns: SnsAuthority
    loops: tuple[Loop, ...] = ()
    stopping: bool = False
    alerts: AlertIntake = field(init=False)
    monitors: MonitorIntake = field(init=False)
    books: Books = field(init=False)
    backups: BackupSchedule = field(init=False)
    timekeeper: Timekeeper = field(init=False)
    _started_at: Instant = field(init=False)
    _ready: tuple[Instant, tuple[str, ...]] = (0, ())
    _probing: asyncio.Lock = field(default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        self.books, self._started_at = Books(self.database, self.metrics), self.database.now()
        self.timekeeper = Timekeeper(self.database)
        self.backups = BackupSchedule(self.database, lambda: self.settings, self.metrics)
        self.alerts = AlertIntake(
            self.database, self.acceptance, resolve_timeout=lambda: self.settings.resolve_timeout
        )
        self.monitors = MonitorIntake(
            self.database,
            quota=self.events_quota,
            declared=lambda: self.settings.monitors,
            new_id=self.new_id,
            metrics=self.metrics,
            max_size=self.settings.database.max_size,
        )

    @property
    def started_at(self) -> Instant:
        return self._started_at

    @property
    def settings(self) -> Settings:
        """The current settings. A reload replaces them together with the properties below."""
        return self.current_config.now.settings

    @property
    def broken(self) -> Broken:
        """Set when nothing may be accepted any more, or a loop has stopped: the process must end."""
        return self.database.broken

    @property
    def rules(self) -> AlertingRules:
        return self.current_config.now.rules

    @property
    def channels(self) -> Mapping[str, ChannelFacts]:
        """The public facts of each channel, by name. Contains no secrets."""
        settings = self.settings
        return {
            name: ChannelFacts(
                type=settings.channels[name].type,
                targets=config.targets,
                rate_limit=config.rate_limit,
                fallback=name == settings.fallback,
            )
            for name, config in self.current_config.now.configs.items()
        }

    async def reload(self, actor: Actor) -> Reloaded:
        """Reads the configuration again. Raises `ConfigError` if it has problems; the old one stays in use."""
        return await self.reloader.reload(actor)

    def apply_settings(self, settings: Settings) -> None:
        """Applies reloaded settings to ingest. Used quota stays used."""
        limit = settings.ingest.rate_limit
        self.events_quota.allow(limit.count, limit.per)
        self.acceptance.normalizer = Normalizer(
            max_event_bytes=settings.ingest.max_event_bytes, new_id=self.new_id
        )

    async def ready(self) -> tuple[str, ...]:
        """Why it is not ready; empty if a commit succeeds and all loops move. Concurrent calls share one commit."""
        async with self._probing:
            return await self._probe()

    async def _probe(self) -> tuple[str, ...]:
        now = self.database.now()
        if self._ready[0] and 0 <= now - self._ready[0] < READY_TTL and not self.stopping:
            return self._ready[1]
        problems = troubles(self.loops, now)
        if self.stopping:
            problems.append("the service is stopping")
        try:
            async with asyncio.timeout(5):
                lost = await self.database.write(_probe, essential=False, limit=PROBE_TIMEOUT)
            if lost:
                problems.append(integrity.missing_sentence(lost))
        except (StoreError, TimeoutError) as error:
            problems.append(str(error) or "a commit takes more than five seconds")
        self._ready = (now, tuple(problems))
        self.metrics.ready.set(0 if problems else 1)
        return self._ready[1]

    async def status(self) -> ServiceStatus:
        """The state of this process and of the instance."""
        now = self.database.now()
        books_at, books = await self.books.read()
        database = await status.read(self.database)
        return ServiceStatus(
            release=release(),
            replica=replica_name(),
            started_at=self._started_at,
            config=self.reloader.status,
            loops=tuple(loop_status(loop, now) for loop in self.loops),
            not_ready=await self.ready(),
            database=database if self.settings.backup is not None else replace(database, backup=None),
            books=books,
            books_at=books_at,
            books_check=self.books.last_check,
        )

    async def examine(self) -> tuple[Finding, ...]:
        """Examines the service and its channels. Returns each problem with what to do. Sends no notifications."""
        now = self.current_config.now
        targets = {name: config.targets for name, config in now.configs.items()}
        return await examine(self.database, now.settings, now.channels, targets, await self.status())

    async def check_channel(self, name: str) -> tuple[Finding, ...]:
        """Checks the targets of one channel, as far as possible without sending."""
        now = self.current_config.now
        opened = {name: now.channels[name]} if name in now.channels else {}
        return await examine_channels(
            opened, {name: now.configs[name].targets} if name in now.configs else {}
        )

    async def test_channel(self, name: str, project: str, actor: str) -> tuple[ChannelTestOutcome, ...]:
        """Sends a real message to each target of a channel, and waits for the outcomes."""
        return await test_channel(self.database, self.rules, name=name, project=project, actor=actor)

    def preview(self, channel: str, message: Message) -> str | None:
        """The text of a message for a channel. None if there is no such channel, or its kind has no preview."""
        config = self.current_config.now.configs.get(channel)
        if config is None or config.kind.preview is None:
            return None
        try:
            return config.kind.preview(channel, config.settings, message, self.rules.url)
        except Exception:
            log.exception("preview_failed", channel=channel, kind=config.kind.name)
            return None

    def sample(self, channel: str, project: str) -> str | None:
        """The text of a sample alert, as `preview`."""
        message = sample_message(project=project, at=self.database.now(), url=self.rules.url)
        return self.preview(channel, message)

    async def exposition(self) -> bytes:
        """The metrics in Prometheus' text format, with the current accounting."""
        try:
            await self.books.show()
            self.metrics.held.set(0 if await self.database.read(holding.current) is None else 1)
        except StoreError:
            pass  # without the database, the metrics in memory are still useful
        return self.metrics.render()

    async def backup(self, path: Path) -> None:
        """Writes a consistent copy of the SQLite file."""
        source = sqlite_path(self.settings.database.url)
        if source is None:
            raise StoreError("PostgreSQL is backed up with pg_dump")
        with explaining_errors(source, path.parent):
            await asyncio.to_thread(copy, source, path)


def _probe(tx: Tx) -> tuple[str, ...]:
    """Commits a counter, and returns the tables that are missing."""
    ledger.add(tx, {"probes": 1})
    return integrity.missing_tables(tx)
