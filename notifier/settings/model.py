"""The model of the whole file, and the resulting settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import ConfigDict, Field

from notifier.domain.errors import Problem
from notifier.domain.monitor import DeclaredMonitor
from notifier.domain.route import AUTO_RESOLVE_DEFAULT, RESOLVE_TIMEOUT_DEFAULT, Inhibition, Route
from notifier.domain.time import Duration
from notifier.settings.auth import AuthSettings
from notifier.settings.channel_blocks import ChannelBlock, ChannelCommon
from notifier.settings.formats import FormatBlock, FormatBlocks
from notifier.settings.inhibition import InhibitionBlocks
from notifier.settings.intervals import Dates, IntervalBlocks
from notifier.settings.monitors import MonitorBlocks
from notifier.settings.names import ChannelName
from notifier.settings.routes import RootRouteBlock
from notifier.settings.sections import (
    BackupSettings,
    DatabaseSettings,
    DeliverySettings,
    IngestSettings,
    RetentionSettings,
    Sections,
    ServerSettings,
    with_default,
)
from notifier.settings.values import Span


class SettingsFile(Sections):
    """A file, section by section."""

    model_config = ConfigDict(title="notifier configuration")

    channels: dict[str, ChannelCommon] = with_default({}, "The configured senders, by name.")
    fallback: ChannelName | None = with_default(None, "The channel to use when another one fails.")
    route: RootRouteBlock | None = None
    inhibit: InhibitionBlocks = with_default(
        (), "While an incident that matches `source` is unresolved, those that match `target` are held."
    )
    time_intervals: IntervalBlocks = with_default(
        (), "Windows by name, for mute_time_intervals and active_time_intervals of routes."
    )
    holidays: dict[str, Dates | None] = with_default(
        {}, "Lists of dates by name, for `holidays` and `except_holidays` of time intervals."
    )
    formats: FormatBlocks = with_default(
        {}, "Formats of JSON at /v1/ingest/NAME: your own, or changes to a shipped one."
    )
    monitors: MonitorBlocks = with_default(
        {}, "Jobs that check in, by name. A missed check-in opens an incident, the next one resolves it."
    )
    auth: AuthSettings = Field(
        default_factory=AuthSettings, description="How people sign in to the pages, in addition to keys."
    )
    backup: BackupSettings | None = with_default(
        None, "Scheduled backups. Without this section, none are made."
    )
    auto_resolve: Span = with_default(
        "24h", "An incident without events for this long is resolved automatically."
    )
    resolve_timeout: Span = with_default(
        "5m", "A Prometheus alert that is not sent again is resolved this long after its end."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """A configuration, frozen.

    `source` is the file's name or None, `version` the first 12 hex digits of its SHA-256. `warnings` are about what
    is allowed but likely unintended, such as no fallback, or a route whose only channel is the fallback. `formats`
    are those in the file.
    """

    server: ServerSettings
    database: DatabaseSettings
    channels: Mapping[str, ChannelBlock]
    fallback: str | None
    route: Route
    inhibit: tuple[Inhibition, ...] = ()
    auto_resolve: Duration = AUTO_RESOLVE_DEFAULT
    resolve_timeout: Duration = RESOLVE_TIMEOUT_DEFAULT
    formats: Mapping[str, FormatBlock] = field(default_factory=dict)
    monitors: Mapping[str, DeclaredMonitor] = field(default_factory=dict)
    auth: AuthSettings = field(default_factory=AuthSettings)
    backup: BackupSettings | None = None
    delivery: DeliverySettings
    ingest: IngestSettings
    retention: RetentionSettings
    source: str | None
    version: str
    warnings: tuple[Problem, ...] = ()
